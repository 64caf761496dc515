"""`Message`s as the items of a request's `input`.

Ids of items go along only to a server that keeps answers, and there only beside the reasoning they were made with: it
holds them against one another. A server that keeps nothing looks for what an id names, finds nothing, and refuses; to
it reasoning goes sealed and nameless, or not at all.
"""

from collections.abc import Sequence

from tiercel.domain.json import Json, JsonObject
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
from tiercel.wire.fields import shared
from tiercel.wire.identifiers import short_id
from tiercel.wire.openai_responses.content import UNREAD, ContentWriter, is_annotation, output_text
from tiercel.wire.openai_responses.own_fields import FORMAT, own_fields, without_ids
from tiercel.wire.openai_responses.request_decoder import INSTRUCTIONS

_CALL_TYPES = {"function": ("function_call", "arguments"), "custom": ("custom_tool_call", "input")}


class ItemEncoder:
    """Writes one conversation; what cannot be carried is added to `lost`.

    `native` says that the client spoke this format, so that its unread fields mean something here; `stored` that the
    server keeps answers.
    """

    def __init__(self, native: bool, stored: bool, lost: list[str]) -> None:
        self._native = native
        self._stored = stored
        self._content = ContentWriter(native, lost)
        self._custom_calls: set[str] = set()

    def encode(self, messages: Sequence[Message]) -> tuple[str | None, list[JsonObject]]:
        """The instructions, if any, and the items."""
        items: list[JsonObject] = []
        instructions = self._instructions(messages)
        for index, message in enumerate(messages):
            param = f"messages[{index}]"
            if index == 0 and instructions is not None:
                continue
            if message.name is not None:
                self._content.missing(f"{param}.name")
            if message.role == "assistant":
                items += _AssistantTurn(self._content, self._stored, param).write(message)
                self._custom_calls |= {
                    p.id for p in message.parts if isinstance(p, ToolCall) and p.kind == "custom"
                }
            elif message.role == "tool":
                items += self._results(message, param)
            else:
                items += self._plain(message, param)
        return instructions, items

    def _instructions(self, messages: Sequence[Message]) -> str | None:
        """A leading system text: this format's own only where it came as such."""
        first = messages[0] if messages else None
        if first is None or first.role not in ("system", "developer") or first.name is not None:
            return None
        if self._native:
            return first.text if INSTRUCTIONS in own_fields(first.extra) else None
        if first.extra or not all(isinstance(part, Text) and not part.extra for part in first.parts):
            return None
        return first.text or None

    def _plain(self, message: Message, param: str) -> list[JsonObject]:
        content = self._content.input_parts(message.parts, param)
        extra = self._content.kept(message.extra, param)
        if not content:
            return []
        return [{"type": "message", "role": message.role, "content": content, **extra}]

    def _results(self, message: Message, param: str) -> list[JsonObject]:
        extra = self._content.kept(message.extra, param)
        items: list[JsonObject] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                items.append({**self._result(part, param), **extra})
            elif isinstance(part, Opaque) and _is_item(part):
                items.append(part.raw)
            else:
                self._content.missing(f"{param}.content")
        return items

    def _result(self, result: ToolResult, param: str) -> JsonObject:
        own = without_ids(own_fields(result.extra))
        call_type = "custom_tool_call" if result.call_id in self._custom_calls else "function_call"
        return {
            "type": f"{call_type}_output",
            **own,
            "call_id": short_id(result.call_id),
            "output": self._output(result, param),
            **self._content.kept(result.extra, param),
        }

    def _output(self, result: ToolResult, param: str) -> Json:
        """A string where one text says all, else a list of parts. An error is one in words here."""
        parts: Sequence[Text | Media] = result.parts
        if result.is_error:
            first = parts[0] if parts else None
            said = first.text if isinstance(first, Text) else ""
            rest = parts[1:] if isinstance(first, Text) else parts
            parts = (Text(text=f"Error: {said}" if said else "Error"), *rest)
        if not parts:
            return ""
        only = parts[0]
        if len(parts) == 1 and isinstance(only, Text) and not only.extra:
            return only.text
        return self._content.input_parts(parts, param)


