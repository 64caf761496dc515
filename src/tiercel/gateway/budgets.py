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

from tiercel.domain.errors import CallerError
from tiercel.domain.keys import NO_BUDGET, AccessKey, Budget
from tiercel.domain.money import usd_text
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

    def left(self, limit: int) -> int:
        """What may still be reserved under this limit."""
        room = limit - self.elsewhere if self.ceiling is None else min(limit, self.ceiling)
        return max(0, room - self.spent - self.reserved)


Bound: TypeAlias = tuple[Period, int]
"""A period and its limit."""


class Account:
    """What one key, or one project, spends."""

    def __init__(self, owner: str, now: float, *, shared: bool) -> None:
        self._owner = owner
        self._ceiling = 0 if shared else None
        self.day = self._day(now)
        self.month = self._month(now)

    def at(self, now: float) -> "Account":
        """Turned to the period of this moment (Unix seconds). A clock that is set back turns nothing back."""
        if now >= self.day.resets_at:
            self.day = self._day(now)
        if now >= self.month.resets_at:
            self.month = self._month(now)
        return self

    def _day(self, now: float) -> Period:
        begin, end = day_begin(now), day_end(now)
        return Period(self._owner, "day", start_at=begin, resets_at=end, ceiling=self._ceiling)

    def _month(self, now: float) -> Period:
        begin, end = month_begin(now), month_end(now)
        return Period(self._owner, "month", start_at=begin, resets_at=end, ceiling=self._ceiling)


class Allowance:
    """One request's hold on its accounts; `close` it at the request's end. See `engine/allowance.py`.

    It keeps to the periods in which the request came, also when a day ends, or the clock is set, while it is answered.
    """

    __slots__ = ("_periods", "_reserved", "bounds")

    def __init__(self, periods: tuple[Period, ...], bounds: tuple[Bound, ...]) -> None:
        self._periods = periods
        self.bounds = bounds
        self._reserved: dict[int, int] = {}

    @property
    def bounded(self) -> bool:
        """Whether there is any limit."""
        return bool(self.bounds)

    def covers(self, nano: int) -> bool:
        """Whether a call that costs this at most may be made now."""
        # a list: making a generator costs more than the comparisons
        return all([nano <= period.left(limit) for period, limit in self.bounds])

    def reserve(self, call: int, nano: int) -> None:
        """Set this aside for the call of this number."""
        self._reserved[call] = nano
        for period in self._periods:
            period.reserved += nano

    def settle(self, call: int, nano: int) -> None:
        """The call has cost this: what was set aside for it is free again."""
        reserved = self._reserved.pop(call, 0)
        spent = max(0, nano)
        for period in self._periods:
            period.reserved -= reserved
            period.spent += spent

    def close(self) -> None:
        """Give back what was set aside for calls that were never settled."""
        for call in tuple(self._reserved):
            self.settle(call, 0)

    def refusal(self, nano: int, now: float) -> CallerError:
        """Why a call that costs this at most cannot be made."""
        period, limit = next((b for b in self.bounds if nano > b[0].left(b[1])), self.bounds[0])
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
        mine = self._account(key_owner(key.id), now)
        bounds = _bounds(mine, key.budget)
        if not key.project:
            return Allowance((mine.day, mine.month), bounds)
        ours = self._account(project_owner(key.project), now)
        bounds += _bounds(ours, self._project_budget(key.project))
        return Allowance((mine.day, mine.month, ours.day, ours.month), bounds)

    def refusal(self, allowance: Allowance, nano: int) -> CallerError:
        """Why a call that costs this at most cannot be made now."""
        return allowance.refusal(nano, self._clock())

    def _account(self, owner: str, now: float) -> Account:
        account = self._accounts.get(owner)
        if account is None:
            account = self._accounts[owner] = Account(owner, now, shared=self._shared)
        return account.at(now)


def _bounds(account: Account, budget: Budget) -> tuple[Bound, ...]:
    if budget is NO_BUDGET:
        return ()
    pairs = ((account.day, budget.day_nano), (account.month, budget.month_nano))
    return tuple([(period, limit) for period, limit in pairs if limit is not None])


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
