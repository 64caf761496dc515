"""How fast a run asks: slower after "too many", never before the time that was asked for, and fast again."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tests.evals.running.build import evaluation, items
from tiercel.evals.running.budget import Budget
from tiercel.evals.running.pacing import START, Pace
from tiercel.evals.running.run import units_of
from tiercel.evals.running.schedule import Schedule, Unit


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def answered(pace: Pace, times: int) -> None:
    for _ in range(times):
        pace.begin()
        pace.end(answered=True)


def test_it_begins_carefully_and_grows_to_what_was_asked_for() -> None:
    pace = Pace(64, adaptive=True, clock=Clock())
    assert pace.places == START
    answered(pace, 44)
    assert pace.places == 64
    answered(pace, 1)
    assert pace.places == 64


def test_too_many_leaves_four_of_five_once_for_all_that_were_under_way() -> None:
    pace = Pace(10, adaptive=True, clock=Clock())
    for _ in range(5):
        pace.slow_down(3.0)
    assert pace.places == 8


def test_nobody_goes_before_the_time_that_was_asked_for() -> None:
    clock = Clock()
    pace = Pace(10, adaptive=True, clock=clock)
    pace.slow_down(7.0)
    assert pace.wait_seconds() == 7.0
    clock.now += 7.0
    assert pace.wait_seconds() == 0.0


def test_after_that_it_grows_by_one_a_round() -> None:
    clock = Clock()
    pace = Pace(10, adaptive=True, clock=clock)
    pace.slow_down(0.0)
    answered(pace, 8)
    assert 8.8 < pace.places < 9.1


def test_it_is_never_left_without_a_place() -> None:
    clock = Clock()
    pace = Pace(4, adaptive=True, clock=clock)
    for _ in range(50):
        pace.slow_down(1.0)
        clock.now += 2.0
    assert pace.wait_seconds() == 0.0


def test_where_it_may_not_adapt_it_only_waits() -> None:
    pace = Pace(30, adaptive=False, clock=Clock())
    pace.slow_down(2.0)
    assert (pace.places, pace.wait_seconds()) == (30, 2.0)


async def test_candidates_take_turns_and_one_that_rests_holds_nobody_up() -> None:
    clock = Clock()
    schedule = Schedule(units_of(evaluation(items(2), "a", "b")), concurrency=8, adaptive=True, clock=clock)
    first = await schedule.take()
    assert first is not None
    schedule.lane(first).pace.rest(60.0)
    taken = [await schedule.take(), await schedule.take()]
    assert [first.candidate.id, *(unit.candidate.id for unit in taken if unit)] == ["a", "b", "b"]


async def test_what_failed_comes_again_and_the_schedule_ends_when_all_is_done() -> None:
    schedule = Schedule(units_of(evaluation(items(2))), concurrency=2, adaptive=True, clock=Clock())
    failed = await schedule.take()
    assert failed is not None
    schedule.again(failed, 0.0)
    seen: list[Unit] = []
    while (unit := await schedule.take()) is not None:
        seen.append(unit)
        schedule.done(unit)
    assert sorted((unit.item.id, unit.tries) for unit in seen) == [("q0", 2), ("q1", 1)]


async def test_who_waits_for_a_place_gets_it_when_one_comes_back() -> None:
    pace = Pace(1, adaptive=False, clock=asyncio.get_running_loop().time)
    order: list[str] = []

    async def go(name: str) -> None:
        async with pace.place():
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(*(go(name) for name in "abc"))
    assert order == ["a", "b", "c"]


async def test_who_finds_no_room_waits_for_what_is_under_way_to_cost_less() -> None:
    budget = Budget(100)
    assert await budget.room_for(60)
    waiting = asyncio.create_task(budget.room_for(60))
    await asyncio.sleep(0)
    assert not waiting.done()
    budget.settle(60, 30)
    assert await waiting
    budget.settle(60, 60)
    assert not await budget.room_for(60)
    assert budget.is_over


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60)), max_size=40), st.integers(0, 500))
def test_what_is_reserved_and_spent_never_exceeds_the_cap(calls: list[tuple[int, int]], cap: int) -> None:
    """As long as no call costs more than it was expected to."""
    budget = Budget(cap)
    for expected, cost in calls:
        if budget.reserve(expected):
            budget.settle(expected, min(cost, expected))
        assert budget.spent_nano <= cap
