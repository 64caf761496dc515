"""What the store of keys needs of its database, so that it does not matter which one that is."""

from collections.abc import Hashable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from tiercel.domain.errors import ConfigError
from tiercel.records.postgres_link import Ask

__all__ = ["Ask", "AwayError", "KeyDatabase", "Mark"]


class AwayError(ConfigError):
    """The database does not answer at the moment; there may be nothing wrong with it."""


class Mark(NamedTuple):
    """Another `version` each time somebody changed a key; `witness` tells with which pepper keys are hashed."""

    version: Hashable
    witness: bytes


class KeyDatabase(Protocol):
    """Tables `keys`, `secrets` and `projects`, asked in statements that both databases understand. Everything raises
    `ConfigError` where it cannot be done, with the place in its words. For one thread at a time."""

    @property
    def place(self) -> str:
        """The database in words, for messages."""
        ...

    def make(self, witness: bytes) -> None:
        """Makes the tables where there are none."""
        ...

    def mark(self) -> Mark | None:
        """What there is now, checked to be of a schema that this version knows; `None` before anybody made a key.
        Raises also where there had been something, and is no more."""
        ...

    def reading(self) -> AbstractContextManager[Ask]:
        """A transaction that sees everything as it was at one moment."""
        ...

    def changing(self) -> AbstractContextManager[Ask]:
        """A transaction: all of it or nothing, and one at a time."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
