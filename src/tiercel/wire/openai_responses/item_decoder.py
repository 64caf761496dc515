"""The items of a request's `input` as messages.

Items stand in a row here; in a conversation one turn of the assistant is one message. So neighbours that the model
made (messages, reasoning, calls, hosted calls) become the parts of one message, in their order.
"""

from typing import cast

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import (
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from tiercel.wire import fields
from tiercel.wire.openai_responses.content import read_content
from tiercel.wire.openai_responses.own_fields import FORMAT, kept, own_fields

MAX_ITEMS = 6_000
_MESSAGE = frozenset(("type", "role", "content"))
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_RESULTS = ("function_call_output", "custom_tool_call_output")


def decode_input(value: Json) -> list[Message]:
    """Raises `CallerError` naming `input[index]` and the field."""
    if isinstance(value, str):
        return [Message(role="user", parts=(Text(text=value),))]
    if not isinstance(value, list):
        fields.refuse("input", "a string or a list of items", value)
    if len(value) > MAX_ITEMS:
        raise CallerError(
            "invalid_request",
            f"input: expected at most {MAX_ITEMS:,} items, got {len(value):,}",
            param="input",
        )
    turns = _Turns()
    for index, item in enumerate(value):
        turns.take(fields.as_object(item, f"input[{index}]"), f"input[{index}]")
    return turns.finished()


class _Turns:
    """The messages so far, and the assistant's turn that is being put together."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._parts: list[Part] = []

    def finished(self) -> list[Message]:
        if self._parts:
            self._messages.append(Message(role="assistant", parts=tuple(self._parts)))
            self._parts = []
        return self._messages

    def take(self, item: JsonObject, param: str) -> None:
        kind = fields.optional_text(item, "type", f"{param}.type") or "message"
        if kind == "message":
            self._message(item, param)
        elif kind == "reasoning":
            self._parts.append(read_reasoning(item))
        elif kind in _CALLS:
            self._parts.append(_call(item, kind, param))
        elif kind in _RESULTS:
            self.finished().append(Message(role="tool", parts=(_result(item, kind, param),)))
        elif kind.endswith("_output") or kind == "mcp_approval_response":
            self.finished().append(Message(role="tool", parts=(Opaque(source=FORMAT, raw=item),)))
        else:
            self._parts.append(Opaque(source=FORMAT, raw=item))

    def _message(self, item: JsonObject, param: str) -> None:
        role = item.get("role")
        if role not in ("user", "assistant", "system", "developer"):
            fields.refuse(f"{param}.role", "user, assistant, system or developer", role)
        parts = read_content(item.get("content"), f"{param}.content")
        extra = kept(item, _MESSAGE)
        if role != "assistant":
            self.finished().append(Message(role=cast(Role, role), parts=parts, extra=extra))
            return
        own = own_fields(extra)
        if own:  # which text belongs to which item shows in the text itself
            parts = tuple(_marked(part, own) for part in parts)
            extra = fields.shared(extra)
        if extra:
            self.finished().append(Message(role="assistant", parts=parts, extra=extra))
        else:
            self._parts += parts


def _marked(part: Part, own: JsonObject) -> Part:
    if not isinstance(part, Text):
        return part
    return Text(text=part.text, extra={**part.extra, FORMAT: own})


def read_reasoning(item: JsonObject) -> Reasoning:
    """A reasoning item: its summary, else its content, as text; its encrypted content as the seal; the rest kept."""
    encrypted = item.get("encrypted_content")
    sealed = isinstance(encrypted, str) and bool(encrypted)
    known = frozenset(("type", "encrypted_content")) if sealed else frozenset(("type",))
    return Reasoning(
        text=_joined(item.get("summary")) or _joined(item.get("content")),
        signature=encrypted if sealed else None,
        source=FORMAT,
        extra=fields.leftovers(item, known),
    )


def _joined(pieces: Json) -> str:
    """The texts of a summary, with a blank line between its parts."""
    listed = pieces if isinstance(pieces, list) else []
    texts = [piece.get("text") for piece in listed if isinstance(piece, dict)]
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def _call(item: JsonObject, kind: str, param: str) -> ToolCall:
    payload = _CALLS[kind]
    return ToolCall(
        id=fields.text(item, "call_id", f"{param}.call_id"),
        name=fields.text(item, "name", f"{param}.name"),
        arguments=fields.text(item, payload, f"{param}.{payload}"),
        kind="function" if kind == "function_call" else "custom",
        extra=kept(item, frozenset(("type", "call_id", "name", payload))),
    )


def _result(item: JsonObject, kind: str, param: str) -> ToolResult:
    output = item.get("output")
    parts = read_content(output, f"{param}.output")
    extra = kept(item, frozenset(("type", "call_id", "output")), kind)
    readable = tuple(part for part in parts if isinstance(part, Text | Media))
    if len(readable) < len(parts):
        extra["output"] = output  # holds parts that only this format knows
    return ToolResult(call_id=fields.text(item, "call_id", f"{param}.call_id"), parts=readable, extra=extra)
