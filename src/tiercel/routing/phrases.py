"""Phrases looked for in a text as they stand, words or not: the searches of which every request needs many."""

from collections.abc import Iterable


def contains(text: str, phrases: Iterable[str]) -> bool:
    """Whether any of these stands in the text."""
    for phrase in phrases:  # noqa: SIM110 - twice as fast as any() on a generator, and this is the hot path
        if phrase in text:
            return True
    return False
