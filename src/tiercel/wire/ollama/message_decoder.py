"""The messages of a `/api/chat` request as `Message`s.

Calls and their results need not have ids here; those without get some, and a result without one belongs to the
earliest call of its tool's name that has none yet.
"""

from typing import cast

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Media, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult
from tiercel.wire import fields
from tiercel.wire.data_url import sniffed_type
from tiercel.wire.identifiers import minted_id
from tiercel.wire.ollama.arguments import arguments_text

_ROLES = ("system", "user", "assistant", "tool")
_KNOWN = frozenset(("role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"))


class MessageDecoder:
    """Reads the messages of one request in order."""

    def __init__(self) -> None:
        self._calls = 0
        self._open: list[ToolCall] = []

    def decode(self, value: Json, index: int) -> Message:
        """Raises `CallerError` naming `messages[index]` and the field."""
        param = f"messages[{index}]"
        source = fields.as_object(value, param)
        role = fields.text(source, "role", f"{param}.role").lower()
        if role not in _ROLES:
            raise CallerError(
                "invalid_request", f"{param}.role: expected one of {', '.join(_ROLES)}", param=f"{param}.role"
            )
        text = fields.optional_text(source, "content", f"{param}.content") or ""
        images = _images(source, param)
        parts: list[Part] = []
        if role == "tool":
            parts.append(self._result(source, text, images, param))
        else:
            if thinking := fields.optional_text(source, "thinking", f"{param}.thinking"):
                parts.append(Reasoning(text=thinking, source="ollama"))
            calls = self._tool_calls(source, param)
            if text or not (images or calls):
                parts.append(Text(text=text))
            parts += [*images, *calls]
        return Message(role=cast(Role, role), parts=tuple(parts), extra=fields.leftovers(source, _KNOWN))

    def _tool_calls(self, source: JsonObject, param: str) -> list[ToolCall]:
        listed = fields.optional_list(source, "tool_calls", f"{param}.tool_calls") or []
        calls = [self._tool_call(item, f"{param}.tool_calls[{at}]") for at, item in enumerate(listed)]
        self._open += calls
        return calls

    def _tool_call(self, value: Json, param: str) -> ToolCall:
        call = fields.as_object(value, param)
        function = fields.as_object(call.get("function"), f"{param}.function")
        extra = fields.leftovers(call, frozenset(("id", "type", "function")))
        rest = fields.leftovers(function, frozenset(("name", "arguments", "index")))
        if rest:
            extra["function"] = rest
        call_id = fields.optional_text(call, "id", f"{param}.id") or minted_id("", self._calls)
        self._calls += 1
        return ToolCall(
            id=call_id,
            name=fields.text(function, "name", f"{param}.function.name"),
            arguments=arguments_text(function.get("arguments")),
            extra=extra,
        )

    def _result(self, source: JsonObject, text: str, images: list[Media], param: str) -> ToolResult:
        name = fields.optional_text(source, "tool_name", f"{param}.tool_name")
        call_id = fields.optional_text(source, "tool_call_id", f"{param}.tool_call_id")
        call = self._answered(call_id, name)
        extra: JsonObject = {"tool_name": name} if name and (call is None or call.name != name) else {}
        if call is not None:
            call_id = call.id
        elif not call_id:
            call_id = minted_id("", self._calls)
            self._calls += 1
        return ToolResult(call_id=call_id, parts=(Text(text=text), *images), extra=extra)

    def _answered(self, call_id: str | None, name: str | None) -> ToolCall | None:
        """The call that a result belongs to, which then has its answer."""
        if call_id:
            call = next((call for call in self._open if call.id == call_id), None)
        else:
            named = (call for call in self._open if name is None or call.name == name)
            call = next(named, None)
        if call is not None:
            self._open.remove(call)
        return call


def _images(source: JsonObject, param: str) -> list[Media]:
    listed = fields.optional_list(source, "images", f"{param}.images") or []
    images = []
    for index, item in enumerate(listed):
        if not isinstance(item, str):
            fields.refuse(f"{param}.images[{index}]", "base64 text", item)
        images.append(Media(kind="image", data=item, mime_type=sniffed_type(item)))
    return images
