"""Reads the task out of words and structure: bounded work on the instruction, not on what it is about.

An instruction stands in the first paragraph or the last; what lies between is material and is looked at only for
code. Each task adds up the weights of what speaks for it; below two points nothing is said. On a tie the harder task
wins, for a hard task sent to a cheap model costs more than the reverse.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from tiercel.domain.facts import Task
from tiercel.routing import vocabulary

HEAD_CHARS = 3_000
TAIL_CHARS = 1_500
PARAGRAPH_CHARS = 700
LAST_PARAGRAPH_CHARS = 300
MATERIAL_CHARS = 150
"""From here on, what is not instruction counts as material to work on."""

ENOUGH = 2
FIRM = 3
LEADING_WORDS = 4

HARDEST_FIRST: tuple[Task, ...] = (
    "coding",
    "long_writing",
    "reasoning",
    "extraction",
    "classification",
    "summary",
    "simple_chat",
)
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?(?:\+\+|#)?")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
QUOTED = re.compile(r'["“„«]([^"“”„«»]{25,})["”»]')
SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[。!?]")

TRACE = re.compile(
    r"Traceback \(most recent|^\s+at [\w.$]+\(|\b[A-Z]\w+(?:Error|Exception)\b|panicked at|segmentation fault"
    r"|^fatal: |error\[E\d+\]|undefined reference",
    re.MULTILINE,
)
SOURCE = re.compile(
    r"^\s*(?:def \w+\(|class \w+[:({]|function \w+\(|#include\b|from [\w.]+ import |import [\w{*]|const \w+ =|let \w+ ="
    r"|public (?:static |class )|fn \w+\(|func \w+\(|SELECT .+ FROM |@@ -\d|\$ \w+|</?\w+[^>\n]*>$)"
    r"|\b\w+\([^()\n]*\);|=>|!==?|&&|\|\||::\w",
    re.MULTILINE,
)
FILE_NAME = re.compile(
    r"\b[\w./-]+\.(?:py|pyi|js|jsx|ts|tsx|go|rs|java|kt|c|cc|cpp|h|hpp|rb|php|sql|sh|cs|swift|scala|vue|ya?ml|toml)\b"
)
EQUATION = re.compile(
    r"\d\s*[*/^×÷]\s*\(?\d|[a-z0-9)]\s*\^\s*[\d({n]|\b\d*[a-z]\s*[-+*/]\s*\d+[a-z]?\b|[a-z)]\s*=\s*-?\d"
    r"|\b[a-z]\([a-z]\s*[+,)]|[∫∑√≤≥∀∃]|\bd[xyt]\b|\d\s+\+\s+\d"
)
LENGTH = re.compile(
    r"(\d[\d.,]*|two|three|four|five|six|eight|ten|twelve)[\s-]*"
    r"(words?|wörtern?|wörter|palabras|mots|pages?|seiten|páginas|字)"
)
SMALL_NUMBERS = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "eight": 8,
    "ten": 10,
    "twelve": 12,
}
LONG_WORDS = 400
SHORT_WORDS = 250
LONG_PAGES = 2


def _lexicon() -> dict[str, tuple[tuple[Task, int], ...]]:
    """The vocabulary turned round: from an entry to what it speaks for, and how much."""
    found: dict[str, list[tuple[Task, int]]] = {}
    for task, by_weight in vocabulary.WORDS.items():
        for weight, text in by_weight.items():
            for entry in text.split(","):
                found.setdefault(" ".join(entry.split()), []).append((task, weight))
    return {entry: tuple(meanings) for entry, meanings in found.items()}


LEXICON = _lexicon()
ENTRIES = LEXICON.keys()


class Wording(msgspec.Struct, frozen=True):
    """The instruction of one message, taken apart. `pairs` are words side by side, `order` words as they stand."""

    text: str
    instruction: str
    order: tuple[str, ...]
    words: frozenset[str]
    pairs: frozenset[str]
    numbers: int

    @property
    def material(self) -> bool:
        """Whether there is something beside the instruction to work on."""
        return len(self.text) - len(self.instruction) >= MATERIAL_CHARS


class Score:
    """Points by task, and the strongest sign of each."""

    def __init__(self) -> None:
        self.points: dict[Task, int] = {}
        self._signs: dict[Task, tuple[int, str]] = {}

    def add(self, task: Task, points: int, sign: str) -> None:
        self.points[task] = self.points.get(task, 0) + points
        if points > self._signs.get(task, (0, ""))[0]:
            self._signs[task] = (points, sign)

    def sign(self, task: Task) -> str:
        return self._signs[task][1] if task in self._signs else ""

    def merge(self, other: "Score", where: str) -> None:
        for task, points in other.points.items():
            self.add(task, points, f"{other.sign(task)} ({where})")

    def best(self) -> tuple[Task, int] | None:
        """The task with most points, the harder on a tie; `None` below what is enough."""
        top: tuple[Task, int] | None = None
        for task in HARDEST_FIRST:
            points = self.points.get(task, 0)
            if points >= ENOUGH and (top is None or points > top[1]):
                top = (task, points)
        return top


def take_apart(text: str) -> Wording:
    """The instruction of a message and its words."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]}\n\n{text[-TAIL_CHARS:]}"
    instruction = _instruction(text)
    plain = QUOTED.sub(" ", instruction) if '"' in instruction or "“" in instruction else instruction
    order = tuple(WORD.findall(plain.lower()))
    pairs = frozenset(map(" ".join, pairwise(order)))
    numbers = len(NUMBER.findall(plain))
    return Wording(text, instruction, order, frozenset(order), pairs, numbers)


