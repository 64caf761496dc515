"""Collects everything that is wrong with one file, each problem as a line with file, table, key and fix."""

import difflib
import re
from collections.abc import Iterable, Mapping

from tiercel.domain.errors import ConfigError

Steps = tuple[str | int, ...]
"""Where a value stands: keys, and positions within lists (rules stand by their name)."""

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")


class Problems:
    """The problems of the file called `name`.

    `headers` says how many keys of a path make up the table's header: 1 for `[limits]`, 2 for `[tiers.fast]`.
    """

    def __init__(self, name: str, headers: Mapping[str, int]) -> None:
        self.name = name
        self.headers = headers
        self.lines: list[str] = []

    def add(self, path: Steps, message: str, value: str | None = None) -> None:
        """Notes one problem. `value` is quoted in front of the message; never pass what may be a credential."""
        place = self.place(path)
        if value is not None:
            place = f"{place} {value!r}".lstrip()
        self.lines.append(f"{self.name}: {place}: {message}" if place else f"{self.name}: {message}")

    def place(self, path: Steps) -> str:
        """`[rules.hard-coding] ladder[0]`: the table's header as it stands in the file, then the key in it."""
        if not path:
            return ""
        depth = self.headers.get(str(path[0]), 0)
        head, tail = path[:depth], path[depth:]
        if depth == 2 and len(path) > 1 and isinstance(path[1], int):
            header = f"[[{path[0]}]] number {path[1] + 1}"
        else:
            header = f"[{dotted(head)}]" if head else ""
        return f"{header} {dotted(tail)}".strip()

    def raise_if_any(self) -> None:
        """Raises one `ConfigError` with every problem noted so far."""
        if self.lines:
            raise ConfigError(*self.lines)


def dotted(path: Steps) -> str:
    """A path as TOML spells it, list positions in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            quoted = step if BARE_KEY.match(step) else f'"{step}"'
            text += f".{quoted}" if text else quoted
    return text


def nearest(word: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?` where one of the choices is close, else nothing."""
    found = difflib.get_close_matches(word, sorted(choices), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def listed(words: Iterable[str]) -> str:
    """`'a', 'b', 'c'`."""
    return ", ".join(repr(word) for word in words)
