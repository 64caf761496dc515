"""How many requests to one model may be under way: as many as it takes, found out by being told "too many"."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

START = 20
SLOWER = 0.8
DEFAULT_WAIT_SECONDS = 2.0
MOST_WAIT_SECONDS = 300.0


class Pace:
    """The places at one model.

    It begins with at most `START`. Until the model says "too many" the first time, every answer makes one more place;
    after that only a whole round of answers does. A "too many" leaves four of five, and lets nobody go before the time
    that the provider asked for. Several that were under way together count once.
    """

    def __init__(self, most: int, *, adaptive: bool, clock: Callable[[], float]) -> None:
        self.under_way = 0
        self.places = float(min(most, START) if adaptive else most)
        self.rests_until = 0.0
        self._most = most
        self._adaptive = adaptive
        self._clock = clock
        self._was_slowed = False
        self._changed = asyncio.Event()

    def wait_seconds(self) -> float | None:
        """How long until somebody may go: 0 for at once, `None` where somebody has to come back first."""
        rest = self.rests_until - self._clock()
        if rest > 0:
            return rest
        return 0.0 if self.under_way < int(self.places) else None

    def begin(self) -> None:
        """Somebody goes."""
        self.under_way += 1

    def end(self, *, answered: bool = False) -> None:
        """Somebody came back, with an answer or without."""
        self.under_way -= 1
        if answered and self._adaptive:
            gain = 1 / self.places if self._was_slowed else 1.0
            self.places = min(self._most, self.places + gain)
        self._changed.set()

    def slow_down(self, asked_seconds: float | None) -> None:
        """The model said that it is asked too much, and to come back after so many seconds."""
        now = self._clock()
        if self._adaptive and now >= self.rests_until:
            self.places = max(1.0, self.places * SLOWER)
            self._was_slowed = True
        self.rest(DEFAULT_WAIT_SECONDS if asked_seconds is None else asked_seconds)

    def rest(self, seconds: float) -> None:
        """Nobody goes for so long."""
        self.rests_until = max(self.rests_until, self._clock() + min(seconds, MOST_WAIT_SECONDS))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and keep it; whoever leaves says by `slow_down` if it was too many."""
        while (seconds := self.wait_seconds()) != 0.0:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue
        self.begin()
        answered = False
        try:
            yield
            answered = True
        finally:
            self.end(answered=answered)
