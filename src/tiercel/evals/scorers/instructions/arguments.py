"""The arguments of an instruction, read with a message that names what is missing or of no use."""

from collections.abc import Callable
from typing import TypeAlias

from tiercel.domain.json import JsonObject

Instruction: TypeAlias = Callable[[str, JsonObject], str | None]


def text(arguments: JsonObject, name: str, default: str | None = None) -> str:
    """Raises `ValueError` where it is no text."""
    found = arguments.get(name, default)
    if not isinstance(found, str) or not found.strip():
        raise ValueError(f"{name} is {found!r}: give a text")
    return found


def texts(arguments: JsonObject, name: str) -> list[str]:
    """Raises `ValueError` where it is no list of texts."""
    found = arguments.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) and one for one in found):
        raise ValueError(f"{name} is {found!r}: give a list of texts")
    return found


def number(arguments: JsonObject, name: str) -> int:
    """Raises `ValueError` where it is no whole number from 0 on."""
    found = arguments.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise ValueError(f"{name} is {found!r}: give a whole number")
    return found


def compared(count: int, arguments: JsonObject, relation: str, wanted: str, noun: str) -> str | None:
    """Whether `count` is "at least" or "less than" what is wanted, the first where nothing is said."""
    how, most = arguments.get(relation, "at least"), number(arguments, wanted)
    if how not in ("at least", "less than"):
        raise ValueError(f"{relation} is {how!r}: use 'at least' or 'less than'")
    if (count >= most) == (how == "at least"):
        return None
    return f"{count} {noun}, wanted {how} {most}"
