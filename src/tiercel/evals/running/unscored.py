"""Answers that came and wait for their scores: kept at once, so that nobody is paid for the same answer twice.

A judge may take longer than an answer, and until it has spoken there is no row in the results. What waits lies in a
file beside them; once every answer has its scores, that file is gone.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from tiercel.domain.response import ModelResponse
from tiercel.evals.results import Result, read_rows
from tiercel.evals.running.rows_file import RowsFile

FILE = "unscored.jsonl"


class Unscored(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, and its row but for the scores."""

    result: Result
    response: ModelResponse


_DECODER = msgspec.json.Decoder(Unscored)


def read_unscored(folder: Path) -> dict[tuple[str, str, int], Unscored]:
    """Of each item, candidate and repeat of the run in this folder the last answer that was kept; those that have
    their scores by now are among them. Raises `ConfigError` for a row within the file that cannot be read."""
    path = folder / FILE
    if not path.exists():
        return {}
    return {kept.result.key: kept for kept in read_rows(path, _DECODER, "answer")}


class UnscoredFile:
    """Open for adding answers. Raises `ConfigError` where it cannot be read or opened."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._known = read_unscored(folder)
        self._rows = RowsFile(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()

    def take(self, key: tuple[str, str, int]) -> Unscored | None:
        """What an earlier sitting left of this one, once."""
        return self._known.pop(key, None)

    def add(self, result: Result, response: ModelResponse) -> None:
        """Keep it. Raises `OSError` where it cannot be written."""
        self._rows.add(Unscored(result=result, response=msgspec.structs.replace(response, extra={})))

    def remove(self) -> None:
        """Nothing waits any more."""
        self._rows.close()
        self._path.unlink(missing_ok=True)
