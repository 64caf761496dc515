"""Arguments that arrive in pieces, each with the place it belongs to: `$.recipe.ingredients[0].amount`.

Vertex streams them so where a client asked for it. A text comes in several pieces for one place; all else in one.
"""

import re
from itertools import pairwise

from tiercel.domain.json import Json, JsonObject
from tiercel.wire.gemini.parts import arguments_text

MAX_STEPS = 64
_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
_ESCAPED = re.compile(r"\\(.)")


class MisplacedError(ValueError):
    """A piece whose place cannot be: no path, a list's item far beyond its end, a text where an object stands."""


class PartialArguments:
    """Puts one call's arguments together."""

    def __init__(self) -> None:
        self._whole: JsonObject = {}
        self._open: str | None = None
        self._pieces: list[str] = []

    def add(self, piece: Json) -> None:
        """Takes in the next piece. Raises `MisplacedError`."""
        path = piece.get("jsonPath") if isinstance(piece, dict) else None
        if not isinstance(path, str):
            raise MisplacedError("a piece of arguments without a path")
        text = piece.get("stringValue")
        if isinstance(text, str):
            if path != self._open:
                self._close_text()
                self._open = path
            self._pieces.append(text)
            return
        self._close_text()
        value = piece.get("boolValue", piece.get("numberValue"))
        if value is None and "nullValue" not in piece:
            raise MisplacedError("a piece of arguments without a value")
        self._set(path, _whole_number(value))

    def text(self) -> str:
        """What has come, as JSON text. Raises `MisplacedError`."""
        self._close_text()
        return arguments_text(self._whole)

    def _close_text(self) -> None:
        if self._open is not None:
            self._set(self._open, "".join(self._pieces))
            self._open = None
            self._pieces = []

    def _set(self, path: str, value: Json) -> None:
        steps = _steps(path)
        holder: Json = self._whole
        for step, following in pairwise(steps):
            holder = _enter(holder, step, [] if isinstance(following, int) else {})
        _enter(holder, steps[-1], value, replace=True)


def _enter(holder: Json, step: str | int, value: Json, replace: bool = False) -> Json:
    """The value at this step of `holder`, put there where it is missing."""
    if isinstance(step, str) and isinstance(holder, dict):
        if replace or step not in holder:
            holder[step] = value
        return holder[step]
    if isinstance(step, int) and isinstance(holder, list) and step <= len(holder):
        if step == len(holder):
            holder.append(value)
        elif replace:
            holder[step] = value
        return holder[step]
    raise MisplacedError("a piece of arguments where no value can stand")


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or len(steps) == MAX_STEPS:
            break
        name, index, *quoted = match.groups()
        inside = next((text for text in quoted if text is not None), None)
        steps.append(int(index) if index else _ESCAPED.sub(r"\1", inside) if inside is not None else name)
        at = match.end()
    if not path.startswith("$") or at < len(path) or not steps:
        raise MisplacedError("a piece of arguments whose path cannot be read")
    return steps


def _whole_number(value: Json) -> Json:
    """Numbers come as doubles; one without a fraction is an integer for whoever asked for one."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
