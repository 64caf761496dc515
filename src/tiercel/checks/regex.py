"""Does the answer match a regular expression? Evaluated in the isolated worker, as Python's can take for ever."""

import re

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.checks.isolated import Isolated
from tiercel.checks.worker import FLAGS, compile_pattern
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject

NAME = "regex"

MAX_PATTERN = 4_096
MAX_TEXT = 1_000_000


class RegexOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pattern of Python's `re`, how to use it, and what a miss means in words."""

    pattern: str
    negate: bool = False
    flags: str = ""
    full: bool = False
    miss: str = ""


class Regex:
    """1 if the pattern is found (`negate`: is not found) in the answer's text."""

    info = CheckInfo(
        name=NAME,
        summary="the answer matches a regular expression, or does not",
        options={
            "pattern": "regular expression of Python's re (required)",
            "negate": "whether it must not match (default false)",
            "flags": "letters: i ignore case, m multi-line, s dot matches line breaks, x verbose, a ASCII",
            "full": "whether the whole text must match, white space at its ends aside (default false)",
            "miss": "what a miss means, in words for the record and for a model that is asked again",
        },
    )

    def __init__(self, isolated: Isolated) -> None:
        self._isolated = isolated

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(RegexOptions, options)
        if found:
            return found
        wanted = read_options(RegexOptions, options)
        unknown = sorted(set(wanted.flags) - set(FLAGS))
        if unknown:
            return [f"no flag {unknown[0]!r}: use some of {', '.join(FLAGS)}"]
        if len(wanted.pattern) > MAX_PATTERN:
            return [f"pattern has {len(wanted.pattern)} characters: use at most {MAX_PATTERN}"]
        try:
            compile_pattern(wanted.pattern, wanted.flags)
        except (re.error, OverflowError, RecursionError) as error:
            return [f"pattern does not compile: {error}"]
        return []

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(RegexOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        text = subject.choice.text.strip() if wanted.full else subject.choice.text
        if len(text) > MAX_TEXT:
            return Verdict(check=NAME, score=0.0, reason=f"over {MAX_TEXT} characters, not searched")
        call = {"pattern": wanted.pattern, "flags": wanted.flags, "full": wanted.full, "text": text}
        found = bool(await self._isolated.evaluate("regex", call))
        reason = "matches" if found else "does not match"
        if found != wanted.negate:
            return Verdict(check=NAME, score=1.0, reason=reason)
        demand = "must not" if wanted.negate else "must"
        complaint = wanted.miss or f"The answer {demand} match the regular expression {wanted.pattern}"
        return Verdict(
            check=NAME, score=0.0, reason=wanted.miss or reason, message=f"{complaint}. Answer again."
        )
