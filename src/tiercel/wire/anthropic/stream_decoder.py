"""One upstream stream of Messages events as ours."""

import msgspec

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
from tiercel.domain.response import Finish
from tiercel.wire.anthropic.finish import read_finish
from tiercel.wire.anthropic.response import KEPT_FIELDS, refusal_text
from tiercel.wire.anthropic.usage import UsageMerger
from tiercel.wire.error_facts import stream_failure
from tiercel.wire.event_stream import EventStreamDecoder
from tiercel.wire.fields import leftovers
from tiercel.wire.identifiers import minted_id
from tiercel.wire.scan import parse_chunk

_EMPTY = "{}"
_TOOL_USE = frozenset(("type", "id", "name", "input"))


class _Block:
    """A block that is open: a tool call (with its index among the calls), or one only this format knows."""

    def __init__(self, content: JsonObject, call_index: int | None = None) -> None:
        self.content = content
        self.call_index = call_index
        self.input: list[str] = []


class MessagesStreamDecoder(EventStreamDecoder):
    """Decodes one stream; see `StreamDecoder` for what it guarantees."""

    def __init__(self) -> None:
        super().__init__()
        self._usage = UsageMerger()
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._answer_id = ""
        self._started = False
        self._finish: Finish | None = None

    def _closed(self, events: list[StreamEvent]) -> None:
        """With its finish the answer is whole, also where the event that only says so is missing."""
        if self._finish is None or self._blocks:
            self._truncated(events)
        else:
            self._end(events)

    def _done(self, events: list[StreamEvent]) -> None:
        """Not of this format: some proxies add it, and it ends nothing."""

    def _take_object(self, source: JsonObject, event: str | None, events: list[StreamEvent]) -> bool:
        kind = source.get("type") or event
        if kind == "error" or (source.get("error") and not source.get("type")):
            self._break(stream_failure(source.get("error") or source), events)
            return False
        if kind is not None and not isinstance(kind, str):
            self._break(Failure(kind="bad_response", message="the stream held an event of no type"), events)
            return False
        match kind:
            case "message_start":
                return self._start(source.get("message"), events)
            case "content_block_start":
                self._open(_index(source), source.get("content_block"), events)
            case "content_block_delta":
                self._delta(_index(source), source.get("delta"), events)
            case "content_block_stop":
                self._close_block(_index(source), events)
            case "message_delta":
                self._message_delta(source, events)
            case "message_stop":
                self._end(events)
                return False
        return True

    def _start(self, message: Json, events: list[StreamEvent]) -> bool:
        if self._started:  # some proxy began anew: what was sent before cannot be taken back
            failure = Failure(
                kind="stream_error", message="the provider started its answer over", code="restarted"
            )
            self._break(failure, events)
            return False
        self._started = True
        message = message if isinstance(message, dict) else {}
        answer_id, model = message.get("id"), message.get("model")
        self._answer_id = answer_id if isinstance(answer_id, str) else ""
        extra = {key: message[key] for key in KEPT_FIELDS if message.get(key) is not None}
        events.append(Start(id=self._answer_id, model=model if isinstance(model, str) else "", extra=extra))
        self._count(message.get("usage"), events)
        return True

    def _count(self, usage: Json, events: list[StreamEvent]) -> None:
        counted = self._usage.add(usage)
        if counted is not None:
            events.append(UsageUpdate(usage=counted))

    def _open(self, index: int, content: Json, events: list[StreamEvent]) -> None:
        if not isinstance(content, dict):
            return
        match content.get("type"):
            case "text":
                _append_text(content.get("text"), events)
            case "thinking":
                _append_thinking(content.get("thinking"), events)
                _append_signature(content.get("signature"), events)
            case "redacted_thinking":
                events.append(ReasoningDelta(redacted=str(content.get("data", "")), source="anthropic"))
            case "tool_use":
                call_id, name = content.get("id"), content.get("name")
                block = self._blocks[index] = _Block(content, self._calls)
                self._calls += 1
                events.append(
                    ToolCallStart(
                        index=self._calls - 1,
                        id=call_id if isinstance(call_id, str) and call_id else self._minted(block),
                        name=name if isinstance(name, str) else "",
                        extra=leftovers(content, _TOOL_USE),
                    )
                )
            case _:
                self._blocks[index] = _Block(content)

    def _minted(self, block: _Block) -> str:
        return minted_id(self._answer_id, block.call_index or 0)

    def _delta(self, index: int, delta: Json, events: list[StreamEvent]) -> None:
        if not isinstance(delta, dict):
            return
        match delta.get("type"):
            case "text_delta":
                _append_text(delta.get("text"), events)
            case "thinking_delta":
                _append_thinking(delta.get("thinking"), events)
            case "signature_delta":
                _append_signature(delta.get("signature"), events)
            case "input_json_delta":
                self._input(self._blocks.get(index), delta.get("partial_json"), events)
            case "citations_delta":
                events.append(OpaqueDelta(source="anthropic", raw=delta))

    def _input(self, block: _Block | None, text: Json, events: list[StreamEvent]) -> None:
        if block is None or not isinstance(text, str) or not text:
            return
        if text == _EMPTY and not block.input:
            return  # more may follow it; where nothing does, the block's end writes it
        block.input.append(text)
        if block.call_index is not None:
            events.append(ArgumentsDelta(index=block.call_index, text=text))

    def _close_block(self, index: int, events: list[StreamEvent]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        if block.call_index is None:
            written = parse_chunk("".join(block.input).encode("utf-8", "replace")) if block.input else None
            raw = block.content if written is None else {**block.content, "input": written}
            events.append(OpaqueDelta(source="anthropic", raw=raw))
        elif not block.input:  # some servers send the whole input with the start
            whole = msgspec.json.encode(block.content.get("input") or {}).decode()
            events.append(ArgumentsDelta(index=block.call_index, text=whole))

    def _message_delta(self, source: JsonObject, events: list[StreamEvent]) -> None:
        self._count(source.get("usage"), events)
        delta = source.get("delta")
        if not isinstance(delta, dict) or delta.get("stop_reason") is None:
            return
        self._finish = read_finish(delta["stop_reason"], delta.get("stop_sequence"))
        explanation = refusal_text(delta.get("stop_details"))
        if explanation:
            events.append(RefusalDelta(text=explanation))

    def _end(self, events: list[StreamEvent]) -> None:
        for index in sorted(self._blocks):
            self._close_block(index, events)
        self._over = True
        events.append(Finished(finish=self._finish or read_finish(None)))
        events.append(End())


def _index(source: JsonObject) -> int:
    index = source.get("index")
    return index if isinstance(index, int) else 0


def _append_text(text: Json, events: list[StreamEvent]) -> None:
    if isinstance(text, str) and text:
        events.append(TextDelta(text=text))


def _append_thinking(text: Json, events: list[StreamEvent]) -> None:
    if isinstance(text, str) and text:
        events.append(ReasoningDelta(text=text, source="anthropic"))


def _append_signature(signature: Json, events: list[StreamEvent]) -> None:
    if isinstance(signature, str) and signature:
        events.append(ReasoningDelta(signature=signature, source="anthropic"))
