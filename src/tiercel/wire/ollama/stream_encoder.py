"""Events as a client's stream of lines: text as it comes, calls whole at the end, and one last line that ends it."""

from collections.abc import Sequence

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
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import ToolCall
from tiercel.domain.response import Finish, Stamp, Usage
from tiercel.wire.codec import Problem
from tiercel.wire.ndjson import line
from tiercel.wire.ollama.problem import problem_object
from tiercel.wire.ollama.response import head, last_line, written_call, written_logprobs


class ChatLinesEncoder:
    """Encodes one stream of the first choice: this format has no place for others."""

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._calls: dict[int, ToolCallStart] = {}
        self._arguments: dict[int, list[str]] = {}
        self._finish = Finish(reason="unknown")
        self._usage: Usage | None = None
        self._over = False

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        return b"".join([self._encode(event) for event in events])

    def problem(self, problem: Problem) -> bytes:
        """The error as the stream's last line."""
        if self._over:
            return b""
        self._over = True
        return line(problem_object(problem))

    def heartbeat(self) -> bytes:
        """A line without text: an empty one would end the clients that parse each line."""
        return b"" if self._over else self._message({"content": ""})

    def _encode(self, event: StreamEvent) -> bytes:
        if self._over:
            return b""
        if isinstance(event, UsageUpdate):
            self._usage = event.usage
        elif isinstance(event, End):
            return self._end()
        elif getattr(event, "choice", None) == 0:
            return self._first_choice(event)
        return b""

    def _first_choice(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta():
                return self._message({"content": event.text}, event.logprobs)
            case RefusalDelta():
                return self._message({"content": event.text})
            case ReasoningDelta():
                return self._message({"content": "", "thinking": event.text}) if event.text else b""
            case OpaqueDelta():
                foreign = event.source != "ollama" or not isinstance(event.raw, dict)
                return b"" if foreign else self._message({"content": "", **event.raw})
            case ToolCallStart():
                self._calls[event.index] = event
                self._arguments[event.index] = []
                return b""
            case ArgumentsDelta():
                self._arguments[event.index].append(event.text)
                return b""
            case Finished():
                self._finish = event.finish
                return self._write_calls()
            case _:
                return b""

    def _write_calls(self) -> bytes:
        """The calls, which are surely complete only now: pieces of several may have come in turn."""
        if not self._calls:
            return b""
        calls = [
            written_call(
                ToolCall(id=start.id, name=start.name, arguments="".join(self._arguments[index])), index
            )
            for index, start in self._calls.items()
        ]
        return self._message({"content": "", "tool_calls": calls})

    def _end(self) -> bytes:
        self._over = True
        return line(last_line(self._stamp, self._finish, self._usage))

    def _message(self, message: JsonObject, logprobs: Json = None) -> bytes:
        body: JsonObject = {**head(self._stamp), "message": {"role": "assistant", **message}, "done": False}
        return line(body | written_logprobs(logprobs))
