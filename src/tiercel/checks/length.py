"""Is the answer as long as was asked for: five bullets and nothing else, one line, at most eighty words?

What was asked for stands in the options, or is read from the user's last message.
"""

import asyncio
import re
from collections.abc import Sequence

import msgspec

from tiercel.checks.asked_length import Demand, demands_in
from tiercel.checks.asked_length import Unit as Unit
from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject
from tiercel.domain.request import ModelRequest

NAME = "length"

LONG_CHARS = 20_000

Count = int | None

BULLET = re.compile(r" *[-*+•–] +\S")
BLANK_LINES = re.compile(r"\n[ \t]*\n")
SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)*_]*\s+|(?<=[。！？])|\n+")
NO_END = re.compile(
    r"(?:\b(?:e\.g|i\.e|z\.B|d\.h|u\.a|etc|vs|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|ca|[A-Z])|\b\d{1,2})\.$"
)
LETTER = re.compile(r"[^\W_]")


class LengthOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is counted, and how many of it there may be; without `unit` it is read from the user's last message.
    `words_each` bounds each line, paragraph or bullet."""

    unit: Unit | None = None
    min: int = 0
    max: Count = None
    only: bool = False
    words_each: Count = None


class Counted(msgspec.Struct, frozen=True):
    """The pieces that were counted, and what stands beside them."""

    pieces: list[str]
    beside: list[str]


class Length:
    """1 if there are as many as asked for and none is too long, else 0; of several demands the share that is met."""

    info = CheckInfo(
        name=NAME,
        summary="the answer has as many words, lines or bullets as was asked for",
        options={
            "unit": "what is counted: words, characters, sentences, lines, paragraphs or bullets "
            "(default: what the user's last message asks for)",
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
        if wanted.unit is None:
            return [f"{name} needs a unit: give one" for name in options]
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
        given = read_options(LengthOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        wanted = [given] if given.unit else [_wanted(demand) for demand in asked_for(subject.request)]
        if not wanted:
            return Verdict(check=NAME, score=1.0, reason="no length asked for")
        if len(subject.choice.text) > LONG_CHARS:  # others' turn meanwhile
            return await asyncio.to_thread(measured, subject.choice.text, wanted)
        return measured(subject.choice.text, wanted)


def measured(text: str, wanted: Sequence[LengthOptions]) -> Verdict:
    """The verdict on an answer's text, of which at least one thing is wanted."""
    told = [_told(text, one) for one in wanted]
    missed = [words for words, met in told if not met]
    if not missed:
        return Verdict(check=NAME, score=1.0, reason=", ".join(words for words, _ in told))
    return Verdict(
        check=NAME,
        score=1 - len(missed) / len(told),
        reason="; ".join(missed),
        message=f"The answer is not as long as it was asked to be: {'; '.join(missed)}. "
        "Give the whole answer again.",
    )


def asked_for(request: ModelRequest) -> tuple[Demand, ...]:
    """What the user's last message says of the answer's length."""
    said = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    return demands_in(said)


def _wanted(demand: Demand) -> LengthOptions:
    return LengthOptions(unit=demand.unit, min=demand.fewest, max=demand.most)


def _told(text: str, wanted: LengthOptions) -> tuple[str, bool]:
    """How many there are, or what is missed, and whether it is as asked for."""
    assert wanted.unit is not None
    counted = count(text, wanted.unit)
    missed = complaint(counted, wanted)
    return missed or _many(len(counted.pieces), wanted.unit), missed is None


def count(text: str, unit: Unit) -> Counted:
    """The pieces of this kind. Words are what white space separates; blank lines are no lines."""
    match unit:
        case "words":
            return Counted(text.split(), [])
        case "characters":
            return Counted(list(text.strip()), [])
        case "sentences":
            return Counted(_sentences(text), [])
        case "lines":
            return Counted([line for line in text.splitlines() if line.strip()], [])
        case "paragraphs":
            return Counted([part for part in BLANK_LINES.split(text) if part.strip()], [])
        case "bullets":
            return _bullets(text)


def complaint(counted: Counted, wanted: LengthOptions) -> str | None:
    """What is not as asked for, or `None`."""
    assert wanted.unit is not None
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


def _sentences(text: str) -> list[str]:
    """What ends with a mark or a line; not after an abbreviation or a number, and only where a letter stands."""
    pieces: list[list[str]] = []
    last = ""
    for part in SENTENCE_END.split(text):
        if pieces and NO_END.search(last):
            pieces[-1].append(part)
        elif LETTER.search(part):
            pieces.append([part])
        else:
            continue
        last = part
    return list(map(" ".join, pieces))


def _bullets(text: str) -> Counted:
    """Bullets of the outermost level, which is the first one's; what is indented below one belongs to it."""
    pieces: list[list[str]] = []
    beside: list[str] = []
    level = 0
    for line in filter(str.strip, text.expandtabs(4).splitlines()):
        indent = len(line) - len(line.lstrip())
        marked = BULLET.match(line) is not None
        if marked and (not pieces or indent <= level + 1):
            level = level if pieces else indent
            pieces.append([line.strip()[1:].strip()])
        elif pieces and indent > level:
            pieces[-1].append(line.strip())
        else:
            beside.append(line)
    return Counted(list(map(" ".join, pieces)), beside)


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
