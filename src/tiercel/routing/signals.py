"""Reads the task out of words and structure.

Each task adds up the weights of what speaks for it; below two points nothing is said. On a tie the harder task wins,
for a hard task sent to a cheap model costs more than the reverse.
"""

import re
from typing import TypeAlias

import msgspec

from tiercel.domain.facts import Task
from tiercel.routing import vocabulary
from tiercel.routing.lexicon import BEGINNINGS, LEXICON, Apart, Sign
from tiercel.routing.phrases import contains
from tiercel.routing.wording import Wording, marks_of, side_by_side

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


TRACED = "an error trace"
SOURCE = "source text"
ERROR_NAME = re.compile(r"[A-Z](?<!\w.)\w+(?:Error|Exception)\b")
"""It looks behind the capital instead of asking for `\\b` before: so it begins with what is rare."""
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

LEADING: dict[str, Sign] = {
    entry: (task, weight - 1, f"begins with {name}")
    for entry, signs in LEXICON.items()
    for task, weight, name in reversed(signs)
    if weight >= ENOUGH
}
"""From an entry that has weight to what it speaks for where it leads: the first of its signs that has weight."""
LEADING_FIRST = frozenset(entry.split()[0] for entry in LEADING)


def _by_marks() -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for sign, phrases in ((TRACED, TRACES), (SOURCE, SOURCES)):
        for phrase in phrases:
            found.setdefault(marks_of(phrase), []).append((phrase, sign))
    return {marks: tuple(phrases) for marks, phrases in found.items()}


CODE_BY_MARKS = _by_marks()
"""From the marks of such phrases to them and what each is a sign of: most texts are asked for a few marks only."""
SOURCE_LINE = re.compile(
    r"\n[ \t]*+(?:def \w+\(|class \w+[:({]|function \w+\(|from [\w.]+ import |import [\w{*]|const \w+ =|let \w+ ="
    r"|public (?:static |class )|fn \w+\(|func \w+\(|SELECT .+ FROM )"
)
FILE_NAME = re.compile(
    r"\.(?=[a-z])(?:py|pyi|js|jsx|ts|tsx|go|rs|java|kt|c|cc|cpp|h|hpp|rb|php|sql|sh|cs|swift|scala|vue|ya?ml|toml)\b"
)
UNSPACED = re.compile(r"[\u4e00-\u9fff]")
"""Writing without spaces: each entry of `INFIX` has some."""
MATH_SIGNS = ("=", "^", "+", "*", "/", "√", "∫", "∑", "≤", "≥", "∀", "∃", "×", "÷")
OPERATION = re.compile(r"[-+*/^×÷=]\s*[-(]?\d")
Formula: TypeAlias = tuple[tuple[str, ...], re.Pattern[str]]
NUMERIC: tuple[Formula, ...] = (
    (("=",), re.compile(r"[a-z)]\s*=\s*-?\d")),
    (("*", "/", "^", "×", "÷"), re.compile(r"\d\s*[*/^×÷]\s*\(?\d")),
    (("+",), re.compile(r"\d\s+\+\s+\d")),
    (("-", "+", "*", "/"), re.compile(r"\b\d*[a-z]\s*[-+*/]\s*\d+[a-z]?\b")),
)
"""Formulas that have an `OPERATION`, each after the signs of which it has one: by what is rare a long text is passed
over in a tenth of the time."""
SYMBOLIC: tuple[Formula, ...] = (
    (("^",), re.compile(r"[a-z0-9)]\s*\^\s*[\d({n]")),
    (("(",), re.compile(r"\b[a-z]\([a-z]\s*[+,)]")),
    (("dx", "dy", "dt"), re.compile(r"\bd[xyt]\b")),
    (tuple("∫∑√≤≥∀∃"), re.compile(r"[∫∑√≤≥∀∃]")),
)
"""Formulas that need no number."""
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
ON_MATERIAL: tuple[Task, ...] = ("summary", "extraction", "classification")
LONG_WORDS = 400
SHORT_WORDS = 250
LONG_MATERIAL_CHARS = 1_500
WORD_PROBLEM = 14
"""Words of a text that, with figures and a question, make a word problem of it."""


class Score(msgspec.Struct):
    """Points by task, and the strongest sign of each with its points."""

    points: dict[Task, int] = {}
    signs: dict[Task, tuple[int, str]] = {}

    def add(self, task: Task, points: int, sign: str) -> None:
        """So many points, more than none, that speak for a task."""
        self.points[task] = self.points.get(task, 0) + points
        if task not in self.signs or points > self.signs[task][0]:
            self.signs[task] = (points, sign)

    def best(self) -> tuple[Task, int, str] | None:
        """The task with most points, the harder on a tie, and its sign; `None` below what is enough.

        Supporting words alone have to be several.
        """
        top: tuple[int, int, Task, str] | None = None
        for task, (strongest, sign) in self.signs.items():
            points = self.points[task]
            if points >= (FIRM if strongest < ENOUGH else ENOUGH):
                found = (points, HARDNESS[task], task, sign)
                top = found if top is None or found > top else top
        return None if top is None else (top[2], top[0], top[3])


