"""A gateway's part of shared budgets, with a real PostgreSQL: who waits, who does not, and what is given back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.records.place import Place
from tests.records.postgres_server import PostgresServer, postgres_server, reason_for_none
from tiercel.domain.keys import NO_BUDGET, AccessKey, Budget
from tiercel.domain.record import AttemptRecord
from tiercel.domain.secret import Secret
from tiercel.gateway.budgets import Budgets, month_begin, month_end
from tiercel.gateway.slices import IDLE_SECONDS, Slices, WhenAway
from tiercel.records.slices import SliceStore
from tiercel.testing.clock import FrozenClock

pytestmark = pytest.mark.skipif(reason_for_none() is not None, reason=str(reason_for_none()))

LIMIT = 1_000
KEY = AccessKey(id="k", budget=Budget(day_nano=LIMIT, month_nano=LIMIT))
WAIT_SECONDS = 30.0
NOW = datetime.now(UTC).timestamp()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def url(server: PostgresServer, tmp_path: Path) -> Secret:
    made = server.new_database()
    Place(tmp_path, made).store().close()
    return made


class Side:
    """One gateway's budgets and slices; `clock` is the monotonic one that its slices know."""

    def __init__(self, url: Secret, name: str, when_away: WhenAway, lease_seconds: float) -> None:
        self.clock = FrozenClock(0.0)
        self.budgets = Budgets(lambda project: NO_BUDGET, lambda: NOW, shared=True)
        store = SliceStore(url, name, lease_seconds=lease_seconds)
        self.slices = Slices(store, when_away=when_away, clock=self.clock, lease_seconds=lease_seconds)

    async def take(self, nano: int) -> bool:
        """Whether a request that costs this may be made; then it is, and costs it."""
        allowance = self.budgets.allowance(KEY)
        await self.slices.make_room(allowance.bounds, nano)
        if not allowance.covers(nano):
            return False
        allowance.reserve(1, nano)
        allowance.settle(
            AttemptRecord(
                number=1, why="first", rung="m", deployment="m", provider="p", model="m", cost_nano=nano
            )
        )
        return True

    def take_at_once(self, nano: int) -> bool:
        """The same of one that asks nobody."""
        taking = self.take(nano)
        try:
            taking.send(None)
        except StopIteration as answer:
            return bool(answer.value)
        taking.close()
        raise AssertionError("it waits")

    async def becomes(self, condition: Callable[[], bool]) -> None:
        """Lets a second pass on its clock again and again, until this holds."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():
                self.clock.advance(1.0)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def side(
    url: Secret, name: str, when_away: WhenAway = "refuse", lease_seconds: float = 600.0
) -> AsyncIterator[Side]:
    made = Side(url, name, when_away, lease_seconds)
    made.slices.start()
    try:
        yield made
    finally:
        await made.slices.close()


def test_before_anything_was_agreed_nothing_may_be_spent() -> None:
    allowance = Budgets(lambda project: NO_BUDGET, shared=True).allowance(KEY)
    assert not allowance.covers(1)
    assert allowance.covers(0)


async def test_a_request_waits_only_where_there_is_no_room(url: Secret) -> None:
    """The first one does; those after it find what was asked for in advance."""
    async with side(url, "a") as one:
        assert await one.take(10)
        assert all([one.take_at_once(10) for _ in range(3)])


async def test_two_take_turns_and_spend_the_whole_budget_and_no_more(url: Secret) -> None:
    async with side(url, "a") as one, side(url, "b") as other:
        taken = 0
        async with asyncio.timeout(WAIT_SECONDS):
            while taken < LIMIT:
                for who in (one, other):
                    taken += 100 * await who.take(100)
                    # who finds too little looks again a second later
                    who.clock.advance(1.0)
                await asyncio.sleep(0.05)
        assert taken == LIMIT
        for who in (one, other):
            who.clock.advance(2.0)
            assert not await who.take(1)


async def test_what_is_not_used_is_given_back_in_time(url: Secret) -> None:
    async with side(url, "a") as one, side(url, "b") as other:
        assert await one.take(100)
        one.clock.advance(IDLE_SECONDS + 1.0)
        async with asyncio.timeout(WAIT_SECONDS):
            while not await other.take(LIMIT - 100):
                other.clock.advance(1.0)
                one.clock.advance(1.0)
                await asyncio.sleep(0.05)


async def test_a_spent_budget_costs_the_database_one_question_a_second_at_most(url: Secret) -> None:
    async with side(url, "a") as one:
        assert await one.take(LIMIT)
        assert not await one.take(1)
        assert not any([one.take_at_once(1) for _ in range(100)])


async def test_one_that_leaves_gives_back_at_once(url: Secret) -> None:
    async with side(url, "b") as other:
        async with side(url, "a") as one:
            assert await one.take(1)
            allowance = one.budgets.allowance(KEY)
            await one.slices.make_room(allowance.bounds, LIMIT - 1)
            assert not await other.take(LIMIT)
        other.clock.advance(2.0)
        assert await other.take(LIMIT)


async def test_while_the_database_is_frozen_what_was_agreed_holds_and_nobody_waits_for_more(
    server: PostgresServer, url: Secret
) -> None:
    async with side(url, "a") as one:
        assert await one.take(10)
        server.freeze()
        try:
            assert all([one.take_at_once(10) for _ in range(3)])
            await one.becomes(lambda: one.slices.is_away)
            assert not one.take_at_once(LIMIT - 40)
        finally:
            server.thaw()
        await one.becomes(lambda: not one.slices.is_away)
        async with asyncio.timeout(WAIT_SECONDS):
            while not await one.take(LIMIT - 40):
                one.clock.advance(1.0)
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(("when_away", "served"), [("refuse", False), ("serve", True)])
async def test_when_its_lease_has_run_out_the_operators_word_holds(
    server: PostgresServer, url: Secret, when_away: WhenAway, served: bool
) -> None:
    async with side(url, "a", when_away, lease_seconds=20.0) as one:
        assert await one.take(10)
        await one.becomes(lambda: one.budgets.allowance(KEY).covers(10))
        server.stop()
        try:
            await one.becomes(lambda: one.budgets.allowance(KEY).covers(LIMIT - 10) is served)
            one.clock.advance(20.0)
            await one.becomes(lambda: one.budgets.allowance(KEY).covers(10) is served)
        finally:
            server.start()
        async with asyncio.timeout(WAIT_SECONDS):
            while not await one.take(10):
                one.clock.advance(1.0)
                await asyncio.sleep(0.05)
        assert not one.budgets.allowance(KEY).covers(LIMIT)


def test_the_month_that_is_agreed_on_is_the_calendars() -> None:
    (_, _), (month, limit) = Budgets(lambda p: NO_BUDGET, lambda: NOW, shared=True).allowance(KEY).bounds
    assert (month.start_at, month.resets_at, limit) == (month_begin(NOW), month_end(NOW), LIMIT)
