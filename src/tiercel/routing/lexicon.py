"""The vocabulary turned round: from a word of a request to what it may mean. Made once, when this is imported."""

from itertools import count
from typing import TypeAlias

from tiercel.domain.facts import Task
from tiercel.routing import vocabulary

Sign: TypeAlias = tuple[Task, int, str]
"""What something speaks for, how much, and its name for `explain`."""

Apart: TypeAlias = tuple[int, str, Task, str]


def _lexicon() -> dict[str, tuple[Sign, ...]]:
    found: dict[str, list[Sign]] = {}
    for task, by_weight in vocabulary.WORDS.items():
        for weight, text in by_weight.items():
            for words in text.split(","):
                entry = " ".join(words.split())
                found.setdefault(entry, []).append((task, weight, f"'{entry}'"))
    return {entry: tuple(signs) for entry, signs in found.items()}


def _followers(pairs: frozenset[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for first, second in map(str.split, pairs):
        found.setdefault(first, set()).add(second)
    return {first: frozenset(seconds) for first, seconds in found.items()}


def _apart() -> dict[str, tuple[Apart, ...]]:
    found: dict[str, list[Apart]] = {}
    numbers = count()
    for task, pairs in vocabulary.APART.items():
        for first, second in pairs:
            name = f"'{first} … {second}'"
            found.setdefault(first, []).append((next(numbers), second, task, name))
    return {first: tuple(seconds) for first, seconds in found.items()}


LEXICON = _lexicon()
"""From an entry, a word or two side by side, to all that it speaks for."""

KNOWN_PAIRS = vocabulary.HARD_CODING_PAIRS.union(entry for entry in LEXICON if entry.count(" ") == 1)

FOLLOWERS = _followers(KNOWN_PAIRS)
"""From the first word of each known pair to its second ones."""

APART = _apart()
"""From the first word of each pair that may have words between to its second ones, numbered as the vocabulary does."""

KNOWN_WORDS = frozenset(
    word
    for entries in (
        *(words for words in vars(vocabulary).values() if isinstance(words, frozenset)),
        *(entry.split() for entry in LEXICON),
        *(pair.split() for pair in KNOWN_PAIRS),
        *(pair for pairs in vocabulary.APART.values() for pair in pairs),
    )
    for word in entries
)
"""Every word that any question about a request's wording asks for."""