def score_words(wording: Wording) -> Score:
    """What the words of the instruction speak for."""
    score = Score()
    points, strongest = score.points, score.signs
    words, order = wording.words, wording.order
    entries: list[tuple[Sign, ...]] = []
    apart: list[Apart] = []
    text = ""
    # sorted, so that the same text is always explained by the same word
    for word in sorted(words & BEGINNINGS.keys()):
        alone, beside, near = BEGINNINGS[word]
        entries.append(alone)
        for second, pair, signs in beside:
            if second in words:
                text = text or side_by_side(order)
                if pair in text:
                    entries.append(signs)
        for found in near:
            if found[1] in words and _near(order, word, found[1]):
                apart.append(found)
    for signs in entries:
        for task, weight, sign in signs:
            points[task] = points.get(task, 0) + weight
            if task not in strongest or weight > strongest[task][0]:
                strongest[task] = (weight, sign)
    for _, _, task, name in sorted(apart):
        score.add(task, ENOUGH, name)
    if not wording.instruction.isascii() and UNSPACED.search(wording.instruction):
        for task, parts in vocabulary.INFIX.items():
            for part in parts:
                if part in wording.instruction:
                    score.add(task, FIRM, f"'{part}'")
    _favour_leading(order, score)
    return score


def _near(order: tuple[str, ...], first: str, second: str) -> bool:
    """Whether `second` stands at most four places after some `first`."""
    at = -1
    for _ in range(order.count(first)):
        at = order.index(first, at + 1)
        if second in order[at + 1 : at + 5]:
            return True
    return False


def _favour_leading(order: tuple[str, ...], score: Score) -> None:
    """What an instruction begins with is what it asks for."""
    leading = order[:LEADING_WORDS]
    for place, word in enumerate(leading, start=1):
        if word in LEADING_FIRST:
            begun = LEADING.get(" ".join(leading[place - 1 : place + 1])) or LEADING.get(word)
            if begun is not None:
                score.add(*begun)
                return


def score_all(wording: Wording) -> Score:
    """What words and shape speak for: code, formulas, quantities, lengths, material."""
    score = score_words(wording)
    points, words = score.points, wording.words
    _score_code(wording, score)
    if contains(wording.instruction, MATH_SIGNS) and _formula(wording.lower):
        score.add("reasoning", FIRM, "a formula")
    # without one of these words a length is not asked for but told
    writes = not words.isdisjoint(vocabulary.WRITING) or "写" in wording.instruction
    if wording.numbers:
        _score_numbers(wording, score, writes=writes)
    beside = len(wording.text) - len(wording.instruction)
    if (
        beside >= LONG_MATERIAL_CHARS
        and "coding" not in points
        and contains(wording.lower, vocabulary.EDITING)
    ):
        score.add("long_writing", 2 * FIRM, "a long text to be edited")
    elif not writes or not words.isdisjoint(vocabulary.BREVITY):
        points["long_writing"] = points.get("long_writing", 0) - ENOUGH
    if wording.material:
        for task in ON_MATERIAL:
            if points.get(task, 0) > 0:
                score.add(task, 1, "material to work on")
    return score


def _formula(text: str) -> bool:
    for signs, pattern in (*NUMERIC, *SYMBOLIC) if OPERATION.search(text) else SYMBOLIC:
        if contains(text, signs) and pattern.search(text):
            return True
    return False


def _score_code(wording: Wording, score: Score) -> None:
    text, marks = wording.text, wording.marks
    if "```" in marks and "```" in text:
        score.add("coding", FIRM, "a code fence")
    signs: set[str] = set()
    for piece, phrases in CODE_BY_MARKS.items():
        if piece in marks:
            for phrase, sign in phrases:
                if sign not in signs and phrase in text:
                    signs.add(sign)
    if TRACED in signs or (("Error" in text or "Exception" in text) and ERROR_NAME.search(text)):
        score.add("coding", FIRM + 1, TRACED)
    if FILE_NAME.search(text) and (files := code_files(text)):
        score.add("coding", min(files, 2) + 1, f"{files} file(s) of code named")
    if SOURCE in signs or SOURCE_LINE.search(f"\n{text}"):
        score.add("coding", FIRM, SOURCE)


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


def _score_numbers(wording: Wording, score: Score, *, writes: bool) -> None:
    """`writes` is whether a text is to be written, not only spoken of."""
    text = wording.lower
    if wording.numbers >= 2 and ("?" in text or "？" in text):
        told = len(wording.order) >= WORD_PROBLEM or score.points.get("reasoning", 0) > 0
        score.add("reasoning", ENOUGH if told else 1, "a question about quantities")
    if not writes and score.points.get("long_writing", 0) < FIRM:
        return
    length = wanted_length(text)
    if length is None:
        return
    if length >= LONG_WORDS:
        score.add("long_writing", FIRM + 1, "a length asked for")
    elif length <= SHORT_WORDS:
        score.points["long_writing"] = score.points.get("long_writing", 0) - ENOUGH


def wanted_length(text: str) -> int | None:
    """The words that an instruction asks for, a page being 400; `None` where it names no length."""
    found = LENGTH.search(text) if contains(text, UNITS) else None
    if found is None:
        return None
    digits = found[1].replace(",", "").replace(".", "")
    number = SMALL_NUMBERS.get(found[1]) or int(digits[:7] or "0")
    pages = (found[2][0] in "p" and not found[2].startswith("pal")) or found[2] == "seiten"
    return number * 400 if pages else number


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
