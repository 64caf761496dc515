"""One upstream stream of Responses events as ours.

What belongs together is joined by `output_index`, since ids of items change on the way at some servers. Others count
items in one place otherwise than in another, so a whole item is first looked for among those that it can be. Whatever
an event that closes something says beyond the deltas before it is added, since some servers send no deltas at all; each
piece is passed on once.
"""

from tiercel.domain.events import (
    ArgumentsDelta,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.failure import Failure
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Opaque, Reasoning
from tiercel.wire.error_facts import stream_failure
from tiercel.wire.event_stream import EventStreamDecoder
from tiercel.wire.openai_responses.content import annotation
from tiercel.wire.openai_responses.finish import read_finish
from tiercel.wire.openai_responses.item_decoder import read_reasoning
from tiercel.wire.openai_responses.output_items import (
    CALLS,
    OutputReader,
    call_extra,
    message_extra,
    payload_text,
)
from tiercel.wire.openai_responses.own_fields import FORMAT
from tiercel.wire.openai_responses.response import created, kept_fields, text_of
from tiercel.wire.openai_responses.usage import read_usage

_BEGINNINGS = ("response.created", "response.queued", "response.in_progress")
_ENDS = ("response.completed", "response.incomplete")
_FAILURES = ("response.failed", "response.cancelled")


class _Item:
    """An item of the answer while it grows, and what of it was passed on."""

    def __init__(self, source: JsonObject) -> None:
        self.source = source
        self.call_index: int | None = None
        self.is_done = False
        self.sent: dict[str, str] = {}
        self.annotations: dict[int, int] = {}

    @property
    def kind(self) -> str:
        return text_of(self.source, "type")

    def rest(self, place: str, whole: Json) -> str:
        """What of a whole text was not passed on yet; nothing where it is another text than what was."""
        sent = self.sent.get(place, "")
        if not isinstance(whole, str) or not whole.startswith(sent):
            return ""
        return whole[len(sent) :]

    def note(self, place: str, text: str) -> str:
        self.sent[place] = self.sent.get(place, "") + text
        return text

    def is_like(self, whole: JsonObject) -> bool:
        """Whether a whole item is of this one's type; a call of either kind is like the other."""
        kind = text_of(whole, "type")
        return kind == self.kind or (kind in CALLS and self.kind in CALLS)

    def may_be(self, whole: JsonObject) -> bool:
        """Whether a whole item shows that it is what grew here: by its call, by its id, by how its text begins."""
        if not self.is_like(whole):
            return False
        if self.kind in CALLS:
            return text_of(whole, "call_id") == text_of(self.source, "call_id")
        ids = text_of(whole, "id"), text_of(self.source, "id")
        if all(ids) and ids[0] == ids[1]:
            return True
        if self.kind != "message":
            return not all(ids)
        return bool(self.sent) and _said(whole).startswith("".join(self.sent.values()))


class ResponsesStreamDecoder(EventStreamDecoder):
    """Decodes one stream; see `StreamDecoder` for what it guarantees."""

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[int, _Item] = {}
        self._reader = OutputReader({})
        self._calls = 0
        self._started = False

    def _closed(self, events: list[StreamEvent]) -> None:
        self._truncated(events)

    def _done(self, events: list[StreamEvent]) -> None:
        """Not of this format: some servers add it, and it ends nothing."""

    def _take_object(self, source: JsonObject, event: str | None, events: list[StreamEvent]) -> bool:
        kind = source.get("type") or event
        response = source.get("response")
        response = response if isinstance(response, dict) else {}
        if kind == "error" or (source.get("error") and not source.get("type")):
            self._break(stream_failure(source.get("error") or source), events)
            return False
        if kind is not None and not isinstance(kind, str):
            self._break(Failure(kind="bad_response", message="the stream held an event of no type"), events)
            return False
        if kind in _FAILURES:
            self._break(stream_failure(response.get("error") or {}), events)
            return False
        if kind in _BEGINNINGS:
            self._start(response, events)
        elif kind in _ENDS:
            self._end(response, events)
            return False
        elif kind is not None and isinstance(source.get("output_index"), int):
            self._take_item_event(kind, source["output_index"], source, events)
        return True

    def _start(self, response: JsonObject, events: list[StreamEvent]) -> None:
        if self._started:
            return
        self._started = True
        self._reader = OutputReader(response)
        events.append(
            Start(
                id=text_of(response, "id"),
                model=text_of(response, "model"),
                created=created(response),
                extra=kept_fields(response),
            )
        )

    def _take_item_event(self, kind: str, index: int, source: JsonObject, events: list[StreamEvent]) -> None:
        item = source.get("item")
        if kind == "response.output_item.added" and isinstance(item, dict):
            self._open(index, item, events)
        elif kind == "response.output_item.done" and isinstance(item, dict):
            growing = [entry for entry in self._items.values() if not entry.is_done]
            self._close_item(self._entry_of(index, item, growing, events), item, events)
        elif kind in _PIECES:
            item_type, key, is_whole = _PIECES[kind]
            entry = self._growing(index, item_type, events)
            place = _place(kind, source)
            piece = source.get(key)
            text = entry.rest(place, piece) if is_whole else piece
            if isinstance(text, str):
                self._piece(entry, place, text, source, events)
        elif kind == "response.output_text.annotation.added" and index in self._items:
            entry = self._items[index]
            part = _number(source, "content_index")
            entry.annotations[part] = entry.annotations.get(part, 0) + 1
            _append_opaque(annotation(source.get("annotation")), events)

    def _growing(self, index: int, item_type: str, events: list[StreamEvent]) -> _Item:
        """The item that a piece belongs to: what has its index, unless that is of another type."""
        known = self._items.get(index)
        if known is not None and known.kind == item_type:
            return known
        piece_of: JsonObject = {"type": item_type}
        if known is None or known.is_like(piece_of):
            return self._open(index, piece_of, events)
        growing = [entry for entry in self._items.values() if not entry.is_done and entry.is_like(piece_of)]
        return growing[-1] if growing else self._open(max(self._items) + 1, piece_of, events)

    def _open(self, index: int, item: JsonObject, events: list[StreamEvent]) -> _Item:
        known = self._items.get(index)
        if known is not None:
            return known
        entry = self._items[index] = _Item(item)
        if self._reader.is_call(item) and text_of(item, "name"):
            self._start_call(entry, item, events)
        return entry

    def _start_call(self, entry: _Item, item: JsonObject, events: list[StreamEvent]) -> None:
        entry.call_index = self._calls
        self._calls += 1
        events.append(
            ToolCallStart(
                index=entry.call_index,
                id=self._reader.call_id(item),
                name=text_of(item, "name"),
                kind="function" if item.get("type") == "function_call" else "custom",
                extra=call_extra(item),
            )
        )

    def _piece(
        self, entry: _Item, place: str, text: str, source: JsonObject, events: list[StreamEvent]
    ) -> None:
        """More of a text, wherever it belongs. Thinking told in two ways is passed on in the first of them."""
        medium = place.partition(":")[0]
        if medium == "text":
            logprobs = source.get("logprobs") if "delta" in source else None
            self._text(entry, place, text, logprobs, events)
        elif medium == "refusal" and text:
            events.append(RefusalDelta(text=entry.note(place, text)))
        elif medium in ("summary", "content") and text:
            self._thinking(entry, place, text, events)
        elif medium == "payload" and text and entry.call_index is not None:
            events.append(ArgumentsDelta(index=entry.call_index, text=entry.note(place, text)))

    def _text(self, entry: _Item, place: str, text: str, logprobs: Json, events: list[StreamEvent]) -> None:
        listed = {"content": logprobs} if isinstance(logprobs, list) and logprobs else None
        if not text and listed is None:
            return
        extra = {} if entry.sent else message_extra(entry.source)
        events.append(TextDelta(text=entry.note(place, text), logprobs=listed, extra=extra))

    def _thinking(self, entry: _Item, place: str, text: str, events: list[StreamEvent]) -> None:
        medium = place.partition(":")[0]
        if any(not other.startswith(medium) for other in entry.sent):
            return
        gap = "\n\n" if entry.sent and place not in entry.sent else ""
        entry.note(place, text)
        events.append(ReasoningDelta(id=text_of(entry.source, "id"), text=gap + text, source=FORMAT))

    def _entry_of(
        self, index: int, item: JsonObject, candidates: list[_Item], events: list[StreamEvent]
    ) -> _Item:
        """What grew into this whole item: whatever shows to be it, else what has its index, else something new."""
        known = self._items.get(index)
        if known is not None and known.may_be(item):
            return known
        found = next((entry for entry in candidates if entry.may_be(item)), None)
        if found is not None:
            return found
        if known is None or known.is_like(item):
            return self._open(index, item, events)
        return self._open(max(self._items) + 1, item, events)

    def _close_item(self, entry: _Item, item: JsonObject, events: list[StreamEvent]) -> None:
        if entry.is_done:
            return
        entry.is_done = True
        if entry.kind == "message":
            self._close_message(entry, item, events)
        elif entry.kind == "reasoning":
            self._close_reasoning(entry, item, events)
        elif self._reader.is_call(entry.source) or self._reader.is_call(item):
            self._close_call(entry, item, events)
        else:
            _append_opaque(Opaque(source=FORMAT, raw=item), events)

    def _close_message(self, entry: _Item, item: JsonObject, events: list[StreamEvent]) -> None:
        content = item.get("content")
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(part, dict):
                continue
            if isinstance(part.get("refusal"), str):
                place = f"refusal:{index}"
                self._piece(entry, place, entry.rest(place, part["refusal"]), part, events)
                continue
            place = f"text:{index}"
            self._text(entry, place, entry.rest(place, part.get("text")), None, events)
            marks = part.get("annotations")
            for mark in marks[entry.annotations.get(index, 0) :] if isinstance(marks, list) else ():
                _append_opaque(annotation(mark), events)

    def _close_reasoning(self, entry: _Item, item: JsonObject, events: list[StreamEvent]) -> None:
        whole: Reasoning = read_reasoning(item)
        item_id = text_of(entry.source, "id")
        if not entry.sent and whole.text:
            events.append(ReasoningDelta(id=item_id, text=whole.text, source=FORMAT))
        extra = {**whole.extra, "id": item_id} if item_id else whole.extra
        events.append(ReasoningDelta(id=item_id, signature=whole.signature, source=FORMAT, extra=extra))

    def _close_call(self, entry: _Item, item: JsonObject, events: list[StreamEvent]) -> None:
        if entry.call_index is None:
            self._start_call(entry, item, events)
        kind = "custom_tool_call" if item.get("type") == "custom_tool_call" else "function_call"
        whole = payload_text(item, kind) or payload_text(entry.source, kind)
        self._piece(entry, "payload", entry.rest("payload", whole), item, events)
        if kind == "function_call" and not entry.sent:
            self._piece(entry, "payload", "{}", item, events)

    def _end(self, response: JsonObject, events: list[StreamEvent]) -> None:
        """The final response holds every item whole: those that no event closed are closed with it."""
        self._start(response, events)
        output = response.get("output")
        candidates = list(self._items.values())
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if isinstance(item, dict):
                entry = self._entry_of(index, item, candidates, events)
                candidates = [other for other in candidates if other is not entry]
                self._close_item(entry, item, events)
        for _, entry in sorted(self._items.items()):
            self._close_item(entry, entry.source, events)
        self._over = True
        usage = read_usage(response.get("usage"))
        if usage is not None:
            events.append(UsageUpdate(usage=usage))
        events.append(Finished(finish=read_finish(response, has_calls=self._calls > 0)))
        events.append(End())


_PIECES: dict[str, tuple[str, str, bool]] = {
    "response.output_text.delta": ("message", "delta", False),
    "response.output_text.done": ("message", "text", True),
    "response.refusal.delta": ("message", "delta", False),
    "response.refusal.done": ("message", "refusal", True),
    "response.reasoning_summary_text.delta": ("reasoning", "delta", False),
    "response.reasoning_summary_text.done": ("reasoning", "text", True),
    "response.reasoning_text.delta": ("reasoning", "delta", False),
    "response.reasoning_text.done": ("reasoning", "text", True),
    "response.function_call_arguments.delta": ("function_call", "delta", False),
    "response.function_call_arguments.done": ("function_call", "arguments", True),
    "response.custom_tool_call_input.delta": ("custom_tool_call", "delta", False),
    "response.custom_tool_call_input.done": ("custom_tool_call", "input", True),
}
"""The item an event is of, the field that holds its text, and whether that is the whole text."""


def _place(kind: str, source: JsonObject) -> str:
    """Where in its item a piece belongs."""
    if kind.startswith("response.output_text"):
        return f"text:{_number(source, 'content_index')}"
    if kind.startswith("response.refusal"):
        return f"refusal:{_number(source, 'content_index')}"
    if kind.startswith("response.reasoning_summary"):
        return f"summary:{_number(source, 'summary_index')}"
    if kind.startswith("response.reasoning"):
        return f"content:{_number(source, 'content_index')}"
    return "payload"


def _said(item: JsonObject) -> str:
    """The texts of a whole message."""
    content = item.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "".join(text_of(part, "text") or text_of(part, "refusal") for part in parts)


def _number(source: JsonObject, key: str) -> int:
    value = source.get(key)
    return value if isinstance(value, int) else 0


def _append_opaque(part: Opaque, events: list[StreamEvent]) -> None:
    events.append(OpaqueDelta(source=part.source, raw=part.raw))
