"""Requests and tokens a minute, and requests under way at once: per key, in this process alone.

A limit holds for every 60 seconds, not for calendar minutes: what happened is forgotten second by second. Tokens are
counted by estimate when a request comes and put right when its usage is known.
"""

import math
from collections import deque
from collections.abc import Callable

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.keys import AccessKey

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
        self.spells: deque[Spell] = deque()

    def take(self, amount: int, limit: int, now: float) -> Spell | None:
        """Count this where the limit has room for it, after what is older than the window was dropped: a second counts
        until all of it is. `None` where there is no room."""
        spells = self.spells
        oldest = now - WINDOW_SECONDS
        while spells and spells[0].second + 1 <= oldest:
            self.total -= spells.popleft().amount
        if self.total + amount > limit:
            return None
        second = int(now)
        if not spells or spells[-1].second != second:
            spells.append(Spell(second))
        spell = spells[-1]
        spell.amount += amount
        self.total += amount
        return spell

    def room_after_seconds(self, amount: int, limit: int, now: float) -> float | None:
        """When there will be room for this, which could not be taken now; `None` for never."""
        if amount > limit:
            return None
        excess = self.total + amount - limit
        for spell in self.spells:
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

    def leave(self) -> None:
        """A request that had entered has ended."""
        self.under_way -= 1


class TokenCount(msgspec.Struct, eq=False):
    """The tokens counted for one request, to be put right at its end."""

    window: Window
    spell: Spell
    amount: int

    def settle(self, used: int) -> None:
        """Count what was used instead. Forgotten seconds need no correction."""
        spells = self.window.spells
        if spells and self.spell.second >= spells[0].second:
            self.spell.amount += used - self.amount
            self.window.total += used - self.amount
        self.amount = used


class Quotas:
    """The limits of all keys. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._meters: dict[str, Meters] = {}

    def enter(self, key: AccessKey) -> Meters:
        """Count a request that has come, as under way until it leaves what this returns. Raises `CallerError` over a
        limit; a request refused so is not counted."""
        quota = key.quota
        meters = self._meters.get(key.id) or self._new_meters(key)
        if quota.concurrent is not None and meters.under_way >= quota.concurrent:
            raise CallerError(
                "rate_limit",
                f"this key may have {quota.concurrent} requests under way at once",
                retry_after_seconds=BUSY_RETRY_SECONDS,
            )
        if quota.requests_per_minute is not None:
            now = self._clock()
            if meters.requests.take(1, quota.requests_per_minute, now) is None:
                raise _refusal(meters.requests, 1, quota.requests_per_minute, "requests", now)
        meters.under_way += 1
        return meters

    def count_tokens(self, key: AccessKey, estimated: int) -> TokenCount | None:
        """Count the tokens that a request will use; `None` for a key without such a limit. Raises `CallerError`."""
        limit = key.quota.tokens_per_minute
        if limit is None:
            return None
        window = (self._meters.get(key.id) or self._new_meters(key)).tokens
        now = self._clock()
        spell = window.take(estimated, limit, now)
        if spell is None:
            raise _refusal(window, estimated, limit, "tokens", now)
        return TokenCount(window, spell, estimated)

    def _new_meters(self, key: AccessKey) -> Meters:
        meters = self._meters[key.id] = Meters()
        return meters


def _refusal(window: Window, amount: int, limit: int, unit: str, now: float) -> CallerError:
    """Why this much could not be taken."""
    wait_seconds = window.room_after_seconds(amount, limit, now)
    about = f"this key may use {limit:,} {unit} a minute"
    if wait_seconds is None:
        message = f"{about}, and this request alone needs about {amount:,}"
        return CallerError("rate_limit", message)
    used = f"{window.total:,} were used in the last one"
    return CallerError("rate_limit", f"{about}; {used}", retry_after_seconds=math.ceil(wait_seconds))
