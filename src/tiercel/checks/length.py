"""Is the answer as long as was asked for: five bullets and nothing else, one line, at most eighty words?"""

import re
from typing import Literal

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject

NAME = "length"

Unit = Literal["words", "characters", "lines", "paragraphs", "bullets"]
Count = int | None

BULLET = re.compile(r" *[-*+•–] +\S")
BLANK_LINES = re.compile(r"\n[ \t]*\n")


class LengthOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is counted, and how many of it there may be. `words_each` bounds each line, paragraph or bullet."""

    unit: Unit
    min: int = 0
    max: Count = None
    only: bool = False
    words_each: Count = None


class Counted(msgspec.Struct, frozen=True):
    """The pieces that were counted, and what stands beside them."""

    pieces: list[str]
    beside: list[str]


class Length:
    """1 if there are as many as asked for and none is too long; else 0."""

    info = CheckInfo(
        name=NAME,
        summary="the answer has as many words, lines or bullets as was asked for",
        options={
            "unit": "what is counted (required): words, characters, lines, paragraphs or bullets",
            "min": "fewest (default 0)",
            "max": "most",
            "only": "whether nothing but bullets may stand in the answer (default false)",
            "words_each": "most words of one line, paragraph or bullet",
        },
    )

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(LengthOptions, options)
        if found:
            return found
        wanted = read_options(LengthOptions, options)
        if wanted.min < 0:
            found.append(f"min is {wanted.min}: give 0 or more")
        if wanted.max is not None and wanted.max < wanted.min:
            found.append(f"max {wanted.max} is below min {wanted.min}: swap them")
        if wanted.only and wanted.unit != "bullets":
            found.append(f"only goes with the unit bullets, not {wanted.unit}: leave it out")
        if wanted.words_each is not None and wanted.unit in ("words", "characters"):
            found.append(f"words_each does not go with the unit {wanted.unit}: leave it out")
        if wanted.max is None and not wanted.min and wanted.words_each is None:
            found.append("nothing is asked for: give at least one of 'min', 'max' and 'words_each'")
        return found

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(LengthOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        counted = count(subject.choice.text, wanted.unit)
        missed = complaint(counted, wanted)
        if missed is None:
            return Verdict(check=NAME, score=1.0, reason=_many(len(counted.pieces), wanted.unit))
        return Verdict(
            check=NAME,
            score=0.0,
            reason=missed,
            message=f"The answer is not as long as it was asked to be: {missed}. Give the whole answer again.",
        )


def count(text: str, unit: Unit) -> Counted:
    """The pieces of this kind. Words are what white space separates; blank lines are no lines."""
    match unit:
        case "words":
            return Counted(text.split(), [])
        case "characters":
            return Counted(list(text.strip()), [])
        case "lines":
            return Counted([line for line in text.splitlines() if line.strip()], [])
        case "paragraphs":
            return Counted([part for part in BLANK_LINES.split(text) if part.strip()], [])
        case "bullets":
            return _bullets(text)


def complaint(counted: Counted, wanted: LengthOptions) -> str | None:
    """What is not as asked for, or `None`."""
    number = len(counted.pieces)
    if number < wanted.min or (wanted.max is not None and number > wanted.max):
        return f"{_many(number, wanted.unit)}, asked for {_range(wanted)}"
    if wanted.only and counted.beside:
        return f"{_many(len(counted.beside), 'lines')} beside the bullets"
    if wanted.words_each is not None:
        for place, piece in enumerate(counted.pieces, start=1):
            words = len(piece.split())
            if words > wanted.words_each:
                return f"{_one(wanted.unit)} {place} has {words} words, asked for at most {wanted.words_each}"
    return None


def _bullets(text: str) -> Counted:
    """Bullets of the outermost level, which is the first one's; what is indented below one belongs to it."""
    pieces: list[str] = []
    beside: list[str] = []
    level = 0
    for line in filter(str.strip, text.expandtabs(4).splitlines()):
        indent = len(line) - len(line.lstrip())
        marked = BULLET.match(line) is not None
        if marked and (not pieces or indent <= level + 1):
            level = level if pieces else indent
            pieces.append(line.strip()[1:].strip())
        elif pieces and indent > level:
            pieces[-1] += " " + line.strip()
        else:
            beside.append(line)
    return Counted(pieces, beside)


def _range(wanted: LengthOptions) -> str:
    if wanted.max is None:
        return f"{wanted.min} or more"
    if wanted.min == wanted.max:
        return f"{wanted.max}"
    return f"{wanted.min} to {wanted.max}" if wanted.min else f"at most {wanted.max}"


def _many(number: int, unit: Unit) -> str:
    return f"{number} {_one(unit) if number == 1 else unit}"


def _one(unit: Unit) -> str:
    return unit.removesuffix("s")
