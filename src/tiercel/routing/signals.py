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

ERROR_NAME = re.compile(r"\b[A-Z]\w+(?:Error|Exception)\b")
TRACES = (
    "Traceback (most recent",
    "\n\tat ",
    "\n    at ",
    "panicked at",
    "egmentation fault",
    "fatal: ",
    "error[E",
    "undefined reference",
)
SOURCES = ("#include", ");", "=> ", " && ", " || ", "!= ", "::", "</", "@@ -")
"""Found in source text and hardly in prose."""
SOURCE_WORDS = (
    "def ",
    "class ",
    "function ",
    "import ",
    "const ",
    "let ",
    "public ",
    "fn ",
    "func ",
    "SELECT ",
)
SOURCE_LINE = re.compile(
    r"^[ \t]*(?:def \w+\(|class \w+[:({]|function \w+\(|from [\w.]+ import |import [\w{*]|const \w+ =|let \w+ ="
    r"|public (?:static |class )|fn \w+\(|func \w+\(|SELECT .+ FROM )",
    re.MULTILINE,
)
FILE_NAME = re.compile(
    r"\.(?:py|pyi|js|jsx|ts|tsx|go|rs|java|kt|c|cc|cpp|h|hpp|rb|php|sql|sh|cs|swift|scala|vue|ya?ml|toml)\b"
)
MATH_SIGNS = ("=", "^", "+", "*", "/", "√", "∫", "∑", "≤", "≥", "∀", "∃", "×", "÷")
EQUATION = re.compile(
    r"\d\s*[*/^×÷]\s*\(?\d|[a-z0-9)]\s*\^\s*[\d({n]|\b\d*[a-z]\s*[-+*/]\s*\d+[a-z]?\b|[a-z)]\s*=\s*-?\d"
    r"|\b[a-z]\([a-z]\s*[+,)]|[∫∑√≤≥∀∃]|\bd[xyt]\b|\d\s+\+\s+\d"
)
LENGTH = re.compile(
    r"(\d[\d.,]{0,9}|two|three|four|five|six|eight|ten|twelve)[\s-]*"
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
WORD_PROBLEM = 14
"""Words of a text that, with figures and a question, make a word problem of it."""


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
        """The task with most points, the harder on a tie; `None` below what is enough.

        Supporting words alone have to be several.
        """
        top: tuple[Task, int] | None = None
        for task in HARDEST_FIRST:
            points = self.points.get(task, 0)
            if task not in self._signs or points < (FIRM if self._signs[task][0] < ENOUGH else ENOUGH):
                continue
            if top is None or points > top[1]:
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


def score_words(wording: Wording) -> Score:
    """What the words of the instruction speak for."""
    score = Score()
    # sorted, so that the same text is always explained by the same word
    for entry in sorted((wording.words & ENTRIES) | (wording.pairs & ENTRIES)):
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
    leading = (*wording.order[:LEADING_WORDS], "")
    for word, following in pairwise(leading):
        for entry in (f"{word} {following}", word):
            for task, weight in LEXICON.get(entry, ()):
                if weight >= ENOUGH:
                    score.add(task, weight - 1, f"begins with '{entry}'")
                    return


def score_structure(wording: Wording, score: Score) -> None:
    """Adds what the shape speaks for: code, formulas, quantities, lengths, material."""
    text = wording.text
    _score_code(text, score)
    if contains(wording.instruction, MATH_SIGNS) and EQUATION.search(wording.instruction.lower()):
        score.add("reasoning", FIRM, "a formula")
    if wording.numbers:
        _score_numbers(wording, score)
    if not _writes(wording) or not wording.words.isdisjoint(vocabulary.BREVITY):
        score.add("long_writing", -ENOUGH, "nothing long to be written")
    if wording.material:
        for task in ("summary", "extraction", "classification"):
            if score.points.get(task, 0) > 0:
                score.add(task, 1, "material to work on")


def _score_code(text: str, score: Score) -> None:
    if "```" in text:
        score.add("coding", FIRM, "a code fence")
    if contains(text, TRACES) or (("Error" in text or "Exception" in text) and ERROR_NAME.search(text)):
        score.add("coding", FIRM + 1, "an error trace")
    if files := code_files(text):
        score.add("coding", min(files, 2) + 1, f"{files} file(s) of code named")
    if contains(text, SOURCES) or (contains(text, SOURCE_WORDS) and SOURCE_LINE.search(text)):
        score.add("coding", FIRM, "source text")


def code_files(text: str) -> int:
    """How many different source files are named."""
    if "." not in text:
        return 0
    # looked behind here and not in the pattern, which then begins with a dot that is found at once
    ends = ((found.start(), found.end()) for found in FILE_NAME.finditer(text))
    return len(
        {text[max(start - 12, 0) : end] for start, end in ends if start and _in_a_name(text[start - 1])}
    )


def _in_a_name(character: str) -> bool:
    return character.isalnum() or character in "_-"


def _score_numbers(wording: Wording, score: Score) -> None:
    text = wording.instruction.lower()
    if wording.numbers >= 2 and ("?" in text or "？" in text):
        told = len(wording.order) >= WORD_PROBLEM or score.points.get("reasoning", 0) > 0
        score.add("reasoning", ENOUGH if told else 1, "a question about quantities")
    length = wanted_length(text)
    if length is None or (score.points.get("long_writing", 0) < FIRM and not _writes(wording)):
        return
    if length >= LONG_WORDS:
        score.add("long_writing", FIRM + 1, "a length asked for")
    elif length <= SHORT_WORDS:
        score.add("long_writing", -ENOUGH, "a short length asked for")


def _writes(wording: Wording) -> bool:
    """Whether a text is to be written, not only spoken of."""
    return not wording.words.isdisjoint(vocabulary.WRITING) or "写" in wording.instruction


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
    for phrase in phrases:  # noqa: SIM110 - twice as fast as any() on a generator, and this is the hot path
        if phrase in text:
            return True
    return False
