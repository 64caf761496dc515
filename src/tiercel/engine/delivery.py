"""Hold, commit, pass: when the events of a stream become bytes for the client.

A held stream waits until the ladder has decided; otherwise the first real content commits its attempt, everything the
attempt sent before it goes out with it, and all that follows passes straight through. What ends a stream (finish,
usage, terminator) is never passed through: it goes out with `conclude`, after the record was written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tiercel.domain.events import Broken, End, Finished, StreamEvent, UsageUpdate, is_content, unfold
from tiercel.domain.response import ModelResponse
from tiercel.engine.cut import StreamCutter

MAX_WAITING_BYTES = 256 * 1024
"""A client that reads more slowly than this much behind stops its upstream from being read."""

Encode = Callable[[Sequence[StreamEvent]], bytes]
TAIL_EVENTS = (Finished, UsageUpdate, End, Broken)


class Delivery:
    """One client's stream while it is being made."""

    def __init__(self, encode: Encode, *, hold: bool, clock: Callable[[], float]) -> None:
        self._encode = encode
        self._hold = hold
        self._clock = clock
        self._waiting: dict[int, list[StreamEvent]] = {}
        self._tail: list[StreamEvent] = []
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self.committed: int | None = None
        self.first_content_at: float | None = None

    def receiver(
        self, number: int, cutter: StreamCutter | None
    ) -> Callable[[Sequence[StreamEvent]], Awaitable[None] | None]:
        """Where attempt `number` hands its events; what it returns must be awaited before reading on."""

        def receive(events: Sequence[StreamEvent]) -> Awaitable[None] | None:
            if self._hold or (self.committed is not None and self.committed != number):
                return None
            return self._take(number, events if cutter is None else cutter.pass_on(events))

        return receive

    def _take(self, number: int, events: Sequence[StreamEvent]) -> Awaitable[None] | None:
        if self.committed is None:
            waiting = self._waiting.setdefault(number, [])
            waiting.extend(events)
            if not any(is_content(event) for event in events):
                return None
            self.committed = number
            self.first_content_at = self._clock()
            events = waiting
            self._waiting.clear()
        passed = [event for event in events if not isinstance(event, TAIL_EVENTS)]
        self._tail.extend(event for event in events if isinstance(event, TAIL_EVENTS))
        if passed:
            self._put(self._encode(passed))
        return self._drain() if self._out_bytes > MAX_WAITING_BYTES else None

    def _put(self, data: bytes) -> None:
        if data:
            self._out.append(data)
            self._out_bytes += len(data)
            self._changed.set()

    async def _drain(self) -> None:
        self._drained.clear()
        await self._drained.wait()

    def wake(self) -> None:
        """Make `wait` return: the climb has ended."""
        self._changed.set()

    async def wait(self, seconds: float) -> bool:
        """Until there are bytes to send or the climb has ended, no longer than this; whether something changed."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def take(self) -> bytes:
        """The bytes that are ready to be sent; may be empty."""
        data = b"".join(self._out)
        self._out.clear()
        self._out_bytes = 0
        self._drained.set()
        return data

    def conclude(self, response: ModelResponse) -> bytes:
        """The rest of a delivered answer: its tail when it was passed through, else the whole of it."""
        if self.committed is None:
            self.first_content_at = self._clock()
            return self._encode(unfold(response))
        # the response is what was checked and counted: its finish and usage win over what came down the wire
        tail = [event for event in unfold(response) if isinstance(event, TAIL_EVENTS)]
        return self.take() + self._encode(tail)
