"""Writes JSON Lines a row at a time, each as soon as it is there: what a run has written, a kill does not take."""

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from tiercel.domain.errors import ConfigError

SYNC_SECONDS = 1.0
"""A row is with the system at once, and on the disk within about this time."""
CHUNK_BYTES = 65_536


class RowsFile:
    """Open for adding rows. What a crash left of a last row is cut off first.

    Raises `ConfigError` where the file cannot be opened, and `OSError` where a row cannot be written; then nothing of
    that row counts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = msgspec.json.Encoder()
        self._synced_at = time.monotonic()
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
        self._end = _whole_rows_end(self._fd)
        os.ftruncate(self._fd, self._end)
        os.lseek(self._fd, self._end, os.SEEK_SET)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, row: msgspec.Struct) -> None:
        """Write one row."""
        line = self._encoder.encode(row) + b"\n"
        try:
            written = os.write(self._fd, line)
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError:
            os.ftruncate(self._fd, self._end)
            os.lseek(self._fd, self._end, os.SEEK_SET)
            raise
        self._end += len(line)
        if time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Have all of it on the disk."""
        if self._fd >= 0:
            try:
                self._sync()
            finally:
                os.close(self._fd)
                self._fd = -1

    def _sync(self) -> None:
        os.fsync(self._fd)
        self._synced_at = time.monotonic()


def _whole_rows_end(fd: int) -> int:
    """Where the last whole row ends."""
    place = os.lseek(fd, 0, os.SEEK_END)
    while place > 0:
        start = max(0, place - CHUNK_BYTES)
        os.lseek(fd, start, os.SEEK_SET)
        found = os.read(fd, place - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        place = start
    return 0
