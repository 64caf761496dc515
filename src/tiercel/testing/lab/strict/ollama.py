"""What Ollama's `/api/chat` refuses, which is little: its server reads into fixed types and ignores the rest. Pure."""

import base64
import binascii
from collections.abc import Iterator

from tiercel.domain.json import Json, JsonObject
from tiercel.testing.lab.strict.asked import Asked, Objection, object_in, objects

_ROLES = ("system", "user", "assistant", "tool")


def objections(body: JsonObject, asked: Asked) -> Iterator[Objection]:
    """What is wrong with a body."""
    for index, message in enumerate(objects(body.get("messages"))):
        if message.get("role") not in _ROLES:
            yield Objection(message=f"invalid role: {message.get('role')}")
        if not isinstance(message.get("content", ""), str):
            yield Objection(message=_not_a("string", f"ChatRequest.messages[{index}].content"))
        for image in message.get("images") or ():
            if not _is_base64(image):
                yield Objection(message="illegal base64 data at input byte 4")
        for call in objects(message.get("tool_calls")):
            if not isinstance(object_in(call, "function").get("arguments", {}), dict):
                yield Objection(message=_not_a("object", "ToolCallFunction.arguments"))


def _not_a(kind: str, field: str) -> str:
    return f"json: cannot unmarshal into Go struct field {field} of type {kind}"


def _is_base64(value: Json) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return False
    return True
