"""Who is asked next: candidates take turns, so that a slow hour of the network meets all of them.

A candidate that is asked too much, or cannot be reached, holds up nobody but itself.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count

import msgspec

from tiercel.evals.evaluation import Candidate, Item
from tiercel.evals.running.pacing import Pace

MayBegin = Callable[[str], bool]
"""Whether the item of this id may be asked yet."""


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One item to be put to one candidate. `repeat` and `tries` count from 1."""

    item: Item
    candidate: Candidate
    repeat: int = 1
    tries: int = 1

    @property
    def key(self) -> tuple[str, str, int]:
        return self.item.id, self.candidate.id, self.repeat


class Lane:
    """What one candidate has still to be asked. `out` says why it is asked no more. `failures_in_a_row` counts items
    that were given up, `calls_in_vain` the failed calls."""

    def __init__(self, candidate: Candidate, pace: Pace, may_begin: MayBegin | None = None) -> None:
        self.candidate = candidate
        self.pace = pace
        self._may_begin = may_begin
        self.waiting: deque[Unit] = deque()
        self.later: list[tuple[float, int, Unit]] = []
        self.begun = 0
        self.failures_in_a_row = 0
        self.has_answered = False
        self.calls_in_vain = 0
        self.out: str | None = None

    @property
    def left(self) -> int:
        return len(self.waiting) + len(self.later)

    @property
    def is_held(self) -> bool:
        """Whether its next new unit waits until others are further."""
        if self.out is not None or not self.waiting or self._may_begin is None:
            return False
        return not self._may_begin(self.waiting[0].item.id)

    def ready_seconds(self, now: float) -> float | None:
        """How long until one of its units may go, 0 for at once; `None` where that hangs on something else."""
        if self.out is not None or not self.left:
            return None
        place = self.pace.wait_seconds()
        if place is None or (self.waiting and not self.is_held):
            return place
        return max(place, self.later[0][0] - now) if self.later else None

    def pop(self, now: float) -> Unit:
        """The next unit: one that failed and has waited long enough, else a new one."""
        self.begun += 1
        self.pace.begin()
        if self.later and (not self.waiting or self.is_held or self.later[0][0] <= now):
            return heapq.heappop(self.later)[2]
        return self.waiting.popleft()


class Schedule:
    """Hands out units to whoever asks, at most `concurrency` at a time by the number of those who ask.

    `may_begin` is for candidates that go in step; `look_again` is to be called when it may say otherwise than before.
    """

    def __init__(
        self,
        units: Iterable[Unit],
        *,
        concurrency: int,
        adaptive: bool,
        clock: Callable[[], float],
        may_begin: MayBegin | None = None,
    ) -> None:
        self.stopped: str | None = None
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._number = count()
        self._changed = asyncio.Event()
        for unit in units:
            lane = self._lanes.get(unit.candidate.id)
            if lane is None:
                pace = Pace(concurrency, adaptive=adaptive, clock=clock)
                lane = self._lanes[unit.candidate.id] = Lane(unit.candidate, pace, may_begin)
            lane.waiting.append(unit)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return tuple(self._lanes.values())

    def lane(self, unit: Unit) -> Lane:
        return self._lanes[unit.candidate.id]

    async def take(self) -> Unit | None:
        """The next unit, as soon as one may go; `None` when there is none left, or it was stopped."""
        while self.stopped is None:
            now = self._clock()
            waits = [
                (seconds, lane) for lane in self.lanes if (seconds := lane.ready_seconds(now)) is not None
            ]
            ready = [lane for seconds, lane in waits if seconds <= 0]
            if ready:
                return min(ready, key=lambda lane: lane.begun).pop(now)
            if not waits and not any(lane.pace.under_way or lane.is_held for lane in self.lanes):
                break
            await self._wait(min((seconds for seconds, _ in waits), default=None))
        self._changed.set()  # the others who wait are told, too
        return None

    def done(self, unit: Unit) -> None:
        """It was answered."""
        lane = self.lane(unit)
        lane.failures_in_a_row = 0
        lane.has_answered = True
        self._back(lane, answered=True)

    def failed(self, unit: Unit) -> None:
        """It will not be asked again."""
        self._back(self.lane(unit))

    def again(self, unit: Unit, seconds: float, *, counts: bool = True) -> None:
        """It is to be asked once more, not before so many seconds. What never reached a provider counts as no try."""
        lane = self.lane(unit)
        unit = msgspec.structs.replace(unit, tries=unit.tries + counts)
        heapq.heappush(lane.later, (self._clock() + seconds, next(self._number), unit))
        self._back(lane)

    def put_out(self, unit: Unit, reason: str) -> None:
        """Its candidate is asked no more, for a reason that asking again would not change."""
        lane = self.lane(unit)
        lane.out = lane.out or reason
        lane.waiting.appendleft(unit)
        self._back(lane)

    def close(self, candidate: str, reason: str) -> int:
        """This candidate is asked no more; how many of its units are left. What is under way comes back."""
        lane = self._lanes.get(candidate)
        if lane is None or lane.out is not None:
            return 0
        lane.out = reason
        self._changed.set()
        return lane.left

    def look_again(self) -> None:
        """What was held may go by now."""
        self._changed.set()

    def stop(self, reason: str) -> None:
        """Nobody is asked any more; the first reason counts."""
        self.stopped = self.stopped or reason
        self._changed.set()

    def _back(self, lane: Lane, *, answered: bool = False) -> None:
        lane.pace.end(answered=answered)
        self._changed.set()

    async def _wait(self, seconds: float | None) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
