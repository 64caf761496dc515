"""What the stream decoders of all formats share: server-sent events in, JSON objects on, and exactly one last event."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.events import Broken, StreamEvent
from tiercel.domain.failure import Failure
from tiercel.domain.json import JsonObject
from tiercel.wire.scan import parse_chunk
from tiercel.wire.sse import EventDecoder, ServerSentEvent

DONE = b"[DONE]"


class Framing(Protocol):
    """How a stream's bytes are divided into objects: as server-sent events, unless a format says otherwise."""

    def feed(self, data: bytes) -> Sequence[ServerSentEvent]:
        """What these bytes complete. Raises `UpstreamDataError` when one piece grows beyond the cap."""
        ...

    def close(self) -> Sequence[ServerSentEvent]:
        """What stood at the end, whole or not."""
        ...


class EventStreamDecoder(ABC):
    """A `StreamDecoder` but for the meaning of its events: a format says what each object is, and what an end means."""

    def __init__(self, framing: Framing | None = None) -> None:
        self._framing = framing or EventDecoder()
        self._over = False

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        if self._over:
            return ()
        events: list[StreamEvent] = []
        try:
            received = self._framing.feed(data)
        except UpstreamDataError as error:
            self._break(Failure(kind="too_large", message=str(error)), events)
            return events
        for event in received:
            if not self._take(event, events):
                break
        return events

    def close(self) -> Sequence[StreamEvent]:
        if self._over:
            return ()
        events: list[StreamEvent] = []
        for event in self._framing.close():
            if not self._take(event, events, is_last=True):
                return events
        self._closed(events)
        return events

    @abstractmethod
    def _take_object(self, source: JsonObject, event: str | None, events: list[StreamEvent]) -> bool:
        """One event's object, with the event's name where it has one; returns whether the stream goes on."""

    @abstractmethod
    def _done(self, events: list[StreamEvent]) -> None:
        """The stream said `[DONE]`."""

    @abstractmethod
    def _closed(self, events: list[StreamEvent]) -> None:
        """The connection was closed and nothing had ended the stream before."""

    def _take(self, event: ServerSentEvent, events: list[StreamEvent], is_last: bool = False) -> bool:
        source = parse_chunk(event.data)
        if source is not None:
            return self._take_object(source, event.event, events)
        data = event.data.strip()
        if data == DONE:
            self._done(events)
            return not self._over
        if is_last or not data:  # at the very end half an object only says that it was cut
            return True
        self._break(Failure(kind="bad_response", message="the stream held what is no JSON object"), events)
        return False

    def _break(self, failure: Failure, events: list[StreamEvent]) -> None:
        self._over = True
        events.append(Broken(failure=failure))

    def _truncated(self, events: list[StreamEvent]) -> None:
        self._break(Failure(kind="truncated", message="the stream ended before the answer did"), events)
