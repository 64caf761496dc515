"""Budgets that this gateway shares with others: it spends up to ceilings agreed with them, and asks for more in time.

A request whose budget has room below its ceiling asks nobody; where room gets short, more is asked for in the
background, and only a request for which there is none waits for the answer. The more a key spends, the more is asked
for in advance, and what it does not use is given back. While the database is away ceilings hold until the lease ends.
After that keys with a budget are refused; or from the beginning they are served as if the others spent nothing more,
as the operator chose.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from tiercel.gateway.budgets import Bound, Period, room_in
from tiercel.records.slices import Grant, Settlement, SlicesAwayError, SliceStore, Wish

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
"""How long what a dead gateway held is kept from the others."""
SETTLE_SECONDS = 1.0
"""How often ceilings are looked at."""
ROOM_SECONDS = 3.0
"""How long a request waits for room at most."""
AHEAD_SECONDS = 3.0
"""For so long the room should last at the present pace."""
IDLE_SECONDS = 30.0
"""A budget that nobody asked for so long keeps nothing in advance."""
RENEWALS = 3
"""In each lease, so that two may fail."""
MARGIN = 0.8
"""The part of a lease after which this gateway takes it for over: what it asks then takes its time to fail."""

WhenAway = Literal["refuse", "serve"]


class Track:
    """One period of a budget that is asked for."""

    def __init__(self, period: Period) -> None:
        self.period = period
        self.limit = 0
        self.need = 0
        self.unit = 1
        self.asked = 0
        self.pace = 0.0
        self.asked_at = 0.0
        self.dry_at = -math.inf
        """When last there was less to be had than needed."""
        self.scarce_at = -math.inf
        """When last there was less to be had than wanted."""

    def note(self, nano: int, limit: int, now: float) -> None:
        """A request came that may cost this."""
        self.limit = limit
        self.unit = max(self.unit, nano)
        self.asked += nano
        self.asked_at = now

    def turn(self, seconds: float) -> None:
        """So much time has passed: take the pace anew. It is forgotten by halves."""
        self.pace = max(self.asked / seconds, self.pace / 2)
        self.asked = 0

    def wish(self, now: float) -> Wish:
        """What is needed now, and what would be good to have."""
        period = self.period
        pieces = (
            0 if self._is_idle(now) else math.ceil(AHEAD_SECONDS * max(self.pace, self.asked) / self.unit)
        )
        return Wish(
            owner=period.owner,
            period=period.name,
            start_at=int(period.start_at),
            end_at=int(period.resets_at),
            limit=self.limit,
            used=period.spent + period.reserved,
            need=self.need,
            ahead=pieces * self.unit,
            unit=self.unit,
        )

    def is_over(self, now: float) -> bool:
        """Whether it needs no looking after any more."""
        period = self.period
        has_more = period.ceiling is None or period.ceiling > period.spent
        return not (self.need or period.reserved or has_more) and self._is_idle(now)

    def _is_idle(self, now: float) -> bool:
        return now - self.asked_at > IDLE_SECONDS


class Slices:
    """The ceilings of this gateway. For the event loop; `clock` is monotonic seconds."""

    def __init__(
        self,
        store: SliceStore,
        *,
        when_away: WhenAway = "refuse",
        clock: Callable[[], float] = time.monotonic,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._when_away = when_away
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._tracks: dict[Period, Track] = {}
        self._wake = asyncio.Event()
        self._answered: asyncio.Future[None] | None = None
        self._renewed_at = -math.inf
        self._turned_at = clock()
        self._problem: str | None = None
        self._has_lease = False
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="slices")

    def start(self) -> None:
        """Look after the ceilings from now on."""
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="slices")

    async def close(self) -> None:
        """Stop, and give back what was not spent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._leave)
        except SlicesAwayError as error:
            log.warning("what this gateway held of budgets is free once its lease ends: %s", error)
        self._thread.shutdown(wait=False)

    def _leave(self) -> None:
        try:
            self._store.give_back()
        finally:
            self._store.close()

    @property
    def is_away(self) -> bool:
        """Whether more cannot be had at the moment because nobody answers."""
        return self._problem is not None and self._when_away == "refuse"

    async def make_room(self, bounds: Sequence[Bound], nano: int) -> None:
        """See to it that a call that costs this at most may be made, where it can be. Waits only for want of room."""
        now = self._clock()
        short = []
        for bound in bounds:
            period, limit = bound
            track = self._tracks.get(period)
            if track is None:
                track = self._tracks[period] = Track(period)
            track.note(nano, limit, now)
            room = room_in((bound,))
            if room < nano:
                if now - track.dry_at >= SETTLE_SECONDS:
                    short.append(track)
            elif room < 2 * nano and now - track.scarce_at >= SETTLE_SECONDS:
                self._wake.set()
        if short and self._problem is None:
            await self._wait_for_room(short, nano)

    async def _wait_for_room(self, short: list[Track], nano: int) -> None:
        for track in short:
            track.need += nano
        if self._answered is None:
            self._answered = asyncio.get_running_loop().create_future()
        self._wake.set()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROOM_SECONDS):
                    await asyncio.shield(self._answered)
        finally:
            for track in short:
                track.need -= nano

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            await self._settle()

    async def _settle(self) -> None:
        now = self._clock()
        if now - self._turned_at >= SETTLE_SECONDS:
            for track in self._tracks.values():
                track.turn(now - self._turned_at)
            self._turned_at = now
        self._tracks = {period: track for period, track in self._tracks.items() if not track.is_over(now)}
        wishes = self._wishes(now)
        answered, self._answered = self._answered, None
        if wishes or now - self._renewed_at >= self._lease_seconds / RENEWALS:
            await self._ask(wishes, now)
        if answered is not None:
            answered.set_result(None)

    def _wishes(self, now: float) -> dict[Track, Wish]:
        """Where something is to be changed. What is not wanted any more is given up here before it is told."""
        wishes = {}
        for track in self._tracks.values():
            wish = track.wish(now)
            ceiling = track.period.ceiling
            if ceiling != wish.target:
                wishes[track] = wish
                if ceiling is not None:
                    track.period.ceiling = min(ceiling, wish.target)
        return wishes

    async def _ask(self, wishes: dict[Track, Wish], now: float) -> None:
        try:
            loop = asyncio.get_running_loop()
            settlement = await loop.run_in_executor(self._thread, self._store.settle, tuple(wishes.values()))
        except SlicesAwayError as error:
            self._failed(error)
            return
        self._renewed_at = now
        self._apply(wishes, settlement, now)
        if self._problem is not None:
            self._problem = None
            log.warning("shared budgets are agreed with the database again")

    def _apply(self, wishes: dict[Track, Wish], settlement: Settlement, now: float) -> None:
        if settlement.lapsed or not self._has_lease:
            for track in self._tracks.values():
                track.period.ceiling = 0
        self._has_lease = True
        for (track, wish), grant in zip(wishes.items(), settlement.grants, strict=True):
            _take(track.period, grant)
            if grant.ceiling < wish.target:
                track.scarce_at = now
            if grant.ceiling < wish.used + wish.need:
                track.dry_at = now
        if settlement.lapsed:
            self._wake.set()  # those that were not asked for now are void too

    def _failed(self, error: SlicesAwayError) -> None:
        if self._problem is None and self._renewed_at > -math.inf:
            log.error("shared budgets cannot be agreed with the database: %s", error)
        elif self._problem is None:  # a new database has no tables until the first record is taken in
            log.info("shared budgets are not agreed with the database yet: %s", error)
        self._problem = str(error)
        if self._when_away == "serve":
            self._void(None)
        elif self._clock() - self._renewed_at >= MARGIN * self._lease_seconds:
            self._void(0)

    def _void(self, ceiling: int | None) -> None:
        if self._has_lease:
            log.error("keys with a shared budget are %s", WORDS[self._when_away])
        self._has_lease = False
        for track in self._tracks.values():
            track.period.ceiling = ceiling


WORDS = {
    "refuse": "refused until the database answers ([storage] when_budgets_unknown)",
    "serve": "served without knowing what other gateways spend ([storage] when_budgets_unknown)",
}


def _take(period: Period, grant: Grant) -> None:
    period.ceiling = grant.ceiling
    period.spent = max(period.spent, grant.spent)
    period.elsewhere = grant.elsewhere
    period.elsewhere_spent = grant.elsewhere_spent