def _instruction(text: str) -> str:
    text = text.strip()
    first, gap, rest = text.partition("\n\n")
    if not gap:
        return text[:PARAGRAPH_CHARS] if len(text) <= 2 * PARAGRAPH_CHARS else _ends(text)
    last = rest.rpartition("\n\n")[2]
    first = first[:PARAGRAPH_CHARS]
    return f"{first}\n{last}" if len(last) <= LAST_PARAGRAPH_CHARS and "```" not in last else first


def _ends(text: str) -> str:
    return f"{text[:PARAGRAPH_CHARS]}\n{text[-LAST_PARAGRAPH_CHARS:]}"


def score_words(wording: Wording) -> Score:
    """What the words of the instruction speak for."""
    score = Score()
    for entry in (wording.words & ENTRIES) | (wording.pairs & ENTRIES):
        for task, weight in LEXICON[entry]:
            score.add(task, weight, f"'{entry}'")
    for task, apart in vocabulary.APART.items():
        for first, second in apart:
            if first in wording.words and second in wording.words and _near(wording.order, first, second):
                score.add(task, 2, f"'{first} … {second}'")
    if not wording.instruction.isascii():
        for task, parts in vocabulary.INFIX.items():
            for part in parts:
                if part in wording.instruction:
                    score.add(task, FIRM, f"'{part}'")
    _favour_leading(wording, score)
    return score


def _near(order: tuple[str, ...], first: str, second: str) -> bool:
    """Whether `second` stands at most four places after some `first`."""
    return any(second in order[i + 1 : i + 5] for i, word in enumerate(order) if word == first)


def _favour_leading(wording: Wording, score: Score) -> None:
    """What an instruction begins with is what it asks for."""
    leading = wording.order[:LEADING_WORDS]
    candidates = (*leading, *map(" ".join, pairwise(leading)))
    for entry in candidates:
        firm = [task for task, weight in LEXICON.get(entry, ()) if weight >= FIRM]
        if firm:
            score.add(firm[0], 2, f"begins with '{entry}'")
            return


def score_structure(wording: Wording, score: Score) -> None:
    """Adds what the shape speaks for: code, formulas, quantities, lengths, material."""
    text = wording.text
    _score_code(text, score)
    if wording.numbers:
        _score_numbers(wording, score)
    elif EQUATION.search(wording.instruction.lower()):
        score.add("reasoning", FIRM, "a formula")
    if wording.material:
        for task in ("summary", "extraction", "classification"):
            if score.points.get(task, 0) > 0:
                score.add(task, 1, "material to work on")


def _score_code(text: str, score: Score) -> None:
    if "```" in text:
        score.add("coding", FIRM, "a code fence")
    if ("rror" in text or "xception" in text or "at " in text) and TRACE.search(text):
        score.add("coding", FIRM + 1, "an error trace")
    if "." in text and (files := len(set(FILE_NAME.findall(text)))):
        score.add("coding", min(files, 2) + 1, f"{files} file(s) of code named")
    if ("(" in text or "import" in text or "<" in text or "SELECT" in text) and SOURCE.search(text):
        score.add("coding", ENOUGH, "source text")


def _score_numbers(wording: Wording, score: Score) -> None:
    text = wording.instruction.lower()
    if EQUATION.search(text):
        score.add("reasoning", FIRM, "a formula")
    asks = "?" in text or "?" in text
    if wording.numbers >= 2 and asks and score.points.get("reasoning", 0) > 0:
        score.add("reasoning", ENOUGH, "a question about quantities")
    length = wanted_length(text)
    if length is not None and length >= LONG_WORDS:
        score.add("long_writing", FIRM + 1, "a length asked for")
    elif length is not None and length <= SHORT_WORDS:
        score.add("long_writing", -ENOUGH, "a short length asked for")


def wanted_length(text: str) -> int | None:
    """The words that an instruction asks for, a page being 400; `None` where it names no length."""
    found = LENGTH.search(text)
    if found is None:
        return None
    digits = found[1].replace(",", "").replace(".", "")
    number = SMALL_NUMBERS.get(found[1]) or int(digits[:7] or "0")
    pages = (found[2][0] in "p" and not found[2].startswith("pal")) or found[2] == "seiten"
    return number * 400 if pages else number


def small_talk(wording: Wording) -> bool:
    """A greeting or thanks, and not much beside."""
    return (
        bool(wording.order)
        and len(wording.order) <= 9
        and not vocabulary.GREETINGS.isdisjoint(wording.order[:1])
    )


def short_question(wording: Wording) -> bool:
    """A short message that asks for one fact and says what it is about."""
    if not wording.order or len(wording.order) > 18 or wording.material:
        return False
    if wording.order[0] not in vocabulary.QUESTIONS and wording.order[0] not in ("and", "y", "et", "und"):
        return False
    return len(wording.order) > 8 or vocabulary.FOLLOW_UPS.isdisjoint(wording.order)


def follows_up(wording: Wording) -> bool:
    """A short message that only means something after what was said before."""
    if (
        not wording.order
        or len(wording.order) > 14
        or contains(wording.instruction.lower(), vocabulary.NEW_TOPIC)
    ):
        return False
    return len(wording.order) <= 6 or not vocabulary.FOLLOW_UPS.isdisjoint(wording.order)


def contains(text: str, phrases: Iterable[str]) -> bool:
    """Whether any of these stands in the text."""
    return any(phrase in text for phrase in phrases)
