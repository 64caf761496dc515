"""The vocabulary turned round: from a word of a request to what it may mean. Made once, when this is imported."""

from itertools import count
from typing import TypeAlias

from tiercel.domain.facts import Task
from tiercel.routing import vocabulary

Sign: TypeAlias = tuple[Task, int, str]
"""What something speaks for, how much, and its name for `explain`."""

Second: TypeAlias = tuple[str, str, tuple[Sign, ...]]
"""The second word of a pair that stands side by side, the pair between blanks, and what it speaks for."""

Apart: TypeAlias = tuple[int, str, Task, str]
"""The second word of a pair that may have words between, numbered as the vocabulary does; task and name."""

Beginning: TypeAlias = tuple[tuple[Sign, ...], tuple[Second, ...], tuple[Apart, ...]]


def _lexicon() -> dict[str, tuple[Sign, ...]]:
    found: dict[str, list[Sign]] = {}
    for task, by_weight in vocabulary.WORDS.items():
        for weight, text in by_weight.items():
            for words in text.split(","):
                entry = " ".join(words.split())
                found.setdefault(entry, []).append((task, weight, f"'{entry}'"))
    return {entry: tuple(signs) for entry, signs in found.items()}


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


def _beginnings() -> dict[str, Beginning]:
    seconds: dict[str, list[Second]] = {}
    for entry, signs in LEXICON.items():
        first, _, second = entry.partition(" ")
        if second:
            seconds.setdefault(first, []).append((second, f" {entry} ", signs))
    apart = _apart()
    return {
        word: (LEXICON.get(word, ()), tuple(sorted(seconds.get(word, ()))), apart.get(word, ()))
        for word in {*(entry.split()[0] for entry in LEXICON), *apart}
    }


BEGINNINGS = _beginnings()
"""From a word to what it speaks for, alone, with one that stands beside it, and with one that stands near."""

KNOWN_WORDS = frozenset(
    word
    for entries in (
        *(words for words in vars(vocabulary).values() if isinstance(words, frozenset)),
        *(entry.split() for entry in LEXICON),
        *(pair.split() for pair in vocabulary.HARD_CODING_PAIRS),
        *(pair for pairs in vocabulary.APART.values() for pair in pairs),
    )
    for word in entries
)
"""Every word that any question about a request's wording asks for."""
