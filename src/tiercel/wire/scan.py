"""A body's bytes as one JSON object, or a clear no: the first thing that happens to whatever anybody sends.

Refused, because two readers could understand them differently or because they cost more than they say: malformed
JSON, anything but an object, duplicate keys anywhere, more than 64 levels, NaN and Infinity, lone surrogates, more
than 100,000 values. The order of work is by cost: the decoder itself is strict, and duplicates (which it accepts) show
in a count of colons, as what it dropped is missing when its value is written again; only where that is not plain is
the body read again, slowly, to name the key.

Duplicate keys are refused in what clients send, since those bytes may go on to a provider, who could read another of
the two. What a provider sends goes no further as bytes: it is read once, here, and written anew. There the last one
counts, in a whole answer as in each event of a stream.
"""

import json

import msgspec

from tiercel.domain.errors import CallerError, UpstreamDataError
from tiercel.domain.json import Json, JsonObject

MAX_DEPTH = 64
MAX_VALUES = 100_000

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

_CONTAINERS: frozenset[object] = frozenset((dict, list))
_SHORT_BYTES = 4_000
_LONG_BYTES = 64_000
_NO_MARKS = bytes(set(range(256)) - set(b",[{"))
"""All but what stands before a value, or before the first in an object."""
_MAX_QUOTES = 4 * MAX_VALUES  # two for each value, two for its key
_TOO_MANY = f"holds more than {MAX_VALUES:,} values"


class _Refused(Exception):
    """Why a body is not taken; each side gives it its own exception."""


class _Duplicate(Exception):
    """A key that stands twice in one object."""


def parse_object(body: bytes) -> JsonObject:
    """A client's body. Raises `CallerError("invalid_json")` saying what is wrong with it."""
    try:
        value = _parse(body)
        if not _has_unique_keys(body, value):
            _refuse_duplicate(body)
    except _Refused as refused:
        raise CallerError("invalid_json", f"The request body {refused}.") from None
    return value


def parse_upstream_object(body: bytes) -> JsonObject:
    """A provider's body, under the same rules but for duplicate keys. Raises `UpstreamDataError`."""
    try:
        return _parse(body)
    except _Refused as refused:
        raise UpstreamDataError(f"the upstream's body {refused}") from None


def parse_chunk(data: bytes) -> JsonObject | None:
    """One event of a stream as an object, `None` where it is none.

    Events are small and capped: the decoder's own strictness is enough here.
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
    if len(body) > MAX_VALUES:  # each takes a byte at least
        _refuse_many_values(body)
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
    # that a short body has too few brackets for too many levels is seen sooner than how many levels it has
    if len(body) > _SHORT_BYTES or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _count_keys(value)
    return value


def _refuse_many_values(body: bytes) -> None:
    """Before they are built. Most long bodies have too few marks for that even with those in their texts."""
    many = len(body.translate(None, _NO_MARKS)) > MAX_VALUES
    if many and len(outside_strings(body).translate(None, _NO_MARKS)) > MAX_VALUES:
        raise _Refused(_TOO_MANY)


def _has_unique_keys(body: bytes, value: JsonObject) -> bool:
    """Whether it is plain that nothing of this valid body was dropped from `value`, as of two equal keys one is."""
    # without escapes that is a picture, most often, which would take long to be written again
    if len(body) > _LONG_BYTES and b"\\" not in body:
        return outside_strings(body).count(b":") == _count_keys(value)
    # written again it has all the colons that it had but those dropped, and more only where some were escaped
    if b"u003" in body and (b"u003a" in body or b"u003A" in body):
        return False
    return _encode(value).count(b":") == body.count(b":")


def outside_strings(body: bytes) -> bytes:
    """What of a JSON text stands outside its strings. Exact for valid JSON, where only strings hold backslashes."""
    # what is as long as it was is replaced in place, and few texts escape a backslash: both save much of a long body
    if b"\\" in body:
        if b"\\\\" in body:
            body = body.replace(b"\\\\", b"  ")
        body = body.replace(b'\\"', b"  ")
    pieces = body.split(b'"', _MAX_QUOTES)
    if len(pieces) > _MAX_QUOTES:
        raise _Refused(_TOO_MANY)
    return b"".join(pieces[::2])


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
