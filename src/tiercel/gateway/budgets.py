"""Dollars a day and a month, per key and per project: reserved before each call, settled after it.

What a call may cost at most is set aside before it is made, so requests that run side by side cannot overspend
together. Reservations live in memory alone: a crash leaves none behind. What was spent is counted by the UTC day and
month in which a request came, as records are, from which it is read again at the next start.
"""

import math
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from tiercel.domain.errors import CallerError
from tiercel.domain.keys import NO_BUDGET, AccessKey, Budget
from tiercel.domain.money import usd_text
from tiercel.records.spending import Span, Spent

DAY_SECONDS = 86_400
RESERVED_RETRY_SECONDS = 1.0
"""When to come again where only the reservations of requests under way stand in the way."""


class Period:
    """One day or month of one key or project."""

    __slots__ = ("name", "reserved", "resets_at", "spent")

    def __init__(self, name: str, resets_at: float) -> None:
        self.name = name
        self.resets_at = resets_at
        self.spent = 0
        self.reserved = 0

    def left(self, limit: int) -> int:
        """What may still be reserved under this limit."""
        return max(0, limit - self.spent - self.reserved)


class Account:
    """What one key, or one project, spends."""

    def __init__(self) -> None:
        self.day = Period("daily", 0.0)
        self.month = Period("monthly", 0.0)

    def at(self, now: float) -> "Account":
        """Turned to the period of this moment (Unix seconds). A clock that is set back turns nothing back."""
        if now >= self.day.resets_at:
            self.day = Period("daily", day_end(now))
        if now >= self.month.resets_at:
            self.month = Period("monthly", month_end(now))
        return self


class Allowance:
    """One request's hold on its accounts; `close` it at the request's end. See `engine/allowance.py`.

    It keeps to the periods in which the request came, also when a day ends, or the clock is set, while it is answered.
    """

    __slots__ = ("_bounds", "_periods", "_reserved")

    def __init__(self, periods: tuple[Period, ...], bounds: tuple[tuple[Period, int], ...]) -> None:
        self._periods = periods
        self._bounds = bounds
        self._reserved: dict[int, int] = {}

    @property
    def bounded(self) -> bool:
        """Whether there is any limit."""
        return bool(self._bounds)

    def covers(self, nano: int) -> bool:
        """Whether a call that costs this at most may be made now."""
        # a list: making a generator costs more than the comparisons
        return all([nano <= period.left(limit) for period, limit in self._bounds])

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
        period, limit = next((b for b in self._bounds if nano > b[0].left(b[1])), self._bounds[0])
        resets = datetime.fromtimestamp(period.resets_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        spent = f"${usd_text(period.spent)} of ${usd_text(limit)} spent"
        if period.reserved:
            spent += f", ${usd_text(period.reserved)} set aside for requests under way"
        message = f"spend limit reached ({period.name}; resets {resets}): {spent}"
        waits_for_others = period.spent + nano <= limit
        if period.spent < limit:
            message += (
                f"; this request may cost up to ${usd_text(nano)}, and a lower max_tokens may let it through"
            )
        after_seconds = RESERVED_RETRY_SECONDS if waits_for_others else period.resets_at - now
        return CallerError("quota", message, retry_after_seconds=math.ceil(max(1.0, after_seconds)))


class Budgets:
    """All accounts. `clock` is Unix seconds; `project_budget` tells what the keys of a project may spend together."""

    def __init__(
        self, project_budget: Callable[[str], Budget], clock: Callable[[], float] = time.time
    ) -> None:
        self._project_budget = project_budget
        self._clock = clock
        self._keys: dict[str, Account] = {}
        self._projects: dict[str, Account] = {}
        self.complete = True
        """Whether what was spent before this process started is known."""

    def span(self, before: float) -> Span:
        """The present day and month, until this moment."""
        now = self._clock()
        return Span(day=day_begin(now), month=month_begin(now), before=before)

    def restore(self, spent: Iterable[Spent]) -> None:
        """Begin with what was spent before this process started."""
        self.complete = True
        now = self._clock()
        for one in spent:
            for account in self._accounts(one.key_id, one.project):
                account.at(now).day.spent += one.day_nano
                account.month.spent += one.month_nano

    def allowance(self, key: AccessKey) -> Allowance:
        """What this key's next request may spend."""
        now = self._clock()
        mine = _account(self._keys, key.id).at(now)
        bounds = _bounds(mine, key.budget)
        if not key.project:
            return Allowance((mine.day, mine.month), bounds)
        ours = _account(self._projects, key.project).at(now)
        bounds += _bounds(ours, self._project_budget(key.project))
        return Allowance((mine.day, mine.month, ours.day, ours.month), bounds)

    def refusal(self, allowance: Allowance, nano: int) -> CallerError:
        """Why a call that costs this at most cannot be made now."""
        return allowance.refusal(nano, self._clock())

    def _accounts(self, key_id: str, project: str) -> list[Account]:
        accounts = []
        if key_id:
            accounts.append(_account(self._keys, key_id))
        if project:
            accounts.append(_account(self._projects, project))
        return accounts


def _account(accounts: dict[str, Account], name: str) -> Account:
    account = accounts.get(name)
    if account is None:
        account = accounts[name] = Account()
    return account


def _bounds(account: Account, budget: Budget) -> tuple[tuple[Period, int], ...]:
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
