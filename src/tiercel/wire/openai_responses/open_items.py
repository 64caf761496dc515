"""The items of a stream that are not done yet: each writes its own events, from `added` to `done`."""

from collections.abc import Callable
from typing import TypeAlias

from tiercel.domain.events import ReasoningDelta, ToolCallStart
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Refusal, Text
from tiercel.wire.openai_responses.content import ANNOTATION, output_text
from tiercel.wire.openai_responses.output_items import call_item, message_item, reasoning_item
from tiercel.wire.scan import is_complete_json

Emit: TypeAlias = Callable[[str, JsonObject], None]
"""Writes one event of an item: its type, and its fields but for `output_index`."""

ADDED = "response.output_item.added"
DONE = "response.output_item.done"


class OpenMessage:
    """A message with the part of it that is being written."""

    def __init__(self, emit: Emit, item_id: str, given_id: Json, extra: JsonObject) -> None:
        self.given_id = given_id
        self._emit = emit
        self._item_id = item_id
        self._extra = extra
        self._parts: list[JsonObject] = []
        self._pieces: list[str] = []
        self._part: JsonObject | None = None
        emit(ADDED, {"item": message_item(item_id, extra, "in_progress")})

    def text(self, text: str, logprobs: list[Json]) -> None:
        part = self._in_part("output_text")
        part["logprobs"] += logprobs
        self._piece("response.output_text.delta", text, {"logprobs": logprobs})

    def refusal(self, text: str) -> None:
        self._in_part("refusal")
        self._piece("response.refusal.delta", text, {})

    def annotate(self, mark: Json) -> None:
        part = self._in_part("output_text")
        place = {"annotation_index": len(part["annotations"]), "annotation": mark}
        part["annotations"].append(mark)
        self._emit(ANNOTATION, {**self._place(), **place})

    def close(self, status: str) -> None:
        self._close_part()
        item = message_item(self._item_id, self._extra, status)
        self._emit(DONE, {"item": {**item, "content": self._parts}})

    def _place(self) -> JsonObject:
        return {"item_id": self._item_id, "content_index": len(self._parts)}

    def _piece(self, kind: str, text: str, fields: JsonObject) -> None:
        self._pieces.append(text)
        self._emit(kind, {**self._place(), "delta": text, **fields})

    def _in_part(self, kind: str) -> JsonObject:
        """The open part; what else was open is closed first."""
        if self._part is not None and self._part["type"] == kind:
            return self._part
        self._close_part()
        self._part = output_text(Text(text="") if kind == "output_text" else Refusal(text=""))
        self._emit("response.content_part.added", {**self._place(), "part": _copy(self._part)})
        return self._part

    def _close_part(self) -> None:
        part = self._part
        if part is None:
            return
        whole = "".join(self._pieces)
        if part["type"] == "output_text":
            part["text"] = whole
            fields = {"text": whole, "logprobs": part["logprobs"]}
            self._emit("response.output_text.done", {**self._place(), **fields})
        else:
            part["refusal"] = whole
            self._emit("response.refusal.done", {**self._place(), "refusal": whole})
        self._emit("response.content_part.done", {**self._place(), "part": part})
        self._parts.append(part)
        self._part = None
        self._pieces.clear()


class OpenReasoning:
    """Thinking, streamed as one part of a summary whatever it was made of; the done item has it as it came."""

    def __init__(self, emit: Emit, item_id: str) -> None:
        self._emit = emit
        self._item_id = item_id
        self._pieces: list[str] = []
        self._sealed = ReasoningDelta()
        emit(ADDED, {"item": reasoning_item(item_id, "", ReasoningDelta())})

    def add(self, text: str) -> None:
        if not self._pieces:
            part = {"type": "summary_text", "text": ""}
            self._emit("response.reasoning_summary_part.added", {**self._place(), "part": part})
        self._pieces.append(text)
        self._emit("response.reasoning_summary_text.delta", {**self._place(), "delta": text})

    def seal(self, event: ReasoningDelta) -> None:
        """What comes with the end of the thinking: its seal, and what must be kept with it."""
        self._sealed = event

    def close(self, status: str) -> None:
        text = "".join(self._pieces)
        if text:
            part = {"type": "summary_text", "text": text}
            self._emit("response.reasoning_summary_text.done", {**self._place(), "text": text})
            self._emit("response.reasoning_summary_part.done", {**self._place(), "part": part})
        self._emit(DONE, {"item": reasoning_item(self._item_id, text, self._sealed)})

    def _place(self) -> JsonObject:
        return {"item_id": self._item_id, "summary_index": 0}


class OpenCall:
    """A tool call with its arguments so far, or a custom tool's input."""

    def __init__(self, emit: Emit, item_id: str, start: ToolCallStart) -> None:
        self._emit = emit
        self._item_id = item_id
        self._start = start
        self._pieces: list[str] = []
        emit(ADDED, {"item": self._item("", "in_progress")})

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing: free text is whole once something else begins."""
        return self._start.kind == "custom" or is_complete_json("".join(self._pieces))

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._emit(f"{self._events}.delta", {"item_id": self._item_id, "delta": text})

    def close(self, status: str) -> None:
        whole = "".join(self._pieces)
        if self._start.kind == "custom":
            fields = {"input": whole}
        else:
            whole = whole or "{}"
            fields = {"name": self._start.name, "arguments": whole}
        self._emit(f"{self._events}.done", {"item_id": self._item_id, **fields})
        self._emit(DONE, {"item": self._item(whole, status)})

    @property
    def _events(self) -> str:
        name = "custom_tool_call_input" if self._start.kind == "custom" else "function_call_arguments"
        return f"response.{name}"

    def _item(self, payload: str, status: str) -> JsonObject:
        start = self._start
        return call_item(self._item_id, start.id, start.name, start.kind, start.extra, payload, status)


def _copy(part: JsonObject) -> JsonObject:
    return {key: list(value) if isinstance(value, list) else value for key, value in part.items()}
