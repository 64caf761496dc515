"""The one place in the box that catches everything: code from outside may raise anything, at any time."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def contain(call: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """What `call` gives, or what it raises."""
    try:
        return call(), None
    except (
        BaseException
    ) as error:  # also SystemExit and KeyboardInterrupt: the code under test may raise them
        return None, error
