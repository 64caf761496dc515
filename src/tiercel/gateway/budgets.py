"""Dollars a day and a month, per key and per project: reserved before each call, settled after it.

What a call may cost at most is set aside before it is made, so requests that run side by side cannot overspend
together. Reservations live in memory alone: a crash leaves none behind. What was spent is counted by the UTC day and
month in which a request came, as records are, from which it is read again at the next start.

Where several gateways share a budget, each spends up to a ceiling that `slices.py` has agreed with the others; then
`spent` is what came through this one alone.
"""

import math
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.keys import NO_BUDGET, AccessKey, Budget
from tiercel.domain.money import usd_text
from tiercel.domain.record import AttemptRecord
from tiercel.gateway.quotas import TokenCount
from tiercel.records.owners import DAY_SECONDS, key_owner, project_owner
from tiercel.records.spending import Span, Spent

RESERVED_RETRY_SECONDS = 1.0
"""When to come again where only the reservations of requests under way stand in the way."""
PeriodName = Literal["day", "month"]
CALLED = {"day": "daily", "month": "monthly"}


class Period:
    """One day or month of one key or project. `ceiling` is up to what this gateway may spend without asking the others
    that share the budget, `None` where it is alone; `elsewhere` is what the others have spent, or may."""

    __slots__ = (
        "ceiling",
        "elsewhere",
        "elsewhere_spent",
        "name",
        "owner",
        "reserved",
        "resets_at",
        "spent",
        "start_at",
    )

    def __init__(
        self, owner: str, name: PeriodName, *, start_at: float, resets_at: float, ceiling: int | None
    ) -> None:
        self.owner = owner
        self.name: PeriodName = name
        self.start_at = start_at
        self.resets_at = resets_at
        self.spent = 0
        self.reserved = 0
        self.ceiling = ceiling
        self.elsewhere = 0
        self.elsewhere_spent = 0


Bound: TypeAlias = tuple[Period, int]
"""A period and its limit."""


def room_in(bounds: Iterable[Bound]) -> float:
    """The most that one more call may cost under each of these; infinite where there are none.

    What costs nothing has room also where too much was spent.
    """
    least = math.inf
    for period, limit in bounds:
        room = limit - period.elsewhere if period.ceiling is None else min(limit, period.ceiling)
        room -= period.spent + period.reserved
        if room < least:
            least = room
    return max(0, least)


