"""Events as a client's stream of generateContent answers, as server-sent events or as one JSON array.

Their rules: every chunk is a whole answer object; calls come whole, with an object for arguments, so they wait until
they are complete; the finish comes once, with usage, on the last chunk. Google's SDKs accept nothing in the event
stream but `data: ` lines.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from tiercel.domain.events import (
    ArgumentsDelta,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Opaque, Part, Reasoning, Text, ToolCall
from tiercel.domain.response import Finish, Stamp, Usage
from tiercel.wire.codec import Problem
from tiercel.wire.gemini.logprobs import write_logprobs
from tiercel.wire.gemini.problem import encode_problem
from tiercel.wire.gemini.response import candidate_fields, ending, written_candidate, written_part
from tiercel.wire.gemini.usage import write_usage
from tiercel.wire.scan import is_complete_json
from tiercel.wire.sse import frame

HEARTBEAT = b"\n"
"""An empty line: white space in an array, and in an event stream what every SDK skips.

An empty object counts as an answer there, and as an invalid one: their chats would forget the whole turn. (Tried with
google-genai 3.4; read in @google/genai 3.1. 2026-11-21)"""
EMPTY: JsonObject = {"text": ""}
"""A content without any part counts as invalid."""


class _Candidate:
    """What waits of one candidate: its calls, and what belongs on its last chunk."""

    def __init__(self) -> None:
        self.calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
        self.fields: JsonObject = {}
        self.refused = False
        self.finish: Finish | None = None

    def taken_calls(self, only_complete: bool) -> list[Part]:
        """The calls that wait, in their order; they wait no more."""
        ready = [
            index
            for index, (_, pieces) in sorted(self.calls.items())
            if not only_complete or is_complete_json("".join(pieces))
        ]
        return [_call(*self.calls.pop(index)) for index in ready]


class _ChunkEncoder(ABC):
    """A `StreamEncoder` but for how its chunks are put in a row."""

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._candidates: dict[int, _Candidate] = {}
        self._usage: Usage | None = None
        self._out: list[bytes] = []
        self._over = False

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        for event in events:
            if not self._over:
                self._take(event)
        written = b"".join(self._out)
        self._out.clear()
        return written

    def problem(self, problem: Problem) -> bytes:
        """The error as the last chunk; no finish, so that nobody takes the answer for whole."""
        if self._over:
            return b""
        self._over = True
        return self._framed(encode_problem(problem)) + self._closing()

    def heartbeat(self) -> bytes:
        return b"" if self._over else HEARTBEAT

    @abstractmethod
    def _framed(self, chunk: bytes) -> bytes:
        """One chunk as it stands in the stream."""

    @abstractmethod
    def _closing(self) -> bytes:
        """What ends the stream."""

    def _take(self, event: StreamEvent) -> None:
        match event:
            case TextDelta():
                logprobs = write_logprobs(event.logprobs)
                self._part(event.choice, Text(text=event.text, extra=event.extra), logprobs)
            case RefusalDelta():
                self._candidate(event.choice).refused = True
                self._part(event.choice, Text(text=event.text))
            case ReasoningDelta():
                self._reasoning(event)
            case OpaqueDelta():
                self._part(event.choice, Opaque(source=event.source, raw=event.raw))
            case ToolCallStart():
                self._candidate(event.choice).calls[event.index] = (event, [])
            case ArgumentsDelta():
                waiting = self._candidate(event.choice).calls.get(event.index)
                if waiting is not None:  # else it went out whole, and nothing can be added to it
                    waiting[1].append(event.text)
            case Finished():
                self._flush(event.choice, only_complete=False)
                self._candidate(event.choice).finish = event.finish
            case UsageUpdate():
                self._usage = event.usage
            case End():
                self._end()
            case _:  # Start says nothing here; after Broken the caller says what happened, with `problem`
                return

    def _candidate(self, index: int) -> _Candidate:
        found = self._candidates.get(index)
        if found is None:
            found = self._candidates[index] = _Candidate()
        return found

    def _reasoning(self, event: ReasoningDelta) -> None:
        thought = Reasoning(
            text=event.text,
            signature=event.signature,
            redacted=event.redacted,
            source=event.source,
            extra=event.extra,
        )
        if event.text or event.signature or event.redacted:
            self._part(event.choice, thought)

    def _part(self, index: int, part: Part, logprobs: JsonObject | None = None) -> None:
        candidate = self._candidate(index)
        fields = candidate_fields(part)
        if fields is not None:
            candidate.fields |= fields
            return
        written = written_part(part)
        if written is None and logprobs is None:
            return
        self._flush(index, only_complete=True)
        chunk = written_candidate(index, [written or EMPTY])
        if logprobs is not None:
            chunk["logprobsResult"] = logprobs
        self._chunk([chunk])

    def _flush(self, index: int, only_complete: bool) -> None:
        calls = self._candidate(index).taken_calls(only_complete)
        parts = [written for call in calls if (written := written_part(call)) is not None]
        if parts:
            self._chunk([written_candidate(index, parts)])

    def _end(self) -> None:
        last = []
        for index, candidate in sorted((self._candidates or {0: _Candidate()}).items()):
            finish = candidate.finish or Finish(reason="unknown")
            written = written_candidate(index, [EMPTY])
            written["finishReason"] = ending(finish, candidate.refused)
            last.append({**written, **candidate.fields})
        self._chunk(last, self._usage)
        self._out.append(self._closing())
        self._over = True

    def _chunk(self, candidates: list[JsonObject], usage: Usage | None = None) -> None:
        chunk: JsonObject = {"candidates": candidates}
        if usage is not None:
            chunk["usageMetadata"] = write_usage(usage)
        chunk |= {"modelVersion": self._stamp.model, "responseId": self._stamp.id}
        self._out.append(self._framed(msgspec.json.encode(chunk)))


class EventStreamEncoder(_ChunkEncoder):
    """Encodes one stream for `alt=sse`."""

    def _framed(self, chunk: bytes) -> bytes:
        return frame(chunk)

    def _closing(self) -> bytes:
        return b""


class JsonArrayEncoder(_ChunkEncoder):
    """Encodes one stream for a client that did not ask for events: the chunks are items of one JSON array."""

    def __init__(self, stamp: Stamp) -> None:
        super().__init__(stamp)
        self._opened = False

    def _framed(self, chunk: bytes) -> bytes:
        before = b",\n" if self._opened else b"["
        self._opened = True
        return before + chunk

    def _closing(self) -> bytes:
        return b"]" if self._opened else b"[]"


def _call(start: ToolCallStart, pieces: list[str]) -> ToolCall:
    return ToolCall(
        id=start.id, name=start.name, arguments="".join(pieces), kind=start.kind, extra=start.extra
    )
