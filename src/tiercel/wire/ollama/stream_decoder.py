"""One upstream stream of lines as events.

The line that says `done` is not trusted to be the last, since servers put calls and counts behind it: finish and usage
are held until the connection ends.
"""

from tiercel.domain.events import (
    ArgumentsDelta,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.failure import Failure
from tiercel.domain.json import JsonObject
from tiercel.domain.response import Usage
from tiercel.wire.error_facts import stream_failure
from tiercel.wire.event_stream import EventStreamDecoder
from tiercel.wire.fields import leftovers
from tiercel.wire.ndjson import LineDecoder
from tiercel.wire.ollama.finish import read_finish
from tiercel.wire.ollama.response import MESSAGE, TOP, read_calls, read_logprobs, text_of
from tiercel.wire.ollama.usage import read_usage


class ChatLinesDecoder(EventStreamDecoder):
    """Decodes one stream; see `StreamDecoder` for what it guarantees."""

    def __init__(self) -> None:
        super().__init__(LineDecoder())
        self._started = False
        self._answer_mark = ""
        self._calls = 0
        self._raw_finish: str | None = None
        self._is_done = False
        self._usage: Usage | None = None

    def _take_object(self, source: JsonObject, event: str | None, events: list[StreamEvent]) -> bool:
        if source.get("error"):
            self._break(stream_failure(source["error"]), events)
            return False
        if not self._started:
            self._start(source, events)
        message = source.get("message")
        if isinstance(message, dict):
            self._take_message(message, source, events)
        elif message is not None:  # what it held of the answer would be lost
            self._break(
                Failure(kind="bad_response", message="the stream held a message that is no object"), events
            )
            return False
        usage = read_usage(source)
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(UsageUpdate(usage=usage))
        if source.get("done") is True:
            self._is_done = True
            self._raw_finish = text_of(source, "done_reason") or self._raw_finish
        return True

    def _start(self, source: JsonObject, events: list[StreamEvent]) -> None:
        self._started = True
        self._answer_mark = text_of(source, "created_at")
        events.append(Start(model=text_of(source, "model"), extra=leftovers(source, TOP)))

    def _take_message(self, message: JsonObject, source: JsonObject, events: list[StreamEvent]) -> None:
        if thinking := text_of(message, "thinking"):
            events.append(ReasoningDelta(text=thinking, source="ollama"))
        text, logprobs = text_of(message, "content"), read_logprobs(source)
        if text or logprobs is not None:
            events.append(TextDelta(text=text, logprobs=logprobs))
        for call in read_calls(message.get("tool_calls"), self._answer_mark, self._calls):
            events += [
                ToolCallStart(index=self._calls, id=call.id, name=call.name, extra=call.extra),
                ArgumentsDelta(index=self._calls, text=call.arguments),
            ]
            self._calls += 1
        for key, value in leftovers(message, MESSAGE).items():
            if value:
                events.append(OpaqueDelta(source="ollama", raw={key: value}))

    def _done(self, events: list[StreamEvent]) -> None:
        """No line of this format says `[DONE]`; from whom it comes all the same, it changes nothing."""

    def _closed(self, events: list[StreamEvent]) -> None:
        if not self._is_done:
            self._truncated(events)
            return
        self._over = True
        events += [Finished(finish=read_finish(self._raw_finish, self._calls > 0)), End()]
