"""The instruction of a message, taken apart into words.

An instruction stands in the first paragraph or the last; what lies between is material and is looked at only for code.
Of all words only those that the vocabulary knows are kept as a set: every later question is asked of these few.
"""

import re

import msgspec

from tiercel.routing.lexicon import FOLLOWERS, KNOWN_WORDS

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
QUOTED = re.compile(r'["“„«]([^"“”„«»]{25,})["”»]')

_LETTERS = bytes(c for c in range(128) if chr(c).isalpha())
_DIGITS = b"0123456789"
_UNMARKED = _LETTERS + _DIGITS + b" "
_SEPARATED = bytes(c if c in _LETTERS else ord(" ") for c in range(256))
"""All but letters as blanks, so that ASCII text splits into the words that `WORD` finds (except c++, c#, don't)."""
_AROUND = '.,:;!?()"“”„«»–—…'
"""Stands around words and is never part of one."""


class Wording(msgspec.Struct, frozen=True):
    """The instruction of one message, taken apart.

    `lower` is the instruction in lower case and `order` its words as they stand; `words` are those among them that the
    vocabulary knows, `pairs` the known ones that stand side by side. `marks` is what is left of the text's ASCII
    without letters, digits and blanks: short, and a phrase with marks can only stand in the text if its marks do here.
    """

    text: str
    instruction: str
    lower: str
    order: tuple[str, ...]
    words: frozenset[str]
    pairs: frozenset[str]
    numbers: int
    marks: str

    @property
    def material(self) -> bool:
        """Whether there is something beside the instruction to work on."""
        return len(self.text) - len(self.instruction) >= MATERIAL_CHARS


def take_apart(text: str) -> Wording:
    """The instruction of a message and its words."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]}\n\n{text[-TAIL_CHARS:]}"
    instruction = _instruction(text)
    marks = marks_of(text)
    plain = QUOTED.sub(" ", instruction) if '"' in instruction or "“" in instruction else instruction
    lower = instruction.lower()
    order = _words(lower if plain is instruction else plain.lower(), marks)
    words = KNOWN_WORDS.intersection(order)
    return Wording(text, instruction, lower, order, words, _pairs(order, words), _numbers(plain), marks)


def marks_of(text: str) -> str:
    """What is neither letter, digit nor blank in it, as far as it is ASCII."""
    return text.encode("ascii", "ignore").translate(None, _UNMARKED).decode("ascii")


def _words(lower: str, marks: str) -> tuple[str, ...]:
    """What `WORD` finds, for less: most words need no pattern to be seen as one."""
    if lower.isascii() and "'" not in marks and "+" not in marks and "#" not in marks:
        return tuple(lower.encode().translate(_SEPARATED).decode().split())
    found: list[str] = []
    for token in lower.split():
        bare = token.strip(_AROUND)
        if bare.isalpha():
            found.append(bare)
        elif bare:
            found += WORD.findall(bare)
    return tuple(found)


def _pairs(order: tuple[str, ...], words: frozenset[str]) -> frozenset[str]:
    found = []
    for first in words:
        followers = FOLLOWERS.get(first)
        if followers is None or followers.isdisjoint(words):
            continue
        found += [f"{first} {second}" for second in followers & words if _adjoin(order, first, second)]
    return frozenset(found)


def _adjoin(order: tuple[str, ...], first: str, second: str) -> bool:
    at = order.index(first)
    while order[at + 1 : at + 2] != (second,):
        try:
            at = order.index(first, at + 1)
        except ValueError:
            return False
    return True


def _numbers(plain: str) -> int:
    if plain.isascii():
        ascii_bytes = plain.encode()
        if len(ascii_bytes.translate(None, _DIGITS)) == len(ascii_bytes):
            return 0
    return len(NUMBER.findall(plain))


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
