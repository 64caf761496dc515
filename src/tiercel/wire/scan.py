"""A body's bytes as one JSON object, or a clear no: the first thing that happens to whatever anybody sends.

Refused, because two readers could understand them differently or because they cost more than they say: malformed
JSON, anything but an object, duplicate keys anywhere, more than 64 levels, NaN and Infinity, lone surrogates, more
than 100,000 values. The order of work is by cost: the decoder itself is strict, and duplicates (which it accepts) show
in C-speed counts of the bytes; only where counts disagree is the body read a second time, slowly and precisely.
"""

import json
import re

import msgspec

from tiercel.domain.errors import CallerError, UpstreamDataError
from tiercel.domain.json import Json, JsonObject

MAX_DEPTH = 64
MAX_VALUES = 100_000

_decode = msgspec.json.Decoder().decode

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_CONTAINERS = (dict, list)
_SPACED_COLON = re.compile(rb'"[ \t\r\n]+:')


class _Refused(Exception):
    """Why a body is not taken; each side gives it its own exception."""


class _Duplicate(Exception):
    """A key that stands twice in one object."""


def parse_object(body: bytes) -> JsonObject:
    """A client's body. Raises `CallerError("invalid_json")` saying what is wrong with it."""
    try:
        return _parse(body)
    except _Refused as refused:
        raise CallerError("invalid_json", f"The request body {refused}.") from None


def parse_upstream_object(body: bytes) -> JsonObject:
    """A provider's body, under the same rules. Raises `UpstreamDataError`."""
    try:
        return _parse(body)
    except _Refused as refused:
        raise UpstreamDataError(f"the upstream's body {refused}") from None


def parse_chunk(data: bytes) -> JsonObject | None:
    """One event of a stream as an object, `None` where it is none.

    Events are small and capped, and nothing in them is read twice by different readers: the decoder's own strictness
    is enough here.
    """
    try:
        value = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_complete_json(text: str) -> bool:
    """Whether this text is one whole JSON value (a tool call's arguments may have been cut)."""
    try:
        _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _parse(body: bytes) -> JsonObject:
    if len(body) > 2 * MAX_VALUES:  # a shorter body cannot hold so many
        _refuse_too_many_values(body)
    try:
        value = _decode(body)
    except UnicodeDecodeError:
        raise _Refused("is not valid UTF-8") from None
    except RecursionError:
        raise _Refused(f"is nested more than {MAX_DEPTH} levels deep") from None
    except msgspec.DecodeError as error:
        raise _Refused(f"is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise _Refused("is not a JSON object")
    keys = _count_keys(value)
    if _colons_at_most(body) == keys:
        return value
    if _STRING.sub(b"", body).count(b":") != keys:
        _refuse_duplicate(body)
    return value


def _colons_at_most(body: bytes) -> int | None:
    """An upper bound of the colons outside strings, cheaply; `None` where no cheap bound holds.

    Where no key is followed by white space, each such colon follows a quote. A quote after a backslash is inside a
    string, unless that backslash is itself escaped.
    """
    if b'\\\\":' in body or _SPACED_COLON.search(body) is not None:
        return None
    return body.count(b'":') - body.count(b'\\":')


def _refuse_too_many_values(body: bytes) -> None:
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) <= MAX_VALUES:
        return
    structure = _STRING.sub(b"", body)
    if sum(structure.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise _Refused(f"holds more than {MAX_VALUES:,} values")


def _count_keys(value: JsonObject) -> int:
    """How many keys all objects in `value` have together; refuses what is nested too deep, level by level."""
    keys = 0
    depth = 0
    level: list[Json] = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _Refused(f"is nested more than {MAX_DEPTH} levels deep")
        below: list[Json] = []
        for container in level:
            if container.__class__ is dict:
                keys += len(container)
                children = container.values()
            else:
                children = container
            for child in children:
                if child.__class__ in _CONTAINERS:
                    below.append(child)
        level = below
    return keys


def _refuse_duplicate(body: bytes) -> None:
    def unique(pairs: list[tuple[str, Json]]) -> JsonObject:
        found: JsonObject = {}
        for key, value in pairs:
            if key in found:
                raise _Duplicate(key)
            found[key] = value
        return found

    try:
        json.loads(body, object_pairs_hook=unique)
    except _Duplicate as duplicate:
        name = str(duplicate)
        shown = name if len(name) <= 60 else name[:60] + "…"
        raise _Refused(f"has the key {shown!r} twice in one object") from None
