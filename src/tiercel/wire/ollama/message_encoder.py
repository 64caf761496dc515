"""`Message`s as the messages of an `/api/chat` request: text as one string, pictures beside it and only inline."""

from collections.abc import Sequence

from tiercel.domain.json import JsonObject
from tiercel.domain.request import (
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from tiercel.wire.arguments import arguments_object


class MessageEncoder:
    """Writes one conversation; what it cannot carry is added to `lost`.

    `native` says that the client spoke this format, so that its unread fields mean something here.
    """

    def __init__(self, native: bool, lost: list[str]) -> None:
        self._native = native
        self._lost = lost
        self._names: dict[str, str] = {}  # of the tools called so far, by call id

    def encode(self, messages: Sequence[Message]) -> list[JsonObject]:
        written: list[JsonObject] = []
        shown: list[
            JsonObject
        ] = []  # pictures that tools returned: what a tool message holds is read as text
        for index, message in enumerate(messages):
            param = f"messages[{index}]"
            if message.name is not None:
                self._lost.append(f"{param}.name")
            if message.role == "tool":
                written += self._results(message, param, shown)
                continue
            written += shown
            shown = []
            written.append(self._message(message, param))
        return written + shown

    def _message(self, message: Message, param: str) -> JsonObject:
        role = "system" if message.role == "developer" else message.role
        head: JsonObject = {"role": role, "content": self._text(message.parts, param)}
        if images := self._images(message.parts, param):
            head["images"] = images
        thinking = [part for part in message.parts if isinstance(part, Reasoning)]
        if any(part.source != "ollama" for part in thinking):
            self._lost.append(f"{param}.reasoning")
        if own := "".join(part.text for part in thinking if part.source == "ollama"):
            head["thinking"] = own
        if calls := [self._call(part, param) for part in message.parts if isinstance(part, ToolCall)]:
            head["tool_calls"] = calls
        for part in message.parts:
            if isinstance(part, ToolResult | Opaque):
                self._lost.append(f"{param}.content")
        return {**head, **self._kept(message.extra, param)}

    def _results(self, message: Message, param: str, shown: list[JsonObject]) -> list[JsonObject]:
        written = []
        extra = self._kept(message.extra, param)
        for part in message.parts:
            if isinstance(part, ToolResult):
                written.append({**self._result(part, param, shown), **extra})
            else:
                self._lost.append(f"{param}.content")
        return written

    def _result(self, result: ToolResult, param: str, shown: list[JsonObject]) -> JsonObject:
        text = self._text(result.parts, param)
        images = self._images(result.parts, param)
        if images:
            told = f"Returned by tool call {result.call_id}:"
            shown.append({"role": "user", "content": told, "images": images})
        content = f"Error: {text}" if result.is_error else text
        head: JsonObject = {"role": "tool", "content": content or ("See the next message." if images else "")}
        if name := self._names.get(result.call_id):
            head["tool_name"] = name
        return {**head, "tool_call_id": result.call_id, **self._kept(result.extra, param)}

    def _call(self, call: ToolCall, param: str) -> JsonObject:
        self._names[call.id] = call.name
        extra = self._kept(call.extra, param)
        function = {"name": call.name, "arguments": arguments_object(call.arguments)}
        return {"id": call.id, "function": {**function, **extra.pop("function", {})}, **extra}

    def _text(self, parts: Sequence[Part], param: str) -> str:
        texts = []
        for part in parts:
            if isinstance(part, Text):
                self._lost.extend(f"{param}.{key}" for key in part.extra)
            if isinstance(part, Text | Refusal):
                texts.append(part.text)
        return "\n".join(texts)

    def _images(self, parts: Sequence[Part], param: str) -> list[str]:
        images = []
        for part in parts:
            if not isinstance(part, Media):
                continue
            if part.kind != "image" or part.data is None:
                self._lost.append(f"{param}.{part.kind}")
                continue
            if part.detail is not None:
                self._lost.append(f"{param}.image.detail")
            self._lost.extend(f"{param}.{key}" for key in part.extra)
            images.append(part.data)
        return images

    def _kept(self, extra: JsonObject, param: str) -> JsonObject:
        if self._native:
            return dict(extra)
        self._lost.extend(f"{param}.{key}" for key in extra)
        return {}
