"""Events as a client's stream of Messages events.

Their rules: one block is open at a time, indices run densely from 0, every delta matches its block, usage comes with
`message_delta`, every event has its name in an `event` line. Tool calls that arrive interleaved are put in a row: the
first unfinished one streams, the others wait for it.
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
from tiercel.domain.response import Choice, Finish, Stamp, Usage
from tiercel.wire.anthropic.problem import encode_problem
from tiercel.wire.anthropic.response import KEPT_FIELDS, ending, is_citation
from tiercel.wire.anthropic.usage import write_usage
from tiercel.wire.codec import Problem
from tiercel.wire.foreign_seal import carried_seal
from tiercel.wire.identifiers import portable_id
from tiercel.wire.scan import is_complete_json
from tiercel.wire.sse import frame

PING = b'event: ping\ndata: {"type":"ping"}\n\n'


class _WaitingCall:
    """A tool call, with its arguments so far, and what of it was written."""

    def __init__(self, start: ToolCallStart) -> None:
        self.start = start
        self.is_open = False
        self.pieces: list[str] = []
        self.written = 0


class MessagesStreamEncoder:
    """Encodes one stream of one choice: this format knows no others."""

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._out: list[bytes] = []
        self._blocks = 0
        self._open: str | None = None
        self._calls: dict[int, _WaitingCall] = {}
        self._streaming: _WaitingCall | None = None
        self._usage: Usage | None = None
        self._refusal = ""
        self._finish: Finish | None = None
        self._started = False
        self._over = False

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        for event in events:
            if not self._over and getattr(event, "choice", 0) == 0:
                self._take(event)
        written = b"".join(self._out)
        self._out.clear()
        return written

    def problem(self, problem: Problem) -> bytes:
        """The open block stays open, so that nobody takes the answer for whole."""
        if self._over:
            return b""
        self._over = True
        return frame(encode_problem(problem), "error")

    def heartbeat(self) -> bytes:
        return b"" if self._over else PING

    def _take(self, event: StreamEvent) -> None:
        match event:
            case Start():
                self._start(event.extra)
            case TextDelta():
                if event.text:
                    self._in_block("text", {"type": "text", "text": ""})
                    self._delta({"type": "text_delta", "text": event.text})
            case ReasoningDelta():
                self._reasoning(event)
            case ToolCallStart():
                self._calls[event.index] = _WaitingCall(event)
                self._advance()
            case ArgumentsDelta():
                if event.index in self._calls:  # else its block was closed, which nothing can reopen
                    self._calls[event.index].pieces.append(event.text)
                    self._advance()
            case RefusalDelta():
                self._refusal += event.text
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

    def _emit(self, body: JsonObject) -> None:
        self._out.append(frame(msgspec.json.encode(body), body["type"]))

    def _start(self, extra: JsonObject) -> None:
        if self._started:
            return
        self._started = True
        message: JsonObject = {
            "id": self._stamp.id,
            "type": "message",
            "role": "assistant",
            "model": self._stamp.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(self._usage),
        }
        message |= {key: extra[key] for key in KEPT_FIELDS if key in extra}
        self._emit({"type": "message_start", "message": message})

    def _in_block(self, kind: str, content: JsonObject) -> None:
        """Makes sure that a block of this kind is open; what else was open is closed first."""
        self._start({})
        if self._open == kind and kind != "tool_use":
            return
        self._close()
        if kind != "tool_use":
            self._flush_calls()
        self._open = kind
        self._emit({"type": "content_block_start", "index": self._blocks, "content_block": content})

    def _delta(self, delta: JsonObject) -> None:
        self._emit({"type": "content_block_delta", "index": self._blocks, "delta": delta})

    def _close(self) -> None:
        if self._open is None:
            return
        self._open = None
        self._streaming = None
        self._emit({"type": "content_block_stop", "index": self._blocks})
        self._blocks += 1

    def _reasoning(self, event: ReasoningDelta) -> None:
        if event.redacted is not None:
            self._whole({"type": "redacted_thinking", "data": event.redacted})
            return
        if not event.text and event.signature is None:
            return
        self._in_block("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        if event.text:
            self._delta({"type": "thinking_delta", "thinking": event.text})
        if event.signature is not None:  # it seals the block
            self._delta({"type": "signature_delta", "signature": carried_seal(event, "anthropic")})
            self._close()

    def _opaque(self, event: OpaqueDelta) -> None:
        if event.source != "anthropic" or not isinstance(event.raw, dict):
            return
        if not is_citation(event.raw):
            self._whole(event.raw)
        elif self._open == "text":
            self._delta(event.raw)

    def _whole(self, content: JsonObject) -> None:
        self._in_block("whole", content)
        self._close()

    def _advance(self) -> None:
        """Streams the first call that is not whole yet, and the next one once it is."""
        if self._streaming is not None:
            self._write_pieces(self._streaming)
            if len(self._calls) == 1 or not is_complete_json("".join(self._streaming.pieces)):
                return
            self._drop(self._streaming)
        while self._calls:
            call = self._calls[min(self._calls)]
            self._write_call(call)
            if len(self._calls) == 1 or not is_complete_json("".join(call.pieces)):
                return
            self._drop(call)

    def _write_call(self, call: _WaitingCall) -> None:
        start = call.start
        content: JsonObject = {
            "type": "tool_use",
            "id": portable_id(start.id),
            "name": start.name,
            "input": {},
        }
        if "caller" in start.extra:
            content["caller"] = start.extra["caller"]
        self._in_block("tool_use", content)
        self._streaming = call
        call.is_open = True
        self._write_pieces(call)

    def _write_pieces(self, call: _WaitingCall) -> None:
        for text in call.pieces[call.written :]:
            self._delta({"type": "input_json_delta", "partial_json": text})
        call.written = len(call.pieces)

    def _drop(self, call: _WaitingCall) -> None:
        self._close()
        self._calls.pop(call.start.index, None)

    def _flush_calls(self) -> None:
        """All calls that wait, whole or not: no more can come for them."""
        for index in sorted(self._calls):
            call = self._calls.pop(index)
            if not call.is_open:
                self._write_call(call)
                self._close()

    def _end(self) -> None:
        self._start({})
        if self._streaming is not None:
            self._drop(self._streaming)
        self._close()
        self._flush_calls()
        self._over = True
        stopped = ending(Choice(finish=self._finish or Finish(reason="unknown")), self._refusal)
        self._emit({"type": "message_delta", "delta": stopped, "usage": write_usage(self._usage)})
        self._emit({"type": "message_stop"})
