"""Reads the task out of words and structure.

Each task adds up the weights of what speaks for it; below two points nothing is said. On a tie the harder task wins,
for a hard task sent to a cheap model costs more than the reverse.
"""

import re

from tiercel.domain.facts import Task
from tiercel.routing import vocabulary
from tiercel.routing.lexicon import APART, FOLLOWERS, LEXICON
from tiercel.routing.phrases import contains, holds
from tiercel.routing.vocabulary import Phrases
from tiercel.routing.wording import Wording, marks_of

ENOUGH = 2
FIRM = 3
LEADING_WORDS = 4

HARDNESS: dict[Task, int] = {
    "coding": 7,
    "long_writing": 6,
    "reasoning": 5,
    "extraction": 4,
    "classification": 3,
    "summary": 2,
    "simple_chat": 1,
}


def _by_marks(*phrases: str) -> Phrases:
    """The phrases by the marks in each, so that most texts are asked for a few marks only."""
    marked: dict[str, list[str]] = {}
    for phrase in phrases:
        marked.setdefault(marks_of(phrase), []).append(phrase)
    return {marks: tuple(phrases) for marks, phrases in marked.items()}


ERROR_NAME = re.compile(r"\b[A-Z]\w+(?:Error|Exception)\b")
TRACES: Phrases = _by_marks(
    "Traceback (most recent",
    "\n\tat ",
    "\n    at ",
    "panicked at",
    "egmentation fault",
    "fatal: ",
    "error[E",
    "undefined reference",
)
SOURCES: Phrases = _by_marks("#include", ");", "=> ", " && ", " || ", "!= ", "::", "</", "@@ -")
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
    r"\n[ \t]*(?:def \w+\(|class \w+[:({]|function \w+\(|from [\w.]+ import |import [\w{*]|const \w+ =|let \w+ ="
    r"|public (?:static |class )|fn \w+\(|func \w+\(|SELECT .+ FROM )"
)
FILE_NAME = re.compile(
    r"\.(?:py|pyi|js|jsx|ts|tsx|go|rs|java|kt|c|cc|cpp|h|hpp|rb|php|sql|sh|cs|swift|scala|vue|ya?ml|toml)\b"
)
UNSPACED = re.compile(r"[\u4e00-\u9fff]")
"""Writing without spaces: each entry of `INFIX` has some."""
MATH_SIGNS = ("=", "^", "+", "*", "/", "√", "∫", "∑", "≤", "≥", "∀", "∃", "×", "÷")
EQUATION = re.compile(
    r"\d\s*[*/^×÷]\s*\(?\d|[a-z0-9)]\s*\^\s*[\d({n]|\b\d*[a-z]\s*[-+*/]\s*\d+[a-z]?\b|[a-z)]\s*=\s*-?\d"
    r"|\b[a-z]\([a-z]\s*[+,)]|[∫∑√≤≥∀∃]|\bd[xyt]\b|\d\s+\+\s+\d"
)
EQUATION_PARTS = (
    re.compile(r"[-+*/^×÷=]\s*[-(]?\d"),
    re.compile(r"[\^∫∑√≤≥∀∃]"),
    re.compile(r"\([a-z]\s*[+,)]"),
    re.compile(r"d[xyt]\b"),
)
"""Of these every equation has one. They begin with what is rare, and so pass over a text in a tenth of the time."""
LENGTH = re.compile(
    r"(\d[\d.,]{0,9}|two|three|four|five|six|eight|ten|twelve)[\s-]*"
    r"(words?|wörtern?|wörter|palabras|mots|pages?|seiten|páginas|字)"
)
UNITS = ("word", "wört", "palabra", "mots", "page", "seite", "página", "字")
"""Every length names one of these; so begun, they are sooner looked for than `LENGTH`."""
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
LONG_MATERIAL_CHARS = 1_500
WORD_PROBLEM = 14
"""Words of a text that, with figures and a question, make a word problem of it."""


class Score:
    """Points by task, and the strongest sign of each."""

    def __init__(self) -> None:
        self.points: dict[Task, int] = {}
        self._signs: dict[Task, tuple[int, str]] = {}

    def add(self, task: Task, points: int, sign: str) -> None:
        self.points[task] = self.points.get(task, 0) + points
        if points > self._signs.get(task, (0, ""))[0]:
            self._signs[task] = (points, sign)

    def add_entries(self, entries: list[str]) -> None:
        """All that these entries of the lexicon speak for."""
        points, strongest = self.points, self._signs
        for entry in entries:
            for task, weight, sign in LEXICON[entry]:
                points[task] = points.get(task, 0) + weight
                if task not in strongest or weight > strongest[task][0]:
                    strongest[task] = (weight, sign)

    def sign(self, task: Task) -> str:
        return self._signs[task][1] if task in self._signs else ""

    def best(self) -> tuple[Task, int] | None:
        """The task with most points, the harder on a tie; `None` below what is enough.

        Supporting words alone have to be several.
        """
        top: tuple[Task, int] | None = None
        for task, (strongest, _) in self._signs.items():
            points = self.points[task]
            if points < (FIRM if strongest < ENOUGH else ENOUGH):
                continue
            if top is None or (points, HARDNESS[task]) > (top[1], HARDNESS[top[0]]):
                top = (task, points)
        return top


