"""Events as a client's stream of Responses events.

Their rules: `response.created` comes first; an item is added before its pieces and done after them, with everything in
it (clients take the done item for the truth); sequence numbers count every event; one terminal event holds the whole
response. One item is open at a time but for tool calls, which may grow side by side.
"""

from collections.abc import Sequence

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
from tiercel.domain.json import JsonObject
from tiercel.domain.response import Finish, Stamp, Usage
from tiercel.wire.codec import Problem
from tiercel.wire.openai_error import error_object
from tiercel.wire.openai_responses.content import is_annotation
from tiercel.wire.openai_responses.finish import written_finish
from tiercel.wire.openai_responses.open_items import Emit, OpenCall, OpenMessage, OpenReasoning
from tiercel.wire.openai_responses.output_items import Numbering
from tiercel.wire.openai_responses.own_fields import FORMAT, own_fields
from tiercel.wire.openai_responses.response import response_object
from tiercel.wire.sse import frame


class ResponsesStreamEncoder:
    """Encodes one stream of one choice: this format knows no others."""

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._out: list[bytes] = []
        self._sequence = 0
        self._numbering = Numbering(stamp.id)
        self._extra: JsonObject = {}
        self._items = 0
        self._output: dict[int, JsonObject] = {}
        self._open: OpenMessage | OpenReasoning | None = None
        self._calls: dict[int, OpenCall] = {}
        self._usage: Usage | None = None
        self._finish = Finish(reason="unknown")
        self._started = False
        self._over = False

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        for event in events:
            if not self._over and getattr(event, "choice", 0) == 0:
                self._take(event)
        return self._written()

    def problem(self, problem: Problem) -> bytes:
        """Twice, since some clients know only one of the two: as an `error` and as the failed response. What was open
        stays open, so that nobody takes the answer for whole."""
        if self._over:
            return b""
        self._start({})
        self._over = True
        error = error_object(problem)
        code = error["code"] or error["type"]
        self._emit(
            "error", {"code": code, "message": problem.message, "param": problem.param, "error": error}
        )
        failed = {"status": "failed", "error": {"code": code, "message": problem.message}}
        self._emit("response.failed", {"response": self._response() | failed})
        return self._written()

    def heartbeat(self) -> bytes:
        """An event, since a client's patience may count nothing less; the stream must have begun before any."""
        if self._over:
            return b""
        if self._started:
            self._emit("response.in_progress", {"response": self._response()})
        self._start({})
        return self._written()

    def _written(self) -> bytes:
        written = b"".join(self._out)
        self._out.clear()
        return written

    def _emit(self, kind: str, fields: JsonObject) -> None:
        event = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        self._out.append(frame(msgspec.json.encode(event), kind))

    def _response(self) -> JsonObject:
        output = [self._output[index] for index in sorted(self._output)]
        return response_object(self._stamp, self._extra, output, self._usage)

    def _start(self, extra: JsonObject) -> None:
        if self._started:
            self._extra = self._extra or extra
            return
        self._started = True
        self._extra = extra
        self._emit("response.created", {"response": self._response()})
        self._emit("response.in_progress", {"response": self._response()})

    def _take(self, event: StreamEvent) -> None:
        match event:
            case Start():
                self._start(event.extra)
            case TextDelta():
                self._text(event)
            case RefusalDelta():
                if event.text:
                    self._message({}).refusal(event.text)
            case ReasoningDelta():
                self._reasoning(event)
            case ToolCallStart():
                self._call(event)
            case ArgumentsDelta():
                if event.index in self._calls and event.text:  # else it was closed, which nothing can reopen
                    self._calls[event.index].add(event.text)
            case OpaqueDelta():
                self._opaque(event)
            case UsageUpdate():
                self._usage = event.usage
            case Finished():
                self._finish = event.finish
            case End():
                self._end()
            case _:  # Broken: the caller says what happened, with `problem`
                return

    def _next_emit(self) -> Emit:
        """Writes the events of one new item."""
        self._start({})
        index, self._items = self._items, self._items + 1
        return lambda kind, fields: self._emit_of(index, kind, fields)

    def _emit_of(self, index: int, kind: str, fields: JsonObject) -> None:
        self._emit(kind, {"output_index": index, **fields})
        if kind == "response.output_item.done":
            self._output[index] = fields["item"]

    def _close(self, status: str = "completed") -> None:
        if self._open is not None:
            self._open.close(status)
            self._open = None

    def _close_whole_calls(self) -> None:
        """Something else begins: calls that have all of their arguments are done."""
        for index in [index for index, call in self._calls.items() if call.is_whole]:
            self._calls.pop(index).close("completed")

    def _message(self, extra: JsonObject) -> OpenMessage:
        """The open message, or a new one where these pieces belong to another."""
        current = self._open
        given = own_fields(extra).get("id")
        if isinstance(current, OpenMessage) and given in (None, current.given_id):
            return current
        self._close()
        self._close_whole_calls()
        item_id = self._numbering.take("msg", given)
        self._open = message = OpenMessage(self._next_emit(), item_id, given, extra)
        return message

    def _text(self, event: TextDelta) -> None:
        content = event.logprobs.get("content") if isinstance(event.logprobs, dict) else None
        listed = content if isinstance(content, list) else []
        if event.text:
            self._message(event.extra).text(event.text, listed)
        elif listed and isinstance(self._open, OpenMessage):
            self._open.text("", listed)

    def _reasoning(self, event: ReasoningDelta) -> None:
        own = event.source == FORMAT
        is_sealed = event.signature is not None or event.redacted is not None or bool(event.extra)
        if not event.text and not is_sealed:
            return
        if not isinstance(self._open, OpenReasoning):
            self._close()
            self._close_whole_calls()
            given = (event.id or event.extra.get("id")) if own else None
            self._open = OpenReasoning(self._next_emit(), self._numbering.take("rs", given))
        if event.text:
            self._open.add(event.text)
        if is_sealed:
            self._open.seal(event)
            self._close()

    def _call(self, event: ToolCallStart) -> None:
        self._close()
        self._close_whole_calls()
        prefix = "ctc" if event.kind == "custom" else "fc"
        item_id = self._numbering.take(prefix, own_fields(event.extra).get("id"))
        self._calls[event.index] = OpenCall(self._next_emit(), item_id, event)

    def _opaque(self, event: OpaqueDelta) -> None:
        if event.source != FORMAT or not isinstance(event.raw, dict) or "type" not in event.raw:
            return
        if is_annotation(event.raw):
            if isinstance(self._open, OpenMessage):
                self._open.annotate(event.raw.get("annotation"))
            return
        self._close()
        self._close_whole_calls()
        emit = self._next_emit()
        emit("response.output_item.added", {"item": event.raw})
        emit("response.output_item.done", {"item": event.raw})

    def _end(self) -> None:
        self._start({})
        finish = written_finish(self._finish)
        status = "completed" if finish["status"] == "completed" else "incomplete"
        self._close(status)
        for index in sorted(self._calls):
            call = self._calls.pop(index)
            call.close("completed" if call.is_whole else status)
        self._over = True
        self._emit(f"response.{finish['status']}", {"response": self._response() | finish})
