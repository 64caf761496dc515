"""Does the answer contain the words it must, and none that it must not?"""

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject

NAME = "contains"


class ContainsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Substrings, compared as they stand."""

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    ignore_case: bool = False


class Contains:
    """The share of the demands that are met: each of `all`, `any` taken together, and each of `none`."""

    info = CheckInfo(
        name=NAME,
        summary="the answer contains given words, or does not",
        options={
            "all": "list of texts that must all occur",
            "any": "list of texts of which at least one must occur",
            "none": "list of texts that must not occur",
            "ignore_case": "whether upper and lower case are the same (default false)",
        },
    )

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(ContainsOptions, options)
        if not found and not any(options.get(name) for name in ("all", "any", "none")):
            found.append("nothing to look for: give at least one of 'all', 'any' and 'none'")
        return found

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(ContainsOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        demands = wanted_demands(subject.choice.text, wanted)
        missed = [words for words, met in demands if not met]
        if not missed:
            return Verdict(check=NAME, score=1.0, reason="as wanted")
        return Verdict(
            check=NAME,
            score=1 - len(missed) / len(demands),
            reason="; ".join(missed),
            message=f"Answer again so that this no longer holds: {'; '.join(missed)}.",
        )


def wanted_demands(text: str, wanted: ContainsOptions) -> list[tuple[str, bool]]:
    """Each demand as the words to say when it is missed, and whether it is met."""

    def fold(words: str) -> str:
        return words.casefold() if wanted.ignore_case else words

    text = fold(text)
    demands = [(f"lacks {words!r}", fold(words) in text) for words in wanted.all]
    if wanted.any:
        listed = ", ".join(map(repr, wanted.any))
        demands.append((f"has none of {listed}", any(fold(words) in text for words in wanted.any)))
    demands += [(f"contains {words!r}", fold(words) not in text) for words in wanted.none]
    return demands
