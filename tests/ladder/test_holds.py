"""What a hold changes on the ladder: when a beginning may go out, and that JSON gone astray is never completed."""

import pytest
from msgspec.structs import replace

from tests.ladder.plans import FINISHED, answered, plan, rung
from tiercel.domain.climb import Conditions, Deliver, GiveUp, Plan, Start
from tiercel.domain.policy import Gate, Hold, HoldMode
from tiercel.ladder.beginning import Beginning, judge_beginning
from tiercel.ladder.step import next_step

JSON = Gate(check="json_schema", reads_json=True)
NO_JSON = Gate(check="json_schema")
GOING_OUT = Conditions(committed=1)


@pytest.mark.parametrize(
    ("tokens", "seconds", "floor", "others_follow", "becomes"),
    [
        (9, 100.0, None, True, "wait"),
        (10, 100.0, None, True, "go"),
        (9, 2.0, 5.0, True, "wait"),
        (10, 2.0, 5.0, True, "go"),
        (9, 2.1, 5.0, True, "leave"),
        (10, 2.1, 5.0, True, "leave"),
        (9, 2.1, 5.0, False, "wait"),
        (10, 2.1, 5.0, False, "go"),
    ],
)
def test_a_beginning_of_ten_tokens(
    tokens: float, seconds: float, floor: float | None, others_follow: bool, becomes: Beginning
) -> None:
    hold = Hold(mode="first", tokens=10, least_tokens_per_second=floor)
    assert judge_beginning(hold, tokens=tokens, seconds=seconds, others_follow=others_follow) == becomes


def held(mode: HoldMode, gate: Gate = JSON) -> Plan:
    return replace(plan(rung("a", 0), rung("b", 1), gates=(FINISHED, gate)), hold=Hold(mode=mode))


@pytest.mark.parametrize("finished", [1, 0], ids=["ended", "was cut"])
def test_json_that_went_astray_is_not_completed(finished: int) -> None:
    step = next_step(held("incremental"), [answered(1, 0, finished, 0)], GOING_OUT)
    message = "the answer that had begun to go out did not pass its check (json_schema: because)"
    assert step == GiveUp(reason="broken", message=message)


@pytest.mark.parametrize(
    ("made", "scores"),
    [(held("incremental"), (1, 1)), (held("none"), (1, 0)), (held("incremental", NO_JSON), (1, 0))],
    ids=["fits", "is not followed", "another gate"],
)
def test_any_other_answer_that_went_out_is(made: Plan, scores: tuple[int, int]) -> None:
    assert isinstance(next_step(made, [answered(1, 0, *scores)], GOING_OUT), Deliver)


def test_what_must_be_json_and_is_not_escalates_and_is_never_delivered() -> None:
    first, second = [answered(number, number - 1, 1, 0) for number in (1, 2)]
    assert isinstance(next_step(held("incremental"), [first], Conditions()), Start)
    step = next_step(held("incremental"), [first, second], Conditions())
    assert isinstance(step, GiveUp)
    assert step.reason == "check_failed"


@pytest.mark.parametrize(
    ("mode", "gates", "holds"),
    [
        ("auto", (FINISHED, NO_JSON), True),
        ("auto", (Gate(check="finished", needs_whole=False),), False),
        ("none", (FINISHED, NO_JSON), False),
        ("first", (FINISHED, NO_JSON), False),
        ("incremental", (FINISHED, JSON), False),
        ("all", (), True),
    ],
)
def test_what_waits_for_the_whole_answer(mode: HoldMode, gates: tuple[Gate, ...], holds: bool) -> None:
    assert replace(plan(rung("a", 0), gates=gates), hold=Hold(mode=mode)).holds is holds
