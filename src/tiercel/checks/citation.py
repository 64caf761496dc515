"""Do the quotations and numbers of the answer stand in the source: in what users, systems and tools said before?

For answers that must rest on a text that is given. It finds what is nowhere in the source; that a number which is there
belongs to something else, it cannot see.
"""

import asyncio
import re

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.checks.comparing.quantity import has_decimal_comma, quantities
from tiercel.checks.comparing.words import words_of
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject
from tiercel.domain.request import ModelRequest, Text, ToolResult

NAME = "citation"

MAX_SOURCE_CHARS = 400_000
MAX_ANSWER_CHARS = 50_000
MAX_QUOTES = 200
LONG_CHARS = 20_000

QUOTES = re.compile(
    r"“([^“”]{1,2000})”|\"([^\"\n]{1,2000})\"|»([^»«]{1,2000})«|«([^»«]{1,2000})»|„([^„“”]{1,2000})[“”]"
    r"|「([^「」]{1,2000})」"
)
ELLIPSIS = re.compile(r"\[?(?:…|\.\.\.)\]?|\[[^\]]{0,40}\]")
CODE = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)|`[^`\n]+`|https?://\S+", re.MULTILINE | re.DOTALL)
NOT_SAID = re.compile(r"^[ \t]*(?:\(?\d{1,3}[.)]|#+[ \t]*\d[\d.]*)(?=\s)|\[\^?\d{1,3}\]", re.MULTILINE)
"""Numbers that count the answer's own points or point to a source."""


class CitationOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked up; quotations of fewer words than `min_quote_words` are names and emphasis."""

    quotes: bool = True
    numbers: bool = True
    min_quote_words: int = 3


class Citation:
    """The share of the answer's quotations and numbers that stand in the source; 1 where it has none."""

    info = CheckInfo(
        name=NAME,
        summary="quotations and numbers of the answer stand in the text that the request gives",
        options={
            "quotes": "whether quotations are looked up (default true)",
            "numbers": "whether numbers are looked up (default true)",
            "min_quote_words": "fewest words of what counts as a quotation (default 3)",
        },
    )

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(CitationOptions, options)
        if found:
            return found
        wanted = read_options(CitationOptions, options)
        if wanted.min_quote_words < 1:
            found.append(f"min_quote_words is {wanted.min_quote_words}: give 1 or more")
        if not (wanted.quotes or wanted.numbers):
            found.append("nothing is looked up: leave quotes or numbers on")
        return found

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(CitationOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        source = source_of(subject.request)
        if len(source) + len(subject.choice.text) > LONG_CHARS:  # others' turn meanwhile
            return await asyncio.to_thread(looked_up, subject.choice.text, source, wanted)
        return looked_up(subject.choice.text, source, wanted)


def looked_up(text: str, source: str, wanted: CitationOptions) -> Verdict:
    """The verdict on an answer's text."""
    answer = CODE.sub(" ", text[:MAX_ANSWER_CHARS])
    quotes = found_quotes(answer, source, wanted.min_quote_words) if wanted.quotes else []
    numbers = found_numbers(answer, source) if wanted.numbers else []
    total = len(quotes) + len(numbers)
    if not total:
        return Verdict(check=NAME, score=1.0, reason="nothing to look up")
    missing = [f"{quotes.count(False)} of {len(quotes)} quotations"] if False in quotes else []
    missing += [f"{numbers.count(False)} of {len(numbers)} numbers"] if False in numbers else []
    if not missing:
        return Verdict(check=NAME, score=1.0, reason=f"all {total} found")
    reason = f"not in the source: {' and '.join(missing)}"
    message = (
        f"{reason.capitalize()}. Answer again: quote word by word, and give no number that is not there."
    )
    score = (quotes.count(True) + numbers.count(True)) / total
    return Verdict(check=NAME, score=score, reason=reason, message=message)


def source_of(request: ModelRequest) -> str:
    """All text that the model was given and did not say itself, from the latest on up to a limit."""
    pieces: list[str] = []
    room = MAX_SOURCE_CHARS
    for message in reversed(request.messages):
        if message.role == "assistant" or room <= 0:
            continue
        for part in message.parts:
            inner = part.parts if isinstance(part, ToolResult) else (part,)
            pieces += [piece.text[:room] for piece in inner if isinstance(piece, Text)]
        room = MAX_SOURCE_CHARS - sum(map(len, pieces))
    return "\n".join(pieces)


def found_quotes(answer: str, source: str, min_words: int) -> list[bool]:
    """For each quotation whether all its pieces stand in the source; case, punctuation and blanks aside."""
    found: list[bool] = []
    searched: str | None = None
    for match in QUOTES.finditer(answer):
        pieces = [words_of(piece) for piece in ELLIPSIS.split(next(filter(None, match.groups())))]
        if sum(map(len, pieces)) < min_words:
            continue
        searched = _run(words_of(source)) if searched is None else searched
        found.append(all(_run(piece) in searched for piece in pieces if piece))
        if len(found) == MAX_QUOTES:
            break
    return found


def found_numbers(answer: str, source: str) -> list[bool]:
    """For each different number of the answer whether the source has it; 5 % is there where 5 or 0.05 is."""
    comma = has_decimal_comma(source)
    said = dict.fromkeys(
        quantities(NOT_SAID.sub(" ", answer), decimal_comma=comma or has_decimal_comma(answer))
    )
    if not said:
        return []
    known = {quantity.value for quantity in quantities(source, decimal_comma=comma)}
    return [
        one.value in known or abs(one.value) in known or (one.unit == "%" and one.value / 100 in known)
        for one in said
    ]


def _run(words: list[str]) -> str:
    return f" {' '.join(words)} "
