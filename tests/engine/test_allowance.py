"""What a call may cost at most, and which rungs a budget still covers."""

import pytest
from msgspec.structs import replace

from tiercel.domain.catalog import Capabilities, Deployment, Model, Prices, Provider
from tiercel.domain.climb import Aside, Attempt, Call, Plan, Rung
from tiercel.domain.facts import Facts
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Advisor
from tiercel.domain.record import AttemptRecord
from tiercel.domain.response import Usage
from tiercel.domain.tokens import TokenEstimate
from tiercel.engine.allowance import covers_advice, reserve_for, unaffordable
from tiercel.routing.cost import CORRECTION_TOKENS, most_nano

INPUT, OUTPUT = 1_000, 5_000
"""Nano-dollars a token."""
PRICES = Prices(input=INPUT * 10**6, output=OUTPUT * 10**6)
FACTS = Facts(size=TokenEstimate(100))
SIZE = FACTS.size.upper


def rung(
    *, prices: Prices = PRICES, max_output: int | None = 1_000, asked: int | None = None, name: str = "m"
) -> Rung:
    model = Model(name=name, capabilities=Capabilities(max_output=max_output), prices=prices)
    provider = Provider(name="p", format="openai_chat", base_url="http://p")
    deployment = Deployment(name=name, model=model, provider=provider, upstream_name=name)
    return Rung(deployment=deployment, stage=0, max_output_tokens=asked)


class Purse:
    """So much and no more."""

    def __init__(self, nano: int, plan: Plan) -> None:
        self.nano = nano
        self.most = tuple(most_nano(rung, plan.facts) or 0 for rung in plan.rungs)

    def room(self) -> int:
        return self.nano

    def covers(self, nano: int) -> bool:
        return nano <= self.nano

    def reserve(self, call: int, nano: int) -> None:
        self.nano -= nano

    def settle(self, record: AttemptRecord) -> None:
        self.nano -= record.cost_nano or 0


@pytest.mark.parametrize(
    ("one", "most"),
    [
        (rung(), SIZE * INPUT + 1_000 * OUTPUT),
        (rung(asked=50), SIZE * INPUT + 50 * OUTPUT),
        (rung(asked=50, max_output=None), SIZE * INPUT + 50 * OUTPUT),
        (rung(asked=9_999), SIZE * INPUT + 1_000 * OUTPUT),
        (rung(max_output=None), None),
        (rung(prices=Prices()), None),
        (rung(prices=Prices(input=0, output=0)), 0),
        (
            rung(
                prices=Prices(input=INPUT * 10**6, output=OUTPUT * 10**6, cache_write=2 * INPUT * 10**6),
                asked=1,
            ),
            SIZE * 2 * INPUT + OUTPUT,
        ),
        (
            rung(prices=Prices(input=INPUT * 10**6, output=0, cached_input=1, cache_write=1), asked=1),
            SIZE * INPUT,
        ),
    ],
)
def test_the_most_is_the_whole_input_at_its_dearest_and_the_longest_answer(
    one: Rung, most: int | None
) -> None:
    assert most_nano(one, FACTS) == most


@pytest.mark.parametrize(
    ("long_from", "long", "most"),
    [
        (SIZE, Prices(), SIZE * INPUT + 50 * OUTPUT),
        (SIZE - 1, Prices(input=2 * INPUT * 10**6, output=OUTPUT * 10**6), SIZE * 2 * INPUT + 50 * OUTPUT),
        (SIZE - 1, Prices(input=0, output=0), SIZE * INPUT + 50 * OUTPUT),
        (SIZE - 1, Prices(), None),
    ],
)
def test_a_long_input_may_cost_what_long_ones_cost(long_from: int, long: Prices, most: int | None) -> None:
    """It is estimated upwards, so that the plain prices, where they are dearer, may be those that are billed."""
    prices = replace(PRICES, long_from=long_from, long=long)
    assert most_nano(rung(prices=prices, asked=50), FACTS) == most


def test_several_answers_cost_several_times() -> None:
    facts = Facts(size=TokenEstimate(100), choices=3)
    assert most_nano(rung(asked=50), facts) == SIZE * INPUT + 3 * 50 * OUTPUT