class Account:
    """What one key, or one project, spends."""

    def __init__(self, owner: str, now: float, *, shared: bool) -> None:
        self._owner = owner
        self._ceiling = 0 if shared else None
        self.day = self._day(now)
        self.month = self._month(now)

    def turn(self, now: float) -> bool:
        """Turn to the period of this moment (Unix seconds); whether one has ended. A clock that is set back turns
        nothing back."""
        day_ends, month_ends = now >= self.day.resets_at, now >= self.month.resets_at
        if day_ends:
            self.day = self._day(now)
        if month_ends:
            self.month = self._month(now)
        return day_ends or month_ends

    def _day(self, now: float) -> Period:
        begin, end = day_begin(now), day_end(now)
        return Period(self._owner, "day", start_at=begin, resets_at=end, ceiling=self._ceiling)

    def _month(self, now: float) -> Period:
        begin, end = month_begin(now), month_end(now)
        return Period(self._owner, "month", start_at=begin, resets_at=end, ceiling=self._ceiling)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On which terms a key spends: from which periods, and up to which limits.

    They hold for this very `key` and budget of its project, up to `end_at` (Unix seconds), when a period ends.
    """

    key: AccessKey
    project_budget: Budget
    periods: tuple[Period, ...]
    bounds: tuple[Bound, ...]
    end_at: float


class Allowance(msgspec.Struct, eq=False):
    """One request's hold on what its key spends; `close` it at the request's end. See `engine/allowance.py`.

    It keeps to the periods in which the request came, also when a day ends, or the clock is set, while it is answered.
    """

    periods: tuple[Period, ...]
    bounds: tuple[Bound, ...]
    most: tuple[int, ...] = ()
    """What a call of each rung of its plan costs at most; empty where nothing is bounded."""
    tokens: TokenCount | None = None
    """Counted for it, where its key has a limit of tokens."""
    used: int = 0
    reserved: dict[int, int] = {}
    """By the number of the call."""

    def room(self) -> float:
        """The most that a call may cost now; infinite where there is no limit."""
        return room_in(self.bounds)

    def covers(self, nano: int) -> bool:
        """Whether a call that costs this at most may be made now."""
        return nano <= room_in(self.bounds)

    def reserve(self, call: int, nano: int) -> None:
        """Set this aside for the call of this number."""
        self.reserved[call] = nano
        for period in self.periods:
            period.reserved += nano

    def settle(self, record: AttemptRecord) -> None:
        """A call has ended: count what it cost and used, and free what was set aside for it."""
        reserved = self.reserved.pop(record.number, 0)
        spent = max(0, record.cost_nano or 0)
        for period in self.periods:
            period.reserved -= reserved
            period.spent += spent
        usage = record.usage
        if self.tokens is not None and usage is not None:
            self.used += usage.uncached + usage.cached + usage.written + usage.visible + usage.reasoning

    def close(self) -> None:
        """Give back what was set aside for calls that were never settled, and put right the count of tokens."""
        while self.reserved:
            _, nano = self.reserved.popitem()
            for period in self.periods:
                period.reserved -= nano
        if self.tokens is not None:
            self.tokens.settle(self.used)

    def refusal(self, nano: int, now: float) -> CallerError:
        """Why a call that costs this at most cannot be made."""
        period, limit = next((b for b in self.bounds if nano > room_in((b,))), self.bounds[0])
        spent_nano = period.spent + period.elsewhere_spent
        reserved_nano = period.reserved + period.elsewhere - period.elsewhere_spent
        resets = datetime.fromtimestamp(period.resets_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        spent = f"${usd_text(spent_nano)} of ${usd_text(limit)} spent"
        if reserved_nano:
            spent += f", ${usd_text(reserved_nano)} set aside for requests under way"
        message = f"spend limit reached ({CALLED[period.name]}; resets {resets}): {spent}"
        waits_for_others = spent_nano + nano <= limit
        if spent_nano < limit:
            message += (
                f"; this request may cost up to ${usd_text(nano)}, and a lower max_tokens may let it through"
            )
        after_seconds = RESERVED_RETRY_SECONDS if waits_for_others else period.resets_at - now
        return CallerError("quota", message, retry_after_seconds=math.ceil(max(1.0, after_seconds)))


class Budgets:
    """All accounts. `clock` is Unix seconds; `project_budget` tells what the keys of a project may spend together.

    With `shared` nothing may be spent of a budget before a ceiling was agreed.
    """

    def __init__(
        self,
        project_budget: Callable[[str], Budget],
        clock: Callable[[], float] = time.time,
        *,
        shared: bool = False,
    ) -> None:
        self._project_budget = project_budget
        self._clock = clock
        self._shared = shared
        self._accounts: dict[str, Account] = {}
        self._terms: dict[str, Terms] = {}
        self.complete = True
        """Whether what was spent before this process started is known."""

    def span(self) -> Span:
        """The present day and month."""
        now = self._clock()
        return Span(day=day_begin(now), month=month_begin(now))

    def restore(self, spent: Iterable[Spent]) -> None:
        """Begin with what was spent before. What was counted here meanwhile is in it as far as it was recorded."""
        self.complete = True
        now = self._clock()
        for one in spent:
            account = self._account(one.owner, now)
            account.day.spent = max(account.day.spent, one.day_nano)
            account.month.spent = max(account.month.spent, one.month_nano)

    def allowance(self, key: AccessKey) -> Allowance:
        """What this key's next request may spend."""
        now = self._clock()
        project_budget = self._project_budget(key.project) if key.project else NO_BUDGET
        terms = self._terms.get(key.id)
        if (
            terms is None
            or terms.key is not key
            or terms.project_budget is not project_budget
            or now >= terms.end_at
        ):
            terms = self._new_terms(key, project_budget, now)
        return Allowance(terms.periods, terms.bounds)

    def refusal(self, allowance: Allowance, nano: int) -> CallerError:
        """Why a call that costs this at most cannot be made now."""
        return allowance.refusal(nano, self._clock())

    def _new_terms(self, key: AccessKey, project_budget: Budget, now: float) -> Terms:
        mine = self._account(key_owner(key.id), now)
        periods = [mine.day, mine.month]
        bounds = _bounds(mine, key.budget)
        if key.project:
            ours = self._account(project_owner(key.project), now)
            periods += [ours.day, ours.month]
            bounds += _bounds(ours, project_budget)
        terms = self._terms[key.id] = Terms(
            key=key,
            project_budget=project_budget,
            periods=tuple(periods),
            bounds=tuple(bounds),
            end_at=min([period.resets_at for period in periods]),
        )
        return terms

    def _account(self, owner: str, now: float) -> Account:
        account = self._accounts.get(owner)
        if account is None:
            account = self._accounts[owner] = Account(owner, now, shared=self._shared)
        elif account.turn(now):
            self._terms.clear()  # other keys of its project may stand in the period that has ended
        return account


def _bounds(account: Account, budget: Budget) -> list[Bound]:
    pairs = ((account.day, budget.day_nano), (account.month, budget.month_nano))
    return [(period, limit) for period, limit in pairs if limit is not None]


def day_begin(now: float) -> float:
    """When the UTC day of this moment began, in Unix seconds."""
    return now // DAY_SECONDS * DAY_SECONDS


def day_end(now: float) -> float:
    """When the UTC day of this moment ends."""
    return day_begin(now) + DAY_SECONDS


def month_begin(now: float) -> float:
    """When the UTC month of this moment began."""
    at = datetime.fromtimestamp(now, UTC)
    return datetime(at.year, at.month, 1, tzinfo=UTC).timestamp()


def month_end(now: float) -> float:
    """When the UTC month of this moment ends."""
    at = datetime.fromtimestamp(now, UTC)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return datetime(year, month, 1, tzinfo=UTC).timestamp()
