"""The items of an answer: read as parts, and parts written as items."""

import re

import msgspec

from tiercel.domain.events import ReasoningDelta
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from tiercel.wire.arguments import encoded_once
from tiercel.wire.fields import shared
from tiercel.wire.foreign_seal import carried_seal
from tiercel.wire.identifiers import minted_id
from tiercel.wire.openai_responses.content import annotation, output_text
from tiercel.wire.openai_responses.item_decoder import read_reasoning
from tiercel.wire.openai_responses.own_fields import FORMAT, kept, own_fields, without_ids

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_CALL_TYPES = {
    "function": ("function_call", "arguments", "fc"),
    "custom": ("custom_tool_call", "input", "ctc"),
}
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_TAIL = 40


class OutputReader:
    """Reads the items of one answer. What a server calls a custom tool may be one that it runs itself: only a tool
    that the answer's own echo of the request declares is the client's to run."""

    def __init__(self, response: JsonObject) -> None:
        self._answer_id = response["id"] if isinstance(response.get("id"), str) else ""
        self._custom_names = _declared_custom(response.get("tools"))
        self._call_ids: set[str] = set()
        self._logprobs: list[Json] = []

    def read(self, item: JsonObject) -> list[Part]:
        """The parts of one whole item."""
        kind = item.get("type")
        if kind == "message":
            return self._message(item)
        if kind == "reasoning":
            return [read_reasoning(item)]
        if self.is_call(item):
            return [self._call(item)]
        return [Opaque(source=FORMAT, raw=item)]

    def logprobs(self) -> Json:
        """What the texts brought, in the shape that all formats share."""
        return {"content": self._logprobs} if self._logprobs else None

    def is_call(self, item: JsonObject) -> bool:
        """Whether this is a call that the client has to answer."""
        if item.get("type") == "custom_tool_call":
            return self._custom_names is None or item.get("name") in self._custom_names
        return item.get("type") == "function_call"

    def call_id(self, item: JsonObject) -> str:
        """The id by which the result will name the call; minted where it is missing or was used before."""
        given = item.get("call_id")
        if not isinstance(given, str) or not given or given in self._call_ids:
            given = minted_id(self._answer_id, len(self._call_ids))
        self._call_ids.add(given)
        return given

    def _message(self, item: JsonObject) -> list[Part]:
        extra = message_extra(item)
        parts: list[Part] = []
        content = item.get("content")
        for piece in content if isinstance(content, list) else ():
            if not isinstance(piece, dict):
                continue
            if isinstance(piece.get("text"), str):
                if piece["text"]:
                    parts.append(Text(text=piece["text"], extra=extra))
                marks = piece.get("annotations")
                parts += [annotation(mark) for mark in marks] if isinstance(marks, list) else []
                logprobs = piece.get("logprobs")
                self._logprobs += logprobs if isinstance(logprobs, list) else []
            elif isinstance(piece.get("refusal"), str) and piece["refusal"]:
                parts.append(Refusal(text=piece["refusal"]))
        return parts

    def _call(self, item: JsonObject) -> ToolCall:
        kind = item["type"]
        return ToolCall(
            id=self.call_id(item),
            name=item["name"] if isinstance(item.get("name"), str) else "",
            arguments=payload_text(item, kind) or ("{}" if kind == "function_call" else ""),
            kind="function" if kind == "function_call" else "custom",
            extra=call_extra(item),
        )


def _declared_custom(tools: Json) -> frozenset[str] | None:
    if not isinstance(tools, list) or not tools:
        return None
    return frozenset(
        tool["name"]
        for tool in tools
        if isinstance(tool, dict) and tool.get("type") == "custom" and isinstance(tool.get("name"), str)
    )


def message_extra(item: JsonObject) -> JsonObject:
    """What of a message item its texts keep: its id and its phase."""
    own = {key: item[key] for key in ("id", "phase") if isinstance(item.get(key), str)}
    return {FORMAT: own} if own else {}


