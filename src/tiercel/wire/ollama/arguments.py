"""A tool call's arguments: an object in this format, JSON text with us."""

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.wire.scan import parse_chunk


def arguments_text(value: Json) -> str:
    """The object as JSON text; text (some models' templates give it) as it is, nothing as `{}`."""
    if isinstance(value, str):
        return value if value.strip() else "{}"
    return "{}" if value is None else msgspec.json.encode(value).decode()


def arguments_object(text: str) -> JsonObject:
    """JSON text as the object that is demanded here; free text, or JSON that was cut, under `input`."""
    read = parse_chunk(text.encode("utf-8", "replace") or b"{}")
    return {"input": text} if read is None else read
