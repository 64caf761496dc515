"""A ladder that begins above its first stage, because the conversation stalled there or needed more before."""

from msgspec.structs import replace

from tests.ladder.plans import answered, failed, plan, rung
from tiercel.domain.climb import Attempt, Conditions, Deliver, Start
from tiercel.ladder.step import next_step

BEGUN = replace(plan(rung("mid", 1), rung("top", 2), rung("low", 0), rung("lower", 0)), begins=1)


def asked(*history: Attempt, resting: tuple[str, ...] = ()) -> tuple[str, str]:
    """Which rung is asked next, and why."""
    step = next_step(BEGUN, history, Conditions(resting=frozenset(resting)))
    assert isinstance(step, Start), step
    return BEGUN.rungs[step.calls[0].rung].name, step.calls[0].why


def test_the_stage_is_asked_first() -> None:
    assert asked() == ("mid", "first")


def test_it_is_an_escalation_only_where_the_conversation_stalled_and_somebody_above_is_asked() -> None:
    stalled = replace(BEGUN, stalled=True)
    for resting, expected in (((), "escalation"), (("mid",), "escalation"), (("mid", "top"), "first")):
        step = next_step(stalled, (), Conditions(resting=frozenset(resting)))
        assert isinstance(step, Start)
        assert step.calls[0].why == expected


def test_where_it_rests_the_next_stage_is_asked_and_not_the_one_below() -> None:
    assert asked(resting=("mid",)) == ("top", "first")
    assert asked(resting=("mid", "top")) == ("low", "first")


def test_failures_fall_back_upwards_first_and_below_last() -> None:
    assert asked(failed(1, 0, "overloaded")) == ("top", "fallback")
    both = (failed(1, 0, "overloaded"), failed(2, 1, "overloaded", why="fallback"))
    assert asked(*both) == ("low", "fallback")


def test_an_answer_that_did_not_pass_leads_up_and_never_below() -> None:
    missed = (answered(1, 0, 1.0, 0.0), answered(2, 0, 1.0, 0.0, why="re_ask"))
    assert asked(*missed) == ("top", "escalation")
    step = next_step(BEGUN, (*missed, failed(3, 1, "overloaded", why="escalation")), Conditions())
    assert isinstance(step, Start)
    assert (step.calls[0].rung, step.calls[0].why) == (1, "retry")
    history = (
        *missed,
        failed(3, 1, "overloaded", why="escalation"),
        failed(4, 1, "overloaded", why="retry"),
    )
    assert isinstance(next_step(BEGUN, history, Conditions()), Deliver)


def test_without_it_nobody_below_a_failed_rung_is_asked() -> None:
    usual = replace(BEGUN, begins=None)
    history = (failed(1, 0, "overloaded"), failed(2, 1, "overloaded", why="fallback"))
    step = next_step(usual, history, Conditions())
    assert isinstance(step, Start)
    assert step.calls[0].why == "retry"
