"""Compares answers to one request, each kind in its own way, and says how many agree.

Equal after normalising is an equivalence, so most groups are plain. Numbers with and without units, and free texts, are
not transitive: there a group is one in which every answer agrees with every other.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from tiercel.checks.comparing.final import final_answer
from tiercel.checks.comparing.likeness import MAX_CHARS, Kind, Likeness
from tiercel.checks.comparing.meaning import Meaning
from tiercel.checks.comparing.offered import asked_text, choice_in, offered_in
from tiercel.checks.comparing.program import code_in
from tiercel.checks.comparing.quantity import agree
from tiercel.checks.comparing.reading import Reader, Reading, silence
from tiercel.checks.comparing.values import NotAValueError, value_in
from tiercel.checks.comparing.words import f1
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import Choice

SAME_TEXT = 0.8
"""How much of their words two free texts must share to count as the same."""

SHORT_WORDS = 12
ASKED_CHARS = 20_000
DIGIT = re.compile(r"\d")
JSON_FENCE = re.compile(r"^[ \t]*```(?:json)?[ \t]*\n\s*[{\[]", re.MULTILINE)
ASKS_FOR_NUMBER = re.compile(
    r"\b(?:how (?:many|much|old|far|long|tall|fast)|calculate|compute|what is the (?:sum|total|value|number|average"
    r"|probability|area|volume|remainder|cost|price)|wie ?viele?|berechne|combien|calcule[rz]?|cu[áa]nt[oa]s?"
    r"|quant[oiae]|quantos)\b",
    re.IGNORECASE,
)

Outcome = Literal["unanimous", "majority", "plurality", "tie", "split"]


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Who agrees with whom: `groups` of places in the list of answers, largest first, then as they came.

    `silent` are those that were empty or refused; they agree with nobody. `unanimous`: all agree, none is silent.
    `majority`: more than half of all agree. `plurality`: the largest group is the only one of its size. `tie`: two
    groups of at least two are the largest. `split`: no two agree.
    """

    kind: Kind
    outcome: Outcome
    groups: tuple[tuple[int, ...], ...]
    silent: tuple[int, ...] = ()

    @property
    def leaders(self) -> tuple[int, ...]:
        """The one largest group of at least two; empty where there is none."""
        return self.groups[0] if self.outcome in ("unanimous", "majority", "plurality") else ()


def compare(
    request: ModelRequest, a: Choice, b: Choice, *, kind: Kind | None = None, same_text: float = SAME_TEXT
) -> Likeness:
    """Whether two answers to `request` say the same. Symmetric; an answer is always like itself. Never raises."""
    reader = Reader(request, kind or kind_of(request, (a, b)))
    return _likeness(reader.kind, reader.read(a), reader.read(b), same_text)


def tally(
    request: ModelRequest,
    answers: Sequence[Choice],
    *,
    kind: Kind | None = None,
    same_text: float = SAME_TEXT,
    meaning: Meaning | None = None,
) -> Tally:
    """Which of the answers agree with which. Free texts whose `meaning` is known are compared by it."""
    reader = Reader(request, kind or kind_of(request, answers))
    readings = list(map(reader.read, answers))

    def same(a: int, b: int) -> bool:
        near = None if meaning is None else meaning.between(a, b)
        if meaning is None or near is None:
            return _likeness(reader.kind, readings[a], readings[b], same_text).same
        return readings[a].key == readings[b].key or (
            near >= meaning.same and _guarded(readings[a], readings[b]) is None
        )

    groups: list[list[int]] = []
    for place, reading in enumerate(readings):
        if reading.silent:
            continue
        for group in groups:
            if all(same(other, place) for other in group):
                group.append(place)
                break
        else:
            groups.append([place])
    groups.sort(key=len, reverse=True)
    return Tally(
        kind=reader.kind,
        outcome=_outcome([len(group) for group in groups], len(answers)),
        groups=tuple(map(tuple, groups)),
        silent=tuple(place for place, reading in enumerate(readings) if reading.silent),
    )