def test_more_room_and_an_answer_shown_again_are_reckoned_with() -> None:
    one = rung(asked=50)
    assert most_nano(one, FACTS, boost=4) == SIZE * INPUT + 200 * OUTPUT
    assert most_nano(one, FACTS, boost=100) == SIZE * INPUT + 1_000 * OUTPUT
    again = (SIZE + 50 + CORRECTION_TOKENS) * INPUT + 50 * OUTPUT
    assert most_nano(one, FACTS, answers_shown=1) == again


@pytest.mark.parametrize(
    "usage",
    [
        Usage(uncached=SIZE, visible=50),
        Usage(cached=SIZE, reasoning=50),
        Usage(written=SIZE, visible=25, reasoning=25),
        Usage(uncached=SIZE // 2, written=SIZE // 2, visible=1),
    ],
)
def test_no_usage_within_the_estimate_costs_more_than_the_most(usage: Usage) -> None:
    prices = Prices(input=INPUT * 10**6, output=OUTPUT * 10**6, cached_input=10**8, cache_write=1_250 * 10**6)
    most, cost = most_nano(rung(prices=prices, asked=50), FACTS), prices.cost(usage)
    assert most is not None
    assert cost is not None
    assert cost <= most


def test_rungs_that_cost_too_much_are_closed() -> None:
    rungs = (rung(asked=10), rung(asked=1_000, name="long"))
    plan = Plan(facts=FACTS, rule="r", stages=("s",), rungs=rungs)
    enough = most_nano(rungs[0], FACTS) or 0
    assert unaffordable(plan, (), Purse(enough, plan)) == {1}
    assert unaffordable(plan, (), Purse(enough - 1, plan)) == {0, 1}
    assert unaffordable(plan, (), Purse(10**9, plan)) == frozenset()


def test_a_retry_with_more_room_must_be_covered_whole() -> None:
    plan = Plan(facts=FACTS, rule="r", stages=("s",), rungs=(rung(asked=50),))
    failure = Failure(kind="empty_length", message="thinking took it all")
    attempts = (Attempt(call=Call(number=1, rung=0, why="first"), state="failed", failure=failure),)
    most = most_nano(plan.rungs[0], FACTS, boost=4, answers_shown=1) or 0
    assert unaffordable(plan, attempts, Purse(most - 1, plan)) == {0}
    assert unaffordable(plan, attempts, Purse(most, plan)) == frozenset()


def test_a_judge_that_was_asked_meanwhile_changes_nothing_for_the_rung_that_answered() -> None:
    plan = Plan(
        facts=FACTS, rule="r", stages=("s",), rungs=(rung(asked=50),), asides=(Aside(gate=0, rung=rung()),)
    )
    answered = Attempt(call=Call(number=1, rung=0, why="first"), state="answered")
    judged = Attempt(call=Call(number=2, rung=1, why="judge"), state="answered")
    again = most_nano(plan.rungs[0], FACTS, answers_shown=1) or 0
    assert unaffordable(plan, (answered, judged), Purse(again - 1, plan)) == {0}
    assert unaffordable(plan, (answered, judged), Purse(again, plan)) == frozenset()


@pytest.mark.parametrize(("boost", "corrects"), [(1, None), (4, None), (1, 1), (4, 1)])
def test_what_is_reserved_covers_the_call(boost: int, corrects: int | None) -> None:
    plan = Plan(facts=FACTS, rule="r", stages=("s",), rungs=(rung(asked=50),))
    purse = Purse(10**9, plan)
    reserve_for(purse, plan, Call(number=2, rung=0, why="retry", output_boost=boost, corrects=corrects))
    needed = most_nano(plan.rungs[0], FACTS, boost=boost, answers_shown=0 if corrects is None else 1) or 0
    assert 10**9 - purse.nano >= needed


@pytest.mark.parametrize("spare", [0, -1])
def test_advice_is_offered_where_there_is_money_to_go_on_from_it(spare: int) -> None:
    advisor = Advisor(by="strong", max_uses=1, max_tokens=2_000)
    plan = Plan(facts=FACTS, rule="r", stages=("s",), rungs=(rung(asked=50),), advisor=advisor)
    first = most_nano(plan.rungs[0], FACTS) or 0
    going_on = most_nano(plan.rungs[0], FACTS, answers_shown=2, reply_tokens=4_000) or 0
    purse = Purse(first + going_on + spare, plan)
    assert covers_advice(purse, plan, Call(number=1, rung=0, why="first")) is (spare == 0)
    assert covers_advice(purse, plan, Call(number=3, rung=0, why="advised", about=1))
