"""Hold, commit, pass: when the events of a stream become bytes for the client.

A held stream waits until the ladder has decided; otherwise the first real content that may go out (a passage may keep
the beginning) commits its attempt, everything the attempt sent before it goes out with it, and all that follows passes
straight through. What ends a stream (finish,
usage, terminator) is never passed through: it goes out with `conclude`, after the record was written.

There is no queue between the two connections: whoever hands events in awaits their writing, so that a client that
reads slowly slows its upstream down.
"""

from collections.abc import Awaitable, Callable, Sequence

from tiercel.domain.events import (
    Broken,
    End,
    Finished,
    StreamEvent,
    TextDelta,
    UsageUpdate,
    is_content,
    unfold,
)
from tiercel.domain.response import ModelResponse
from tiercel.engine.cut import StreamCutter
from tiercel.engine.holding import Passage

Encode = Callable[[Sequence[StreamEvent]], bytes]
Write = Callable[[bytes], Awaitable[None] | None]
TAIL_EVENTS: frozenset[type] = frozenset((Finished, UsageUpdate, End, Broken))


class Delivery:
    """One client's stream while it is being made. `write` sends bytes; where it returns an awaitable, the client is
    behind, and it must be awaited."""

    def __init__(self, encode: Encode, write: Write, *, hold: bool, clock: Callable[[], float]) -> None:
        self._encode = encode
        self._write = write
        self._hold = hold
        self._clock = clock
        self._waiting: dict[int, list[StreamEvent]] = {}
        self._passages: dict[int, Passage] = {}
        self.committed: int | None = None
        self.on_commit: Callable[[], None] | None = None
        """Called once, when the first attempt's content goes out."""
        self.first_content_at: float | None = None

    def receiver(
        self, number: int, cutter: StreamCutter | None, passage: Passage | None = None
    ) -> Callable[[Sequence[StreamEvent]], Awaitable[None] | None]:
        """Where attempt `number` hands its events; what it returns must be awaited before reading on."""

        if passage is not None:
            self._passages[number] = passage

        # one function, since it is called for every chunk
        def receive(events: Sequence[StreamEvent]) -> Awaitable[None] | None:
            if self._hold or (self.committed is not None and self.committed != number):
                return None
            if cutter is not None:
                events = cutter.pass_on(events)
            if passage is not None:
                events = passage.pass_on(events)
            if self.committed is None:
                events = self._committed_with(number, events)
            for event in events:
                if event.__class__ in TAIL_EVENTS:
                    events = [event for event in events if event.__class__ not in TAIL_EVENTS]
                    break
            data = self._encode(events) if events else b""
            return self._write(data) if data else None

        return receive

    def _committed_with(self, number: int, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """All events of this attempt so far, once there is content among them; until then they are kept."""
        waiting = self._waiting.setdefault(number, [])
        waiting.extend(events)
        for event in events:
            if is_content(event):
                break
        else:
            return ()
        self.committed = number
        self.first_content_at = self._clock()
        self._waiting.clear()
        if self.on_commit is not None:
            self.on_commit()
        return waiting

    def conclude(self, response: ModelResponse) -> bytes:
        """The rest of a delivered answer: its tail when it was passed through, else the whole of it."""
        if self.committed is None:
            self.first_content_at = self._clock()
            return self._encode(unfold(response))
        # the response is what was checked and counted: its finish and usage win over what came down the wire
        tail = [event for event in unfold(response) if event.__class__ in TAIL_EVENTS]
        passage = self._passages.get(self.committed)
        rest = passage.rest_of(response.text) if passage is not None else None
        return self._encode([TextDelta(text=rest), *tail] if rest else tail)
