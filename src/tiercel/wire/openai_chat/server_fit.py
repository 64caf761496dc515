"""A request made to fit one server's quirks, before anything is written. `fit.py` does the same for a model.

A server without the quirks handled here gets the very same object.
"""

from operator import is_
from typing import Any

import msgspec

from tiercel.domain.request import Media, Message, ModelRequest, Part, ToolCall, ToolResult
from tiercel.wire.fit import json_instruction, with_instruction
from tiercel.wire.identifiers import sized_id
from tiercel.wire.no_tool_choice import without_tool_choice
from tiercel.wire.quirks import Quirks


def fit_server(request: ModelRequest, quirks: Quirks, lost: list[str]) -> ModelRequest:
    """What of `request` this server takes; the rest is added to `lost`."""
    changes: dict[str, Any] = {}
    messages = request.messages
    if quirks.max_stops is not None and len(request.sampling.stop) > quirks.max_stops:
        stop = request.sampling.stop[: quirks.max_stops]
        changes["sampling"] = msgspec.structs.replace(request.sampling, stop=stop)
        lost.append("stop")
    if quirks.extra_fields is not None and request.format == "openai_chat":
        taken = {key: value for key, value in request.extra.items() if key in quirks.extra_fields}
        if len(taken) < len(request.extra):
            changes["extra"] = taken
            lost.extend(key for key in request.extra if key not in taken)
    if not (quirks.message_names and quirks.media_urls and quirks.tool_id_length is None):
        messages = _messages(messages, quirks, lost)
    wanted = request.response_format
    if not quirks.schemas and wanted is not None and wanted.kind == "json_schema":
        messages = with_instruction(messages, json_instruction(wanted))
        changes["response_format"] = msgspec.structs.replace(wanted, kind="json_object")
        lost.append("response_format")
    if messages is not request.messages:
        changes["messages"] = messages
    fitted = msgspec.structs.replace(request, **changes) if changes else request
    return fitted if quirks.tool_choice else without_tool_choice(fitted, lost)


def _messages(messages: tuple[Message, ...], quirks: Quirks, lost: list[str]) -> tuple[Message, ...]:
    fitted = [_message(m, f"messages[{i}]", quirks, lost) for i, m in enumerate(messages)]
    return messages if all(map(is_, fitted, messages)) else tuple(fitted)


def _message(message: Message, param: str, quirks: Quirks, lost: list[str]) -> Message:
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, Media) and _is_linked(part) and not quirks.media_urls:
            lost.append(f"{param}.{part.kind}")
        else:
            parts.append(_renamed(part, quirks.tool_id_length))
    name = message.name if quirks.message_names else None
    if name != message.name:
        lost.append(f"{param}.name")
    elif len(parts) == len(message.parts) and all(map(is_, parts, message.parts)):
        return message
    return msgspec.structs.replace(message, name=name, parts=tuple(parts))


def _is_linked(media: Media) -> bool:
    return media.url is not None and media.url.startswith(("https://", "http://"))


def _renamed(part: Part, length: int | None) -> Part:
    """A call, or its result, with an id of the demanded length; the same object where it has one."""
    if length is None:
        return part
    if isinstance(part, ToolCall) and (call_id := sized_id(part.id, length)) != part.id:
        return msgspec.structs.replace(part, id=call_id)
    if isinstance(part, ToolResult) and (call_id := sized_id(part.call_id, length)) != part.call_id:
        return msgspec.structs.replace(part, call_id=call_id)
    return part
