"""Requests and tokens a minute, and requests under way at once: per key, in this process alone.

A limit holds for every 60 seconds, not for calendar minutes: what happened is forgotten second by second. Tokens are
counted by estimate when a request comes and put right when its usage is known.
"""

import math
from collections import deque
from collections.abc import Callable
from types import TracebackType

from tiercel.domain.errors import CallerError
from tiercel.domain.keys import NO_QUOTA, AccessKey

WINDOW_SECONDS = 60
BUSY_RETRY_SECONDS = 1.0
"""When to come again where too many requests are under way: nobody knows when one of them ends."""


class Spell:
    """What was counted in one second."""

    __slots__ = ("amount", "second")

    def __init__(self, second: int) -> None:
        self.second = second
        self.amount = 0


class Window:
    """How much was counted in the last minute."""

    def __init__(self) -> None:
        self.total = 0
        self._spells: deque[Spell] = deque()

    def add(self, amount: int, now: float) -> Spell:
        """Count this."""
        second = int(now)
        if not self._spells or self._spells[-1].second != second:
            self._spells.append(Spell(second))
        spell = self._spells[-1]
        spell.amount += amount
        self.total += amount
        return spell

    def correct(self, spell: Spell, change: int) -> None:
        """What was counted then was more, or less. Forgotten seconds need no correction."""
        if self._spells and spell.second >= self._spells[0].second:
            spell.amount += change
            self.total += change

    def forget(self, now: float) -> None:
        """Drop what is older than the window: a second counts until all of it is."""
        spells = self._spells
        oldest = now - WINDOW_SECONDS
        while spells and spells[0].second + 1 <= oldest:
            self.total -= spells.popleft().amount

    def room_after_seconds(self, amount: int, limit: int, now: float) -> float | None:
        """When there will be room for this much under the limit; 0 for now, `None` for never."""
        if amount > limit:
            return None
        excess = self.total + amount - limit
        if excess <= 0:
            return 0.0
        for spell in self._spells:
            excess -= spell.amount
            if excess <= 0:
                return spell.second + 1 + WINDOW_SECONDS - now
        return None


class Meters:
    """What one key does at the moment."""

    def __init__(self) -> None:
        self.under_way = 0
        self.requests = Window()
        self.tokens = Window()


class Passage:
    """A request under way, counted among those of its key until it is left."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def __enter__(self) -> None:
        self._meters.under_way += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._meters.under_way -= 1


class FreePassage:
    """For those without limits."""

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


FREE = FreePassage()


class TokenCount:
    """The tokens counted for one request, to be put right at its end."""

    def __init__(self, window: Window, spell: Spell, amount: int) -> None:
        self._window = window
        self._spell = spell
        self._amount = amount

    def settle(self, used: int) -> None:
        """Count what was used instead."""
        self._window.correct(self._spell, used - self._amount)
        self._amount = used


class Quotas:
    """The limits of all keys. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._meters: dict[str, Meters] = {}

    def enter(self, key: AccessKey) -> Passage | FreePassage:
        """Count a request that has come, as under way while the result is entered. Raises `CallerError` over a limit;
        a request refused so is not counted."""
        quota = key.quota
        if quota is NO_QUOTA or (quota.requests_per_minute is None and quota.concurrent is None):
            return FREE
        meters = self._meters_of(key)
        if quota.concurrent is not None and meters.under_way >= quota.concurrent:
            raise CallerError(
                "rate_limit",
                f"this key may have {quota.concurrent} requests under way at once",
                retry_after_seconds=BUSY_RETRY_SECONDS,
            )
        if quota.requests_per_minute is not None:
            self._count(meters.requests, 1, quota.requests_per_minute, "requests")
        return Passage(meters)

    def count_tokens(self, key: AccessKey, estimated: int) -> TokenCount | None:
        """Count the tokens that a request will use; `None` for a key without such a limit. Raises `CallerError`."""
        limit = key.quota.tokens_per_minute
        if limit is None:
            return None
        window = self._meters_of(key).tokens
        spell = self._count(window, estimated, limit, "tokens")
        return TokenCount(window, spell, estimated)

    def _meters_of(self, key: AccessKey) -> Meters:
        meters = self._meters.get(key.id)
        if meters is None:
            meters = self._meters[key.id] = Meters()
        return meters

    def _count(self, window: Window, amount: int, limit: int, unit: str) -> Spell:
        now = self._clock()
        window.forget(now)
        wait_seconds = window.room_after_seconds(amount, limit, now)
        if wait_seconds == 0:
            return window.add(amount, now)
        about = f"this key may use {limit:,} {unit} a minute"
        if wait_seconds is None:
            message = f"{about}, and this request alone needs about {amount:,}"
            raise CallerError("rate_limit", message)
        used = f"{window.total:,} were used in the last one"
        raise CallerError("rate_limit", f"{about}; {used}", retry_after_seconds=math.ceil(wait_seconds))
