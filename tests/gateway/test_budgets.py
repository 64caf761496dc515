"""Budgets as arithmetic: nothing is spent twice, nothing is left reserved, and no clock opens them early."""

import math
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.errors import CallerError
from tiercel.domain.keys import NO_BUDGET, AccessKey, Budget, Quota
from tiercel.domain.record import AttemptRecord
from tiercel.domain.response import Usage
from tiercel.gateway.budgets import Allowance, Budgets, day_end, month_begin, month_end
from tiercel.gateway.quotas import Quotas
from tiercel.records.spending import Spent
from tiercel.testing.clock import FrozenClock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
KEY = AccessKey(id="k", project="team", budget=Budget(day_nano=1_000))
HOUR = 3_600.0


class AnyClock:
    """A wall clock that is set, also backwards."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def budgets(project: Budget = NO_BUDGET, clock: AnyClock | FrozenClock | None = None) -> Budgets:
    return Budgets(lambda name: project if name == "team" else NO_BUDGET, clock or AnyClock())


def spend(allowance: Allowance, nano: int) -> None:
    allowance.reserve(1, nano)
    allowance.settle(ended(nano))
    allowance.close()


def ended(cost_nano: int | None, usage: Usage | None = None) -> AttemptRecord:
    """The first call of a request."""
    return AttemptRecord(
        number=1,
        why="first",
        rung="m",
        deployment="m",
        provider="p",
        model="m",
        cost_nano=cost_nano,
        usage=usage,
    )


@given(
    limit=st.integers(0, 10**6),
    requests=st.lists(st.tuples(st.integers(0, 10**5), st.integers(-(10**6), 10**5)), max_size=50),
)
def test_side_by_side_no_more_is_spent_than_allowed(limit: int, requests: list[tuple[int, int]]) -> None:
    """All reserve before any of them ends, each costs at most what it reserved, and some claim a negative cost."""
    key = AccessKey(id="k", budget=Budget(day_nano=limit))
    book = budgets()
    started = []
    for most, cost in requests:
        allowance = book.allowance(key)
        if allowance.covers(most):
            allowance.reserve(1, most)
            started.append((allowance, min(most, cost)))
    spent = sum(max(0, cost) for _, cost in started)
    for allowance, cost in started:
        allowance.settle(ended(cost))
        allowance.close()
    assert spent <= limit
    last = book.allowance(key)
    assert last.covers(limit - spent)
    assert not last.covers(limit - spent + 1)


def test_what_was_never_settled_is_free_again() -> None:
    book = budgets()
    allowance = book.allowance(KEY)
    allowance.reserve(1, 1_000)
    assert not book.allowance(KEY).covers(1)
    allowance.close()
    assert book.allowance(KEY).covers(1_000)


def test_keys_of_a_project_share_its_budget() -> None:
    book = budgets(Budget(month_nano=100))
    spend(book.allowance(AccessKey(id="a", project="team")), 60)
    other = book.allowance(AccessKey(id="b", project="team"))
    assert other.covers(40)
    assert not other.covers(41)
    assert book.allowance(AccessKey(id="c", project="else")).covers(10**12)


def test_the_day_ends_at_midnight_utc_and_the_month_goes_on() -> None:
    clock = AnyClock()
    book = budgets(clock=clock)
    key = AccessKey(id="k", budget=Budget(day_nano=100, month_nano=150))
    spend(book.allowance(key), 100)
    clock.now = day_end(NOON) - 1
    assert not book.allowance(key).covers(1)
    clock.now = day_end(NOON)
    assert book.allowance(key).covers(50)
    assert not book.allowance(key).covers(51)
    clock.now = month_end(NOON)
    assert book.allowance(key).covers(100)


def test_a_key_that_was_changed_has_its_new_budget_at_once() -> None:
    """Also the key as it was, for requests that were let in with it: each has the limits of its own."""
    book = budgets()
    less, more = KEY, msgspec.structs.replace(KEY, budget=Budget(month_nano=2_000))
    for _ in range(2):
        assert book.allowance(less).room() == 1_000
        assert book.allowance(more).room() == 2_000
    spend(book.allowance(less), 600)
    assert (book.allowance(less).room(), book.allowance(more).room()) == (400, 1_400)


def test_a_projects_budget_that_was_changed_holds_at_once() -> None:
    of_project = {"team": NO_BUDGET}
    book = Budgets(lambda name: of_project[name], AnyClock())
    for budget, room in ((NO_BUDGET, 1_000), (Budget(day_nano=70), 70), (Budget(month_nano=80), 80)):
        of_project["team"] = budget
        assert book.allowance(KEY).room() == room
    of_project["team"] = NO_BUDGET
    assert book.allowance(KEY).room() == 1_000


def test_a_key_that_moves_to_another_project_pays_from_that_one() -> None:
    of_project = {"one": Budget(day_nano=100), "other": Budget(day_nano=50)}
    book = Budgets(lambda name: of_project[name], AnyClock())
    first = AccessKey(id="k", project="one")
    spend(book.allowance(first), 30)
    assert book.allowance(AccessKey(id="k", project="other")).room() == 50
    assert book.allowance(AccessKey(id="k")).room() == math.inf
    assert book.allowance(first).room() == 70


def test_keys_of_a_project_turn_to_its_new_day_together_and_stay_there() -> None:
    """The second had asked on the old day; the first turned the project to the new one, and then the clock was set."""
    clock = AnyClock(day_end(NOON) - 1)
    book = budgets(Budget(day_nano=100), clock)
    one, other = AccessKey(id="a", project="team"), AccessKey(id="b", project="team")
    spend(book.allowance(other), 100)
    clock.now = day_end(NOON)
    spend(book.allowance(one), 60)
    clock.now -= 2 * HOUR
    assert book.allowance(other).room() == 40


def test_tokens_are_counted_as_all_calls_used_them() -> None:
    quotas = Quotas(AnyClock())
    key = AccessKey(id="k", quota=Quota(tokens_per_minute=1_000))
    allowance = budgets().allowance(key)
    allowance.tokens = quotas.count_tokens(key, 900)
    allowance.settle(ended(5, Usage(uncached=100, cached=10, visible=40)))
    allowance.settle(ended(None))
    allowance.settle(ended(0, Usage(written=50, reasoning=100)))
    allowance.close()
    with pytest.raises(CallerError, match="300 were used"):
        quotas.count_tokens(key, 701)


def test_a_clock_set_back_opens_nothing() -> None:
    clock = AnyClock(day_end(NOON) + HOUR)
    book = budgets(clock=clock)
    spend(book.allowance(KEY), 1_000)
    clock.now -= 2 * HOUR
    assert not book.allowance(KEY).covers(1)


def test_what_was_spent_while_the_clock_was_wrong_counts_too() -> None:
    clock = AnyClock(day_end(NOON) + HOUR)
    book = budgets(clock=clock)
    book.allowance(KEY)
    clock.now -= 2 * HOUR
    spend(book.allowance(KEY), 1_000)
    assert not book.allowance(KEY).covers(1)


def test_an_answer_that_ends_tomorrow_is_todays() -> None:
    clock = AnyClock(day_end(NOON) - 1)
    book = budgets(clock=clock)
    allowance = book.allowance(KEY)
    allowance.reserve(1, 900)
    clock.now = day_end(NOON) + 1
    assert book.allowance(KEY).covers(1_000)
    allowance.settle(ended(900))
    assert book.allowance(KEY).covers(1_000)


def test_a_restart_begins_with_what_was_spent() -> None:
    book = budgets(Budget(month_nano=500))
    book.restore(
        [
            Spent(owner="key:k", day_nano=400, month_nano=450),
            Spent(owner="project:team", day_nano=400, month_nano=450),
        ]
    )
    assert book.allowance(KEY).covers(50)
    assert not book.allowance(KEY).covers(51)


def test_a_free_call_goes_through_when_all_is_spent() -> None:
    book = budgets()
    spend(book.allowance(KEY), 1_000)
    assert book.allowance(KEY).covers(0)


def test_the_refusal_names_the_limit_its_end_and_what_may_help() -> None:
    book = budgets()
    spend(book.allowance(KEY), 1_000)
    spent = book.refusal(book.allowance(KEY), 5)
    assert spent.message == (
        "spend limit reached (daily; resets 2026-11-22T00:00:00Z): $0.000001 of $0.000001 spent"
    )
    assert spent.retry_after_seconds == 12 * HOUR
    assert spent.kind == "quota"


def test_where_only_others_stand_in_the_way_waiting_is_short() -> None:
    book = budgets()
    book.allowance(KEY).reserve(1, 1_000)
    refusal = book.refusal(book.allowance(KEY), 5)
    assert "set aside for requests under way" in refusal.message
    assert refusal.retry_after_seconds == 1


@pytest.mark.parametrize(
    ("moment", "begin", "end"),
    [
        ("2026-11-21T12:00:00", "2026-11-01", "2026-12-01"),
        ("2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        ("2028-02-29T00:00:00", "2028-02-01", "2028-03-01"),
    ],
)
def test_months_are_those_of_the_calendar(moment: str, begin: str, end: str) -> None:
    def unix(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    assert month_begin(unix(moment)) == unix(begin)
    assert month_end(unix(moment)) == unix(end)
