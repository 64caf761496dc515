"""Finds the JSON in an answer, by steps from least to most invasive, each named.

The steps, in this order: as is; `bom` and `fences` stripped; `newlines` and other raw control characters in strings
escaped; the balanced object or array in `prose`; stray `backslashes` escaped. Nothing is invented: no quote, bracket or
comma is added, so what was cut stays broken.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from tiercel.checks.backslashes import STRING, escape_stray, shows_latex

REPAIR_CHARS = 250_000
"""Longer answers are taken as they are or not at all; keeps each step of a repair near a tenth of a second at worst."""

MAX_SPANS = 16
MAX_OPENINGS = 1_000
MAX_TOKENS = 200_000

FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*\n(.*?)(?:\n[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
OPENING = re.compile(r"[{\[]")
BEGINS_JSON = re.compile(r'\{\s*["}]|\[\s*[\[{"]')
TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[{}\[\]]', re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
ESCAPED_CONTROL = re.compile(r"\\[\x00-\x1f]")
CONTROLS = {code: f"\\u{code:04x}" for code in range(32)} | {9: "\\t", 10: "\\n", 13: "\\r"}
CLOSING = {"{": "}", "[": "]"}


class Candidate(msgspec.Struct, frozen=True):
    """A text that may be the JSON meant, and the repairs that made it, in order."""

    text: str
    repairs: tuple[str, ...] = ()


def candidates(text: str) -> Iterator[Candidate]:
    """The texts to try, least invasive first, none twice. The first is the answer as it stands."""
    seen = {text}
    yield Candidate(text)
    if len(text) > REPAIR_CHARS:
        return
    for candidate in _repaired(text):
        if candidate.text not in seen:
            seen.add(candidate.text)
            yield candidate


def _repaired(text: str) -> Iterator[Candidate]:
    plain = Candidate(text)
    if text.startswith("\ufeff"):
        plain = Candidate(text.lstrip("\ufeff"), ("bom",))
    fenced = [
        Candidate(block, (*plain.repairs, "fences"))
        for block in _likeliest_first((match.start(), match[2]) for match in FENCE.finditer(plain.text))
    ]
    bases = [plain, *fenced]
    yield from map(_saved_from_latex_damage, bases)
    yield from (_saved_from_latex_damage(with_newlines(base)) for base in bases)
    for start, end in balanced_spans(plain.text):
        found = Candidate(plain.text[start:end], (*plain.repairs, "prose"))
        bases.append(found)
        yield _saved_from_latex_damage(found)
        yield _saved_from_latex_damage(with_newlines(found))
    yield from (with_backslashes(with_newlines(base)) for base in bases)


def with_newlines(candidate: Candidate) -> Candidate:
    """The candidate with the raw control characters inside its strings escaped."""
    return _changed(candidate, STRING.sub(_escape_controls, candidate.text), "newlines")


def with_backslashes(candidate: Candidate) -> Candidate:
    """The candidate with its stray backslashes escaped."""
    return _changed(candidate, escape_stray(candidate.text), "backslashes")


def balanced_spans(text: str) -> list[tuple[int, int]]:
    """Where `text` holds balanced objects or arrays that lie in no other, likeliest first, at most `MAX_SPANS`.

    Looking ends at what begins like JSON and is not closed: what follows are parts of it, and a part of an answer that
    was cut must not be taken for the answer.
    """
    spans: list[tuple[int, int]] = []
    tokens = openings = 0
    opening = OPENING.search(text)
    while opening and tokens < MAX_TOKENS and openings < MAX_OPENINGS:
        start = opening.start()
        end, read = _closing(text, start, MAX_TOKENS - tokens)
        tokens += read
        openings += 1
        if end is not None:
            spans.append((start, end))
        elif BEGINS_JSON.match(text, start):
            break
        opening = OPENING.search(text, start + 1 if end is None else end)
    texts = {text[start:end]: (start, end) for start, end in spans}
    return [texts[span] for span in _likeliest_first((start, text[start:end]) for start, end in spans)][
        :MAX_SPANS
    ]


def _likeliest_first(found: Iterable[tuple[int, str]]) -> list[str]:
    """The last of the long ones first: a final answer follows its drafts, but a mention in passing is short."""
    places = list(found)
    longest = max((len(text) for _, text in places), default=0)
    return [text for _, text in sorted(places, key=lambda p: (2 * len(p[1]) >= longest, p[0]), reverse=True)]


def _closing(text: str, start: int, budget: int) -> tuple[int | None, int]:
    """Where the bracket at `start` is closed, if it is, and how many tokens were read to know it."""
    expected: list[str] = []
    read = 0
    for token in TOKEN.finditer(text, start):
        read += 1
        bracket = token[0]
        if bracket in CLOSING:
            expected.append(CLOSING[bracket])
        elif bracket in ("}", "]"):
            if expected.pop() != bracket:
                return None, read
            if not expected:
                return token.end(), read
        if read >= budget:
            break
    return None, read


def _saved_from_latex_damage(candidate: Candidate) -> Candidate:
    """A text that is being repaired anyway keeps its LaTeX, even where the damage would be valid JSON."""
    return with_backslashes(candidate) if shows_latex(candidate.text) else candidate


def _changed(candidate: Candidate, text: str, repair: str) -> Candidate:
    return candidate if text == candidate.text else Candidate(text, (*candidate.repairs, repair))


def _escape_controls(string: re.Match[str]) -> str:
    literal = string[0]
    if ESCAPED_CONTROL.search(literal):
        # A backslash before a line break stands for the break; not so where it is itself escaped.
        literal = ESCAPED.sub(lambda pair: pair[1] if pair[1] < " " else pair[0], literal)
    return literal.translate(CONTROLS)
