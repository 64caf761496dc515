"""How much two texts share, word by word: F1 of their words, and ROUGE-L, which also asks for the order.

It measures wording and not meaning: a sentence and its denial share almost all words.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

MAX_WORDS = 20_000
MAX_ORDERED = 4_000
"""Longer texts are compared by their first words only, which bounds the time."""

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
NEGATION_WORDS = (
    "not no never none neither nor cannot without nicht kein keine keinen keiner keinem nie niemals ohne ne pas jamais "
    "aucun aucune sans nunca ningún ninguno ninguna sin non mai nessun nessuno senza não nem nenhum sem не нет"
)
NEGATIONS = frozenset(NEGATION_WORDS.split())


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, folded; in scripts without blanks between words each character is one."""
    folded = unicodedata.normalize("NFKC", text[: MAX_WORDS * 20]).casefold().replace("’", "'")
    if UNSPACED.search(folded):
        folded = UNSPACED.sub(lambda character: f" {character[0]} ", folded)
    return WORD.findall(folded)[:MAX_WORDS]


def f1(a: Sequence[str], b: Sequence[str]) -> float:
    """The harmonic mean of how many of each one's words the other has too, each word counted as often as it stands."""
    if not a or not b:
        return float(not a and not b)
    shared = sum((Counter(a) & Counter(b)).values())
    return 2 * shared / (len(a) + len(b))


def recall(reference: Sequence[str], text: Sequence[str]) -> float:
    """Which share of the reference's words the text has."""
    return sum((Counter(reference) & Counter(text)).values()) / len(reference) if reference else 1.0


def precision(reference: Sequence[str], text: Sequence[str]) -> float:
    """Which share of the text's words the reference has."""
    return recall(text, reference)


def rouge_l(a: Sequence[str], b: Sequence[str]) -> float:
    """ROUGE-L: as `f1`, of the words that stand in the same order in both (their longest common subsequence)."""
    a, b = a[:MAX_ORDERED], b[:MAX_ORDERED]
    if not a or not b:
        return float(not a and not b)
    return 2 * common_subsequence(a, b) / (len(a) + len(b))


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """The length of the longest common subsequence: one row of the table is one integer, a bit for each word of `a`.

    After Hyyrö, "Bit-parallel LCS-length computation revisited" (2004).
    """
    places: dict[str, int] = {}
    for place, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(a)) - 1
    row = every
    for word in b:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & every
    return len(a) - row.bit_count()


def negations(words: Sequence[str]) -> int:
    """How often these words deny something."""
    return sum(word in NEGATIONS or word.endswith("n't") for word in words)
