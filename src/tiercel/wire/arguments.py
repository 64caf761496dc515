"""A tool call's arguments between JSON text, which they are with us and at OpenAI, and the object of other formats."""

from tiercel.domain.json import JsonObject
from tiercel.wire.scan import parse_chunk


def arguments_object(text: str) -> JsonObject:
    """JSON text as an object, nothing as an empty one; free text, or JSON that was cut, as its `input`."""
    read = parse_chunk(text.encode("utf-8", "replace") or b"{}")
    return {"input": text} if read is None else read


def encoded_once(text: str) -> str:
    """The arguments that some servers encode twice, as the text that is meant; any other text as it is."""
    if not text.startswith('"'):
        return text
    outer = parse_chunk(b'{"value":' + text.encode("utf-8", "replace") + b"}")
    inner = outer.get("value") if outer else None
    if isinstance(inner, str) and parse_chunk(inner.encode("utf-8", "replace")) is not None:
        return inner
    return text
