"""The keys that a gateway saw last in a shared database, kept in its own folder: it may have to start without the
database. Hashes, as in the database itself, and worth nothing without the pepper."""

import os
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from tiercel.domain.errors import ConfigError

NAME = "keys.seen"
T = TypeVar("T")


class Seen(msgspec.Struct, Generic[T], frozen=True):
    """What was seen, and the witness of the pepper of that time; none where there were no keys."""

    witness: bytes | None
    stored: T


def keep_seen(folder: Path, seen: Seen[T]) -> None:
    """Writes it for its owner alone, whole or not at all. Raises `ConfigError`."""
    draft = folder / f"{NAME}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(seen))
        os.replace(draft, folder / NAME)
    except OSError as error:
        raise ConfigError(f"{folder / NAME}: cannot be written: {error.strerror}") from error


def read_seen(folder: Path, kind: type[Seen[T]]) -> Seen[T] | None:
    """What was kept; `None` where that is nothing, or nothing that this version can read."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