def call_extra(item: JsonObject) -> JsonObject:
    """What of a call's item is sent back with the call."""
    own = without_ids(own_fields(kept(item, frozenset())))
    if isinstance(item.get("id"), str):
        own["id"] = item["id"]
    return {FORMAT: own} if own else {}


def payload_text(item: JsonObject, kind: str) -> str:
    """A call's arguments or input as text; some servers give the arguments as an object, or encoded twice."""
    value = item.get(CALLS[kind])
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if not isinstance(value, str):
        return ""
    if kind != "function_call":
        return value
    return encoded_once(value) if value.strip() else ""


class Numbering:
    """Ids for the items of one answer that have none yet: its own id's tail, and a number each."""

    def __init__(self, answer_id: str) -> None:
        self._tail = _ILLEGAL.sub("", answer_id.removeprefix("resp_"))[-_TAIL:]
        self._used: set[str] = set()
        self._next = 0

    def take(self, prefix: str, given: Json = None) -> str:
        """The id an item came with, unless another item has it; else one that begins as its type demands."""
        if isinstance(given, str) and given and given not in self._used:
            self._used.add(given)
            return given
        number, self._next = self._next, self._next + 1
        return self.take(prefix, f"{prefix}_{self._tail}_{number}" if self._tail else f"{prefix}_{number}")


def message_item(item_id: str, extra: JsonObject, status: str) -> JsonObject:
    """A message with nothing in it yet."""
    own = {key: value for key, value in own_fields(extra).items() if key != "id"}
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": [], **own}


def call_item(
    item_id: str, call_id: str, name: str, kind: str, extra: JsonObject, payload: str, status: str
) -> JsonObject:
    """A call of either kind."""
    item_type, key, _ = _CALL_TYPES[kind]
    own = {name: value for name, value in own_fields(extra).items() if name != "id"}
    return {
        "id": item_id,
        "type": item_type,
        "status": status,
        "call_id": call_id,
        "name": name,
        key: payload,
        **own,
    }


def reasoning_item(item_id: str, text: str, thought: Reasoning | ReasoningDelta) -> JsonObject:
    """Thinking: this format's own as it came, any other as a summary. A foreign seal travels as encrypted content, so
    that whoever made it can be given it back."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    own = shared(thought.extra) if thought.source == FORMAT else {}
    item: JsonObject = {"type": "reasoning", "summary": summary, **own, "id": item_id}
    seal = carried_seal(thought, FORMAT)
    if seal is not None:
        item["encrypted_content"] = seal
    return item


def written_item(part: Part, numbering: Numbering, last: JsonObject | None) -> JsonObject | None:
    """A part of an answer as an item; the last one again where the part belongs in it, `None` for what has no place."""
    match part:
        case Text(text="") | Refusal(text=""):
            return None
        case Text() | Refusal():
            message = _message_for(part, numbering, last)
            message["content"].append(output_text(part))
            return message
        case Reasoning():
            item_id = numbering.take("rs", part.extra.get("id") if part.source == FORMAT else None)
            return reasoning_item(item_id, part.text, part)
        case ToolCall():
            item_id = numbering.take(_CALL_TYPES[part.kind][2], own_fields(part.extra).get("id"))
            payload = part.arguments or ("{}" if part.kind == "function" else "")
            return call_item(item_id, part.id, part.name, part.kind, part.extra, payload, "completed")
        case Opaque() if part.source == FORMAT and isinstance(part.raw, dict) and "type" in part.raw:
            return part.raw
        case _:
            return None


def _message_for(part: Text | Refusal, numbering: Numbering, last: JsonObject | None) -> JsonObject:
    given = own_fields(part.extra).get("id") if isinstance(part, Text) else None
    if last is not None and last["type"] == "message" and given in (None, last["id"]):
        return last
    extra = part.extra if isinstance(part, Text) else {}
    return message_item(numbering.take("msg", given), extra, "completed")