def kind_of(request: ModelRequest, answers: Sequence[Choice]) -> Kind:
    """How these answers to this request are best compared: by what was asked for, then by what they are."""
    spoken = [answer for answer in answers if not silence(answer)]
    if any(answer.tool_calls for answer in spoken):
        return "tool_calls"
    texts = [answer.text for answer in spoken]
    wanted = request.response_format
    if wanted is not None and wanted.wants_json:
        return "json"
    if not texts or any(len(text) > MAX_CHARS for text in texts):
        return "text"
    if sum(map(_is_json, texts)) * 2 > len(texts):
        return "json"
    offered = offered_in(request)
    if offered and any(choice_in(text, offered) for text in texts):
        return "choice"
    if sum(code_in(text) is not None for text in texts) * 2 > len(texts):
        return "code"
    return _kind_of_words(asked_text(request)[-ASKED_CHARS:], texts)


def _kind_of_words(asked: str, texts: list[str]) -> Kind:
    asks_for_number = ASKS_FOR_NUMBER.search(asked) is not None
    finals = list(map(final_answer, texts))
    short = [final.mark != "none" or len(final.text.split()) <= SHORT_WORDS for final in finals]
    numeric = [DIGIT.search(final.text) is not None for final in finals]
    if sum(n and (s or asks_for_number) for n, s in zip(numeric, short, strict=True)) * 2 > len(texts):
        return "number"
    return "exact" if all(short) else "text"


def _is_json(text: str) -> bool:
    """Whether an object, or an array that is all of it, is what the answer gives."""
    stripped = text.strip()
    if not (stripped[:1] in ("{", "[") or JSON_FENCE.search(text)):
        return False
    try:
        value = value_in(text)
    except NotAValueError:
        return False
    return isinstance(value, dict) or (isinstance(value, list) and stripped[:1] in ("[", "`"))


def _likeness(kind: Kind, a: Reading, b: Reading, same_text: float) -> Likeness:
    if a.silent or b.silent:
        same = a.silent == b.silent
        reason = f"both {a.silent}" if same else f"one is {a.silent or b.silent}"
        return Likeness(kind=kind, same=same, score=float(same), reason=reason)
    if a.key == b.key:
        return Likeness(kind=kind, same=True, score=1.0, reason=_equal(kind, a))
    if a.quantity is not None and b.quantity is not None and agree(a.quantity, b.quantity):
        return Likeness(kind=kind, same=True, score=1.0, reason="the same number, one without its unit")
    if kind == "text" and a.words and b.words:
        return _overlap(a, b, same_text)
    if a.found and b.found:
        return Likeness(kind=kind, same=False, score=0.0, reason=f"{NOUNS[kind]} differ")
    which = "neither has" if not a.found and not b.found else "one has no"
    return Likeness(kind=kind, same=False, score=0.0, reason=f"{which} {MISSING[kind]}, and the texts differ")


NOUNS: dict[Kind, str] = {
    "exact": "the answers",
    "number": "the numbers",
    "choice": "the choices",
    "json": "the values",
    "tool_calls": "the calls",
    "code": "the programs",
    "text": "the texts",
}
MISSING: dict[Kind, str] = {
    "exact": "answer",
    "number": "number",
    "choice": "choice",
    "json": "JSON",
    "tool_calls": "tool call",
    "code": "code",
    "text": "text",
}


def _equal(kind: Kind, reading: Reading) -> str:
    return f"{NOUNS[kind]} are the same" if reading.found else "the texts are the same"


def _overlap(a: Reading, b: Reading, same_text: float) -> Likeness:
    """Shared words; but texts with other numbers, or of which one denies more, do not say the same."""
    score = f1(a.words, b.words)
    if score < same_text:
        return Likeness(kind="text", same=False, score=score, reason=f"{score:.0%} of the words shared")
    difference = _guarded(a, b)
    if difference is not None:
        return Likeness(kind="text", same=False, score=score, reason=f"the same words{difference}")
    return Likeness(kind="text", same=True, score=score, reason=f"{score:.0%} of the words shared")


def _guarded(a: Reading, b: Reading) -> str | None:
    """What makes texts differ that are alike otherwise, if anything does."""
    numbers = [{word for word in reading.words if word[0].isdigit()} for reading in (a, b)]
    if numbers[0] != numbers[1]:
        return " with other numbers"
    return ", but one denies more" if a.denials != b.denials else None


def _outcome(sizes: list[int], answers: int) -> Outcome:
    largest = sizes[0] if sizes else 0
    if largest < 2:
        return "split"
    if largest == answers:
        return "unanimous"
    if 2 * largest > answers:
        return "majority"
    return "tie" if sizes.count(largest) > 1 else "plurality"
