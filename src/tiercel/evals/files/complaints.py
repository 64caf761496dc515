"""Collects everything that is wrong with an evaluation's files, each problem with file, line, key and fix."""

from collections.abc import Callable

from tiercel.domain.errors import ConfigError
from tiercel.policy.problems import Problems, Steps, dotted

MOST_SHOWN = 50
"""A file of another kind is wrong in every line; nobody reads more than this."""


class Complaints:
    """What is wrong, in the order in which it was found."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, file: str, message: str, *, line: int | None = None, key: Steps = ()) -> None:
        """Notes one problem. A line is counted from 1, `None` where the file has none."""
        places = [file, *([f"line {line}"] if line else []), *([dotted(key)] if key else [])]
        self._lines.append(": ".join([*places, message]))

    def extend(self, error: ConfigError) -> None:
        """Notes the problems of something that could not be read at all."""
        self._lines += error.problems

    def __len__(self) -> int:
        return len(self._lines)

    def raise_if_any(self) -> None:
        """Raises one `ConfigError` with every problem noted so far, the first fifty in words."""
        if not self._lines:
            return
        more = len(self._lines) - MOST_SHOWN
        rest = [f"and {more} more problems; mend these first"] if more > 0 else []
        raise ConfigError(*self._lines[:MOST_SHOWN], *rest)


class LinedProblems(Problems):
    """Lets `policy.shape` complain about a file of ours: by its line, not by a TOML table's header."""

    def __init__(
        self, complaints: Complaints, file: str, line_of: Callable[[Steps], int | None], key: Steps = ()
    ) -> None:
        super().__init__(file, {})
        self._complaints = complaints
        self._line_of = line_of
        self._key = key

    def add(self, path: Steps, message: str, value: str | None = None) -> None:
        text = message if value is None else f"{value!r}: {message}"
        self._complaints.add(self.name, text, line=self._line_of(path), key=(*self._key, *path))
