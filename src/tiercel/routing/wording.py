"""The instruction of a message, taken apart into words.

An instruction stands in the first paragraph or the last; what lies between is material and is looked at only for code.
Of all words only those that the vocabulary knows are kept as a set: most later questions are asked of these few.
"""

import re

import msgspec

from tiercel.routing.lexicon import KNOWN_WORDS

HEAD_CHARS = 3_000
TAIL_CHARS = 1_500
PARAGRAPH_CHARS = 700
LAST_PARAGRAPH_CHARS = 300
MATERIAL_CHARS = 150
"""From here on, what is not instruction counts as material to work on."""

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?(?:\+\+|#)?")
NUMBER = re.compile(
    r"\d\d*(?:[.,]\d+)*"
)  # not \d+: beginning with a plain class, it skips quickly to the next digit
ASCII_NUMBER = re.compile(NUMBER.pattern, re.ASCII)
"""The same in half the time."""
DIGIT = re.compile(r"[0-9]")
QUOTED = re.compile(r'["“„«]([^"“”„«»]{25,})["”»]')

_LETTERS = bytes(c for c in range(128) if chr(c).isalpha())
_UNMARKED = _LETTERS + b" "
_SEPARATED = bytes(c if c in _LETTERS else ord(" ") for c in range(256))
"""All but letters as blanks, so that ASCII text splits into the words that `WORD` finds (except c++, c#, don't)."""
_SEPARATED_BUT_INSIDE = bytes(c if c in _LETTERS + b"'" else ord(" ") for c in range(256))
AROUND_WORDS = re.compile(r"'(?:(?<![a-z]')|(?![a-z]))")
"""Apostrophes that stand inside no word, in ASCII text."""
TWO_APOSTROPHES = re.compile(r"'[a-z]+'")
_AROUND = '.,:;!?()"“”„«»–—…'
"""Stands around words and is never part of one."""


class Wording(msgspec.Struct, frozen=True):
    """The instruction of one message, taken apart.

    `lower` is the instruction in lower case and `order` its words as they stand; `words` are those among them that the
    vocabulary knows. `marks` is what is left of the text's ASCII without letters and blanks: short, and a phrase with
    marks can only stand in the text if its marks do here. `material` is whether there is something beside the
    instruction to work on.
    """

    text: str
    instruction: str
    lower: str
    order: tuple[str, ...]
    words: frozenset[str]
    numbers: int
    marks: str
    material: bool


def take_apart(text: str) -> Wording:
    """The instruction of a message and its words."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]}\n\n{text[-TAIL_CHARS:]}"
    instruction = _instruction(text)
    marks = marks_of(text)
    lower = said = instruction.lower()
    if '"' in instruction or "“" in instruction:
        said = QUOTED.sub(" ", instruction).lower()
    order = _words(said)
    words = KNOWN_WORDS.intersection(order)
    return Wording(
        text,
        instruction,
        lower,
        order,
        words,
        _numbers(said, marks),
        marks,
        len(text) - len(instruction) >= MATERIAL_CHARS,
    )


def marks_of(text: str) -> str:
    """What is neither letter nor blank in it, as far as it is ASCII."""
    return text.encode("ascii", "ignore").translate(None, _UNMARKED).decode("ascii")


def _words(lower: str) -> tuple[str, ...]:
    """What `WORD` finds, for less: most words need no pattern to be seen as one."""
    if lower.isascii() and "+" not in lower and "#" not in lower:
        if "'" not in lower:
            return tuple(lower.encode().translate(_SEPARATED).decode().split())
        lower = AROUND_WORDS.sub(" ", lower)
        if not TWO_APOSTROPHES.search(lower):
            return tuple(lower.encode().translate(_SEPARATED_BUT_INSIDE).decode().split())
    found: list[str] = []
    for token in lower.split():
        bare = token.strip(_AROUND)
        if bare.isalpha():
            found.append(bare)
        elif bare:
            found += WORD.findall(bare)
    return tuple(found)


def _numbers(said: str, marks: str) -> int:
    if not said.isascii():
        return len(NUMBER.findall(said))
    return len(ASCII_NUMBER.findall(said)) if DIGIT.search(marks) else 0


def side_by_side(order: tuple[str, ...]) -> str:
    """The words with a blank around each: words that adjoin are found in it as they stand, with blanks around."""
    return f" {' '.join(order)} "


def _instruction(text: str) -> str:
    text = text.strip()
    first, gap, rest = text.partition("\n\n")
    if not gap:
        return text if len(text) <= PARAGRAPH_CHARS else f"{_head(text)}\n{_tail(text)}"
    last = rest.rpartition("\n\n")[2]
    return (
        f"{_head(first)}\n{last}" if len(last) <= LAST_PARAGRAPH_CHARS and "```" not in last else _head(first)
    )


def _head(text: str) -> str:
    """The beginning, cut between words."""
    return text if len(text) <= PARAGRAPH_CHARS else text[:PARAGRAPH_CHARS].rpartition(" ")[0]


def _tail(text: str) -> str:
    return text[-LAST_PARAGRAPH_CHARS:].partition(" ")[2]
