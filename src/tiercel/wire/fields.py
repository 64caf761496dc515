"""Reading typed values out of a client's parsed JSON, with messages that name the field and what was expected.

`null` counts as absent, as the official clients send it for fields that were not set.
"""

from typing import NoReturn, get_args

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import EFFORTS, Effort, Format

FORMATS = frozenset(get_args(Format))
MAX_TURNS = 2_000


def refuse(param: str, expected: str, got: Json) -> NoReturn:
    """Raises `CallerError`: `messages[2].content: expected a string, got a number`."""
    raise CallerError("invalid_request", f"{param}: expected {expected}, got {_kind(got)}", param=param)


def text(source: JsonObject, key: str, param: str) -> str:
    """A required string."""
    value = source.get(key)
    if not isinstance(value, str):
        refuse(param, "a string", value)
    return value


def optional_text(source: JsonObject, key: str, param: str) -> str | None:
    value = source.get(key)
    if value is not None and not isinstance(value, str):
        refuse(param, "a string", value)
    return value


def optional_flag(source: JsonObject, key: str, param: str) -> bool | None:
    value = source.get(key)
    if value is not None and not isinstance(value, bool):
        refuse(param, "true or false", value)
    return value


def optional_number(source: JsonObject, key: str, param: str) -> float | None:
    value = source.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(param, "a number", value)
    return value


def optional_integer(source: JsonObject, key: str, param: str, least: int | None = None) -> int | None:
    value = source.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(param, "an integer", value)
    if least is not None and value < least:
        raise CallerError("invalid_request", f"{param}: expected an integer of at least {least}", param=param)
    return value


def optional_object(source: JsonObject, key: str, param: str) -> JsonObject | None:
    value = source.get(key)
    if value is not None and not isinstance(value, dict):
        refuse(param, "an object", value)
    return value


def optional_list(source: JsonObject, key: str, param: str) -> list[Json] | None:
    value = source.get(key)
    if value is not None and not isinstance(value, list):
        refuse(param, "a list", value)
    return value


def effort(source: JsonObject, key: str, param: str) -> Effort | None:
    """How hard to think, in the words that several formats share."""
    value = optional_text(source, key, param)
    if value is not None and value not in EFFORTS:
        raise CallerError("unsupported_value", f"{param}: expected one of {', '.join(EFFORTS)}", param=param)
    return value


def turns(source: JsonObject, key: str, noun: str) -> list[Json]:
    """The list of a conversation: at least one and at most `MAX_TURNS`. `noun` is what the format calls one of them."""
    listed = source.get(key)
    if not listed or not isinstance(listed, list):
        optional_list(source, key, key)
        raise CallerError("invalid_request", f"{key}: expected at least one {noun}", param=key)
    if len(listed) > MAX_TURNS:
        raise CallerError(
            "invalid_request",
            f"{key}: expected at most {MAX_TURNS:,} {noun}s, got {len(listed):,}",
            param=key,
        )
    return listed


def as_object(value: Json, param: str) -> JsonObject:
    """A required object, such as an item of a list."""
    if not isinstance(value, dict):
        refuse(param, "an object", value)
    return value


def text_map(source: JsonObject, key: str, param: str) -> dict[str, str]:
    """An object of strings, empty where it is absent."""
    found = optional_object(source, key, param) or {}
    for name, value in found.items():
        if not isinstance(value, str):
            refuse(f"{param}.{name}", "a string", value)
    return found


def leftovers(source: JsonObject, known: frozenset[str]) -> JsonObject:
    """The fields that nobody here reads, to be kept."""
    rest: JsonObject = {}
    if not source.keys() <= known:
        for key, value in source.items():
            if key not in known:
                rest[key] = value
    return rest


def shared(extra: JsonObject) -> JsonObject:
    """`extra` without what stands under a format's name in it: that is for this format alone, and no loss elsewhere."""
    if FORMATS.isdisjoint(extra):
        return extra
    return {key: value for key, value in extra.items() if key not in FORMATS}


def _kind(value: Json) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