def score_words(wording: Wording) -> Score:
    """What the words of the instruction speak for."""
    score = Score()
    words = wording.words
    entries = [word for word in words if word in LEXICON]
    entries += [pair for pair in wording.pairs if pair in LEXICON]
    entries.sort()  # so that the same text is always explained by the same word
    score.add_entries(entries)
    apart = [
        pair
        for first in words
        if first in APART
        for pair in APART[first]
        if pair[1] in words and _near(wording.order, first, pair[1])
    ]
    for _, _, task, name in sorted(apart):
        score.add(task, ENOUGH, name)
    if not wording.instruction.isascii() and UNSPACED.search(wording.instruction):
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
    for place, word in enumerate(leading, start=1):
        if word not in wording.words:
            continue
        entries = [word]
        if word in FOLLOWERS and place < len(leading):
            entries = [f"{word} {leading[place]}", word]
        for entry in entries:
            for task, weight, _ in LEXICON.get(entry, ()):
                if weight >= ENOUGH:
                    score.add(task, weight - 1, f"begins with '{entry}'")
                    return


def score_structure(wording: Wording, score: Score) -> None:
    """Adds what the shape speaks for: code, formulas, quantities, lengths, material."""
    _score_code(wording, score)
    if contains(wording.instruction, MATH_SIGNS) and _formula(wording.lower):
        score.add("reasoning", FIRM, "a formula")
    if wording.numbers:
        _score_numbers(wording, score)
    if _edits(wording) and "coding" not in score.points:
        score.add("long_writing", 2 * FIRM, "a long text to be edited")
    elif not _writes(wording) or not wording.words.isdisjoint(vocabulary.BREVITY):
        score.add("long_writing", -ENOUGH, "nothing long to be written")
    if wording.material:
        for task in ("summary", "extraction", "classification"):
            if score.points.get(task, 0) > 0:
                score.add(task, 1, "material to work on")


def _formula(text: str) -> bool:
    for part in EQUATION_PARTS:
        if part.search(text):
            return EQUATION.search(text) is not None
    return False


def _score_code(wording: Wording, score: Score) -> None:
    text, marks = wording.text, wording.marks
    if "```" in marks and "```" in text:
        score.add("coding", FIRM, "a code fence")
    if holds(text, TRACES, marks) or (("Error" in text or "Exception" in text) and ERROR_NAME.search(text)):
        score.add("coding", FIRM + 1, "an error trace")
    if files := code_files(text):
        score.add("coding", min(files, 2) + 1, f"{files} file(s) of code named")
    if holds(text, SOURCES, marks) or _source_line(text):
        score.add("coding", FIRM, "source text")


def _source_line(text: str) -> bool:
    """Whether some line begins as source text does. One line alone is soon tried; of many, first if it could be."""
    if "\n" in text and not contains(text, SOURCE_WORDS):
        return False
    return SOURCE_LINE.search(f"\n{text}") is not None


def code_files(text: str) -> int:
    """How many different source files are named."""
    if "." not in text:
        return 0
    # looked behind here and not in the pattern, which then begins with a dot that is found at once
    named = set()
    for found in FILE_NAME.finditer(text):
        start = found.start()
        if start and _in_a_name(text[start - 1]):
            named.add(text[max(start - 12, 0) : found.end()])
    return len(named)


def _in_a_name(character: str) -> bool:
    return character.isalnum() or character in "_-"


def _score_numbers(wording: Wording, score: Score) -> None:
    text = wording.lower
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


def _edits(wording: Wording) -> bool:
    """Whether a long text is given that is to be written better."""
    if len(wording.text) - len(wording.instruction) < LONG_MATERIAL_CHARS:
        return False
    return contains(wording.lower, vocabulary.EDITING)


def wanted_length(text: str) -> int | None:
    """The words that an instruction asks for, a page being 400; `None` where it names no length."""
    found = LENGTH.search(text) if contains(text, UNITS) else None
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
    if not wording.order or len(wording.order) > 14 or contains(wording.lower, vocabulary.NEW_TOPIC):
        return False
    return len(wording.order) <= 6 or not vocabulary.FOLLOW_UPS.isdisjoint(wording.order)
