"""A client's `contents` and `systemInstruction` as messages."""

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Media, Message, Part, Reasoning, Role, Text, ToolResult
from tiercel.wire import fields
from tiercel.wire.foreign_seal import opened
from tiercel.wire.gemini.call_ids import CallIds
from tiercel.wire.gemini.parts import read_call, read_media, read_part
from tiercel.wire.gemini.signature import FORMAT
from tiercel.wire.gemini.spelling import camel

OUTPUT = "output"
ERROR = "error"
_ROLES: dict[str, Role] = {"user": "user", "function": "user", "model": "assistant"}
_CONTENT = frozenset(("role", "parts"))
_RESULT_PART = frozenset(("functionResponse",))
_RESULT = frozenset(("id", "name", "response", "parts"))


def read_contents(source: JsonObject) -> list[Message]:
    """All turns. Raises `CallerError` naming `contents[i].parts[j]` and the field."""
    listed = fields.turns(source, "contents", "content")
    ids = CallIds()
    return [message for turn, item in enumerate(listed) for message in _Turn(item, turn, ids).messages()]


def read_system(value: Json) -> list[Message]:
    """The instruction as one message; its role, which means nothing, is not kept."""
    if value is None:
        return []
    if isinstance(value, str):
        return [Message(role="system", parts=(Text(text=value),))] if value else []
    param = "systemInstruction"
    content = camel(fields.as_object(value, param), param)
    parts = tuple(
        read_part(camel(fields.as_object(item, f"{param}.parts[{index}]")))
        for index, item in enumerate(fields.optional_list(content, "parts", f"{param}.parts") or ())
    )
    return [Message(role="system", parts=parts, extra=fields.leftovers(content, _CONTENT))] if parts else []


class _Turn:
    """One content; the results of tools in it become messages of their own."""

    def __init__(self, item: Json, turn: int, ids: CallIds) -> None:
        self._param = f"contents[{turn}]"
        self._content = camel(fields.as_object(item, self._param), self._param)
        self._turn = turn
        self._ids = ids
        self._calls = 0
        self._results = 0

    def messages(self) -> list[Message]:
        role = _ROLES.get(fields.optional_text(self._content, "role", f"{self._param}.role") or "user")
        if role is None:
            fields.refuse(f"{self._param}.role", "user or model", self._content.get("role"))
        extra = fields.leftovers(self._content, _CONTENT)
        found: list[Message] = []
        parts: list[Part] = []
        for index, item in enumerate(self._parts()):
            part = self._part(item, f"{self._param}.parts[{index}]")
            if not isinstance(part, ToolResult):
                parts.append(_sealed_whole(part, parts))
                continue
            if parts:
                found.append(Message(role=role, parts=tuple(parts), extra=extra))
                parts = []
            found.append(Message(role="tool", parts=(part,)))
        if parts or not found:
            found.append(Message(role=role, parts=tuple(parts), extra=extra))
        return found

    def _parts(self) -> list[Json]:
        return fields.optional_list(self._content, "parts", f"{self._param}.parts") or []

    def _part(self, item: Json, param: str) -> Part:
        part = camel(fields.as_object(item, param), param)
        call = fields.optional_object(part, "functionCall", f"{param}.functionCall")
        if call is not None:
            return self._call(part, camel(call, f"{param}.functionCall"), f"{param}.functionCall")
        result = fields.optional_object(part, "functionResponse", f"{param}.functionResponse")
        if result is not None:
            return self._result(part, camel(result, f"{param}.functionResponse"), f"{param}.functionResponse")
        fields.optional_text(part, "text", f"{param}.text")
        for key, field in (("inlineData", "data"), ("fileData", "fileUri")):
            source = fields.optional_object(part, key, f"{param}.{key}")
            if source is not None:
                fields.text(camel(source, f"{param}.{key}"), field, f"{param}.{key}.{field}")
        return read_part(part)

    def _call(self, part: JsonObject, call: JsonObject, param: str) -> Part:
        name = fields.text(call, "name", f"{param}.name")
        given = fields.optional_text(call, "id", f"{param}.id")
        fields.optional_object(call, "args", f"{param}.args")
        call_id = self._ids.of_call(given, name, self._turn, self._calls)
        self._calls += 1
        return read_call(part, call, call_id)

    def _result(self, part: JsonObject, result: JsonObject, param: str) -> ToolResult:
        name = fields.text(result, "name", f"{param}.name")
        given = fields.optional_text(result, "id", f"{param}.id")
        response = fields.optional_object(result, "response", f"{param}.response") or {}
        call_id = self._ids.of_result(given, name, self._turn, self._results)
        self._results += 1
        text, is_error = read_output(response)
        media, unread = _media(result, f"{param}.parts")
        rest = fields.leftovers(result, _RESULT) | unread
        extra = fields.leftovers(part, _RESULT_PART) | ({"functionResponse": rest} if rest else {})
        return ToolResult(
            call_id=call_id,
            parts=(Text(text=text), *media),
            is_error=is_error,
            extra={**extra, FORMAT: {"name": name}},
        )


def _sealed_whole(part: Part, before: list[Part]) -> Part:
    """A streamed thought comes in pieces, and another maker's seal with the last: it seals all of them, so they are
    taken from what stood before and put together."""
    if not isinstance(part, Reasoning) or (foreign := opened(part)) is part or foreign.redacted:
        return part
    text = part.text
    while before and isinstance(piece := before[-1], Reasoning) and _is_loose(piece):
        text = piece.text + text
        before.pop()
    return msgspec.structs.replace(part, text=text)


def _is_loose(thought: Reasoning) -> bool:
    """Whether this piece of thinking has no seal of its own."""
    return thought.source == FORMAT and thought.signature is None


def read_output(response: JsonObject) -> tuple[str, bool]:
    """A result's text, and whether it is an error. `output` and `error` are Google's words for one and the other."""
    if len(response) == 1:
        [(key, value)] = response.items()
        if key == OUTPUT and isinstance(value, str):
            return value, False
        if key == ERROR:
            return value if isinstance(value, str) else msgspec.json.encode(value).decode(), True
    return msgspec.json.encode(response).decode(), False


def _media(result: JsonObject, param: str) -> tuple[list[Media], JsonObject]:
    """The media a result carries beside its object, and what of them cannot be read."""
    media: list[Media] = []
    unread: list[Json] = []
    for index, item in enumerate(fields.optional_list(result, "parts", param) or ()):
        part = camel(fields.as_object(item, f"{param}[{index}]"), param)
        read = read_media(part)
        if read is None:
            unread.append(part)
        else:
            media.append(read)
    return media, {"parts": unread} if unread else {}
