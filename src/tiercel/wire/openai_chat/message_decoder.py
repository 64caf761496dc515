"""The messages of a Chat Completions request as `Message`s, their content parts as `Part`s."""

from typing import cast

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import (
    Media,
    MediaKind,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from tiercel.wire import fields
from tiercel.wire.data_url import split_data_url
from tiercel.wire.openai_chat.reasoning_details import FIELD, read_thinking

_PLAIN_ROLES = ("user", "system", "assistant", "developer")
"""Whose messages most often are a text and nothing else."""
_ROLES = ("system", "developer", "user", "assistant", "tool")
_COMMON = frozenset(("role", "content", "name"))
_ASSISTANT = _COMMON | {"refusal", "tool_calls", "reasoning", "reasoning_content", FIELD}
_THOUGHTS = frozenset(("reasoning", "reasoning_content", FIELD))
_TOOL = _COMMON | {"tool_call_id"}
_CALL = {kind: frozenset(("id", "type", "index", kind)) for kind in ("function", "custom")}
_CALLED = {"function": frozenset(("name", "arguments")), "custom": frozenset(("name", "input"))}
_TEXT = frozenset(("type", "text"))
_RESULTS = (Text, Media)
"""What a tool's result is made of."""
_URL_KINDS: dict[str, MediaKind] = {"image_url": "image", "video_url": "video", "audio_url": "audio"}


def decode_messages(listed: list[Json]) -> tuple[Message, ...]:
    """Raises `CallerError` naming `messages[index]` and the field."""
    messages: list[Message] = []
    for index, value in enumerate(listed):
        if isinstance(value, dict) and len(value) == 2:
            content = value.get("content")
            role = value.get("role")
            if isinstance(content, str) and role in _PLAIN_ROLES:
                messages.append(Message(role=role, parts=(Text(text=content),)))
                continue
        messages.append(_message(value, f"messages[{index}]"))
    return tuple(messages)


def _message(value: Json, param: str) -> Message:
    source = fields.as_object(value, param)
    role = source.get("role")
    if role == "function":  # the deprecated shape, which has no other reader than its own format
        return Message(role="tool", parts=(Opaque(source="openai_chat", raw=source),))
    if role not in _ROLES:
        fields.refuse(f"{param}.role", "one of " + ", ".join(_ROLES), role)
    name = source.get("name")
    if name is not None and not isinstance(name, str):
        fields.refuse(f"{param}.name", "a string", name)
    if role == "tool":
        return _tool_message(source, name, param)
    if role == "assistant":
        return _assistant_message(source, name, param)
    if source.get("content") is None:
        fields.refuse(f"{param}.content", "a string or a list of parts", None)
    parts = _content_parts(source, param)
    return Message(role=cast(Role, role), parts=parts, name=name, extra=fields.leftovers(source, _COMMON))


def _tool_message(source: JsonObject, name: str | None, param: str) -> Message:
    call_id = source.get("tool_call_id")
    parts = _content_parts(source, param)
    if not isinstance(call_id, str):
        fields.refuse(f"{param}.tool_call_id", "a string", call_id)
    result = ToolResult(call_id=call_id, parts=tuple([part for part in parts if isinstance(part, _RESULTS)]))
    others = tuple([part for part in parts if not isinstance(part, _RESULTS)])
    return Message(role="tool", parts=(result, *others), name=name, extra=fields.leftovers(source, _TOOL))


def _assistant_message(source: JsonObject, name: str | None, param: str) -> Message:
    parts: list[Part] = []
    if not _THOUGHTS.isdisjoint(source):
        parts += _thinking(source, param)
    parts += _content_parts(source, param)
    refusal = source.get("refusal")
    if refusal is not None:
        if not isinstance(refusal, str):
            fields.refuse(f"{param}.refusal", "a string", refusal)
        parts.append(Refusal(text=refusal))
    if source.get("tool_calls") is not None:
        calls = fields.optional_list(source, "tool_calls", f"{param}.tool_calls") or ()
        parts += [_tool_call(call, f"{param}.tool_calls[{i}]") for i, call in enumerate(calls)]
    return Message(
        role="assistant", parts=tuple(parts), name=name, extra=fields.leftovers(source, _ASSISTANT)
    )


def _thinking(source: JsonObject, param: str) -> list[Reasoning]:
    text = fields.optional_text(source, "reasoning_content", f"{param}.reasoning_content")
    if text is None:
        text = fields.optional_text(source, "reasoning", f"{param}.reasoning")
    details = fields.optional_list(source, FIELD, f"{param}.{FIELD}")
    if text is None and not details:
        return []
    return read_thinking(text or "", details or ())


def _tool_call(value: Json, param: str) -> ToolCall:
    call = fields.as_object(value, param)
    kind = call.get("type", "function")
    if kind not in ("function", "custom"):
        raise CallerError(
            "invalid_request", f'{param}.type: expected "function" or "custom"', param=f"{param}.type"
        )
    body = call.get(kind)
    if not isinstance(body, dict):
        fields.refuse(f"{param}.{kind}", "an object", body)
    payload = "arguments" if kind == "function" else "input"
    call_id, name, arguments = call.get("id"), body.get("name"), body.get(payload)
    if not isinstance(call_id, str):
        fields.refuse(f"{param}.id", "a string", call_id)
    if not isinstance(name, str):
        fields.refuse(f"{param}.{kind}.name", "a string", name)
    if not isinstance(arguments, str):
        fields.refuse(f"{param}.{kind}.{payload}", "a string", arguments)
    extra = fields.leftovers(call, _CALL[kind])
    if rest := fields.leftovers(body, _CALLED[kind]):
        extra[kind] = rest
    return ToolCall(id=call_id, name=name, arguments=arguments, kind=kind, extra=extra)


def _content_parts(source: JsonObject, param: str) -> tuple[Part, ...]:
    content = source.get("content")
    if isinstance(content, str):
        return (Text(text=content),)
    if content is None:
        return ()
    if not isinstance(content, list):
        fields.refuse(f"{param}.content", "a string or a list of parts", content)
    return tuple([_content_part(part, f"{param}.content[{index}]") for index, part in enumerate(content)])


def _content_part(value: Json, param: str) -> Part:
    part = fields.as_object(value, param)
    kind = fields.text(part, "type", f"{param}.type")
    if kind == "text":
        extra = fields.leftovers(part, _TEXT)
        return Text(text=fields.text(part, "text", f"{param}.text"), extra=extra)
    if kind == "refusal":
        return Refusal(text=fields.text(part, "refusal", f"{param}.refusal"))
    if kind in _URL_KINDS:
        return _linked(part, kind, param)
    if kind == "input_audio":
        return _audio(part, param)
    if kind == "file":
        return _file(part, param)
    return Opaque(source="openai_chat", raw=part)


def _extra(part: JsonObject, kind: str, body: JsonObject, *known: str) -> JsonObject:
    """What neither the part nor the object inside it is read for; the inner rest stands under the kind."""
    extra = fields.leftovers(part, frozenset(("type", kind)))
    rest = fields.leftovers(body, frozenset(known))
    if rest:
        extra[kind] = rest
    return extra


def _linked(part: JsonObject, kind: str, param: str) -> Media:
    body = fields.as_object(part.get(kind), f"{param}.{kind}")
    url = fields.text(body, "url", f"{param}.{kind}.url")
    inline = split_data_url(url)
    return Media(
        kind=_URL_KINDS[kind],
        url=url if inline is None else None,
        mime_type=inline[0] if inline else None,
        data=inline[1] if inline else None,
        detail=fields.optional_text(body, "detail", f"{param}.{kind}.detail"),
        extra=_extra(part, kind, body, "url", "detail"),
    )


def _audio(part: JsonObject, param: str) -> Media:
    body = fields.as_object(part.get("input_audio"), f"{param}.input_audio")
    audio_format = fields.text(body, "format", f"{param}.input_audio.format")
    return Media(
        kind="audio",
        data=fields.text(body, "data", f"{param}.input_audio.data"),
        mime_type=f"audio/{audio_format}",
        extra=_extra(part, "input_audio", body, "data", "format"),
    )


def _file(part: JsonObject, param: str) -> Media:
    body = fields.as_object(part.get("file"), f"{param}.file")
    data = fields.optional_text(body, "file_data", f"{param}.file.file_data")
    inline = split_data_url(data) if data is not None else None
    return Media(
        kind="file",
        data=inline[1] if inline else data,
        mime_type=inline[0] if inline else None,
        file_id=fields.optional_text(body, "file_id", f"{param}.file.file_id"),
        filename=fields.optional_text(body, "filename", f"{param}.file.filename"),
        extra=_extra(part, "file", body, "file_data", "file_id", "filename"),
    )