class _AssistantTurn:
    """Writes the items of one turn of the model."""

    def __init__(self, content: ContentWriter, stored: bool, param: str) -> None:
        self._content = content
        self._stored = stored
        self._param = param
        self._items: list[JsonObject] = []
        self._message: JsonObject | None = None
        self._own: JsonObject = {}
        self._with_ids = False

    def write(self, message: Message) -> list[JsonObject]:
        self._with_ids = self._stored and any(_is_own_reasoning(part) for part in message.parts)
        extra = self._content.kept(message.extra, self._param)
        for part in message.parts:
            self._take(part, extra)
        return self._items

    def _take(self, part: Part, extra: JsonObject) -> None:
        match part:
            case Text() | Refusal():
                self._said(part, extra)
            case Reasoning() if _is_own_reasoning(part) and (self._stored or _stands_alone(part)):
                item = {"type": "reasoning", "summary": [], **shared(part.extra)}
                if part.signature is not None:
                    item["encrypted_content"] = part.signature
                self._item(item if self._stored else without_ids(item))
            case Reasoning():
                self._content.missing(f"{self._param}.reasoning")
            case ToolCall():
                self._item(self._call(part))
            case Opaque() if part.source == FORMAT and is_annotation(part.raw):
                said = self._message["content"][-1] if self._message is not None else {}
                if said.get("type") == "output_text":
                    said["annotations"].append(part.raw.get("annotation"))
            case Opaque() if part.source == FORMAT and UNREAD in _raw(part):
                self._in_message({}, extra)["content"].append(_raw(part)[UNREAD])
            case Opaque() if _is_item(part):
                self._item(part.raw)
            case Media():
                self._content.missing(f"{self._param}.{part.kind}")
            case _:
                self._content.missing(f"{self._param}.content")

    def _item(self, item: JsonObject) -> None:
        self._message = None
        self._items.append(item)

    def _in_message(self, own: JsonObject, extra: JsonObject) -> JsonObject:
        """The message item that is being written, a new one where this belongs to another."""
        if self._message is None or own != self._own:
            self._own = own
            self._message = {"type": "message", "role": "assistant", "content": []}
            self._message |= {**self._own_of(own), **extra}
            self._items.append(self._message)
        return self._message

    def _said(self, part: Text | Refusal, extra: JsonObject) -> None:
        if not part.text:
            return
        own = own_fields(part.extra) if isinstance(part, Text) else self._own
        written = output_text(part)
        if isinstance(part, Text):
            written |= self._content.kept(part.extra, self._param)
        self._in_message(own, extra)["content"].append(written)

    def _call(self, call: ToolCall) -> JsonObject:
        item_type, payload = _CALL_TYPES[call.kind]
        arguments = call.arguments or ("{}" if call.kind == "function" else "")
        return {
            "type": item_type,
            "call_id": short_id(call.id),
            "name": call.name,
            payload: arguments,
            **self._own_of(own_fields(call.extra)),
            **self._content.kept(call.extra, self._param),
        }

    def _own_of(self, own: JsonObject) -> JsonObject:
        return own if self._with_ids else without_ids(own)


def _raw(part: Opaque) -> JsonObject:
    return part.raw if isinstance(part.raw, dict) else {}


def _is_item(part: Opaque) -> bool:
    return part.source == FORMAT and "type" in _raw(part)


def _stands_alone(part: Reasoning) -> bool:
    """Whether a reasoning item says what it is without its server's memory."""
    return part.signature is not None or bool(part.extra.get("content"))


def _is_own_reasoning(part: Part) -> bool:
    return isinstance(part, Reasoning) and part.source == FORMAT
