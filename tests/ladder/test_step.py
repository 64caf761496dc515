"""The ladder as a table of promises: a history, and the next step."""

import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ladder.plans import SCHEMA, answered, failed, plan, rung
from tiercel.domain.climb import Attempt, Call, Cancel, Conditions, Deliver, GiveUp, Plan, Start, Step
from tiercel.domain.failure import FailureKind
from tiercel.domain.policy import Gate, Hold, HoldMode, Limits
from tiercel.ladder.reactions import REACTIONS
from tiercel.ladder.step import next_step, sure_step

LADDER = plan(rung("a", 0), rung("b", 0), rung("c", 1))
NOW = Conditions()
KINDS: tuple[FailureKind, ...] = typing.get_args(FailureKind)


def call_of(step: Step) -> Call:
    assert isinstance(step, Start), step
    (call,) = step.calls
    return call


def test_the_first_rung_goes_first() -> None:
    assert next_step(LADDER, [], NOW) == Start(
        calls=(Call(number=1, rung=0, why="first"),), wake_after_seconds=600.0
    )


def test_a_resting_rung_is_passed_over_at_the_start() -> None:
    assert call_of(next_step(LADDER, [], Conditions(resting=frozenset({"a"})))).rung == 1


def test_when_all_rest_somebody_is_asked_all_the_same() -> None:
    assert call_of(next_step(LADDER, [], Conditions(resting=frozenset({"a", "b", "c"})))).rung == 0


def test_without_rungs_it_gives_up() -> None:
    step = next_step(plan(), [], NOW)
    assert isinstance(step, GiveUp)
    assert step.reason == "no_rung"


def test_a_call_in_flight_is_waited_for_until_the_deadline() -> None:
    flying = Attempt(call=Call(number=1, rung=0, why="first"))
    assert next_step(LADDER, [flying], Conditions(elapsed_seconds=590)) == Start(wake_after_seconds=10.0)
    assert next_step(LADDER, [flying], Conditions(elapsed_seconds=600)) == Cancel(calls=(1,))


def test_an_answer_that_passes_every_gate_is_delivered() -> None:
    assert next_step(LADDER, [answered(1, 0, 1, 1)], NOW) == Deliver(
        attempt=1, passed=True, reason="every gate passed"
    )


def test_a_missed_gate_is_re_asked_with_the_message_then_escalated() -> None:
    history = [answered(1, 0, 1, 0)]
    again = call_of(next_step(LADDER, history, NOW))
    assert again == Call(number=2, rung=0, why="re_ask", corrects=1, correction="fix it")
    history.append(answered(2, 0, 1, 0, why="re_ask"))
    assert call_of(next_step(LADDER, history, NOW)) == Call(number=3, rung=2, why="escalation")


def test_a_gate_without_re_ask_escalates_at_once_past_the_siblings() -> None:
    assert call_of(next_step(LADDER, [answered(1, 0, 0, 1)], NOW)) == Call(number=2, rung=2, why="escalation")


def test_at_the_top_what_is_left_of_the_stage_is_tried() -> None:
    deep = plan(rung("x", 0), rung("y", 0))
    assert call_of(next_step(deep, [answered(1, 0, 0, 1)], NOW)).rung == 1


def test_a_threshold_below_one_lets_a_lower_score_pass() -> None:
    lenient = plan(rung("a", 0), gates=(Gate(check="finished", at_least=0.5),))
    assert isinstance(next_step(lenient, [answered(1, 0, 0.5)], NOW), Deliver)


@pytest.mark.parametrize(("on_error", "passes"), [("open", True), ("closed", False)])
def test_a_check_that_could_not_work_is_open_or_closed_as_the_gate_says(on_error: str, passes: bool) -> None:
    gate = Gate(check="finished", on_error="open" if on_error == "open" else "closed")
    step = next_step(plan(rung("a", 0), gates=(gate,)), [answered(1, 0, 0, error="timed out")], NOW)
    assert isinstance(step, Deliver)
    assert step.passed is passes


def test_when_nothing_passed_the_last_answer_is_delivered_and_marked() -> None:
    history = [answered(1, 0, 0, 1), answered(2, 2, 0, 1, why="escalation")]
    top = plan(rung("a", 0), rung("b", 0), rung("c", 1), limits=Limits(max_attempts=2))
    assert next_step(top, history, NOW) == Deliver(attempt=2, passed=False, reason="finished: because")


def test_when_nothing_passed_the_policy_may_withhold() -> None:
    step = next_step(plan(rung("a", 0), exhausted="refuse"), [answered(1, 0, 0, 1)], NOW)
    assert isinstance(step, GiveUp)
    assert step.reason == "check_failed"


def test_an_earlier_answer_is_better_than_a_failed_escalation() -> None:
    two = plan(rung("a", 0), rung("c", 1))
    history = [answered(1, 0, 0, 1), failed(2, 1, "quota", why="escalation")]
    assert next_step(two, history, NOW) == Deliver(attempt=1, passed=False, reason="quota")


@pytest.mark.parametrize(
    ("kind", "in_tool_loop", "on_exhausted", "delivers"),
    [
        ("empty_length", False, "deliver", True),
        ("empty_length", False, "refuse", False),
        ("empty", False, "deliver", False),
        ("empty", True, "deliver", True),
        ("empty", True, "refuse", False),
        ("server_error", True, "deliver", False),
    ],
)
def test_an_empty_answer_is_delivered_only_where_it_does_not_claim_to_be_one(
    kind: FailureKind, in_tool_loop: bool, on_exhausted: typing.Literal["deliver", "refuse"], delivers: bool
) -> None:
    alone = plan(rung("a", 0))
    facts = msgspec.structs.replace(alone.facts, in_tool_loop=in_tool_loop)
    alone = msgspec.structs.replace(alone, facts=facts, on_exhausted=on_exhausted)
    again = msgspec.structs.replace(failed(2, 0, kind).call, why="retry")
    history = [failed(1, 0, kind), msgspec.structs.replace(failed(2, 0, kind), call=again)]
    step = next_step(alone, history, NOW)
    assert isinstance(step, Deliver) == delivers
    if isinstance(step, Deliver):
        assert (step.attempt, step.passed) == (2, False)


def test_an_empty_answer_is_not_what_is_told_when_something_else_is_more_telling() -> None:
    history = [failed(1, 0, "empty_length"), failed(2, 1, "rate_limited"), failed(3, 2, "rate_limited")]
    step = next_step(LADDER, history, NOW)
    assert isinstance(step, GiveUp)


def test_a_refusal_does_not_shop_for_another_model() -> None:
    refused = answered(1, 0, 1, 0, finish="content_filter", refused=True)
    assert next_step(LADDER, [refused], NOW) == Deliver(attempt=1, passed=True, reason="the model declined")
    shopping = msgspec.structs.replace(LADDER, on_refusal="escalate")
    assert call_of(next_step(shopping, [refused], NOW)).why == "escalation"


RETRIED_FIRST: set[FailureKind] = {
    "reset",
    "server_error",
    "empty_length",
    "seal_refused",
    "parameter_refused",
}
STOPS: set[FailureKind] = {"bad_request", "content_policy", "cancelled", "interrupted", "context_too_long"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_failure_is_retried_falls_back_or_ends(kind: FailureKind) -> None:
    """The windows here are equal, so that a request too long for one is too long for all."""
    step = next_step(LADDER, [failed(1, 0, kind)], NOW)
    if kind in RETRIED_FIRST:
        assert (call_of(step).rung, call_of(step).why) == (0, "retry")
    elif kind in STOPS:
        assert isinstance(step, GiveUp)
        assert step.failure is not None
        assert step.failure.kind == kind
    else:
        assert (call_of(step).rung, call_of(step).why) == (1, "fallback")


def test_every_kind_of_failure_has_a_reaction() -> None:
    assert set(REACTIONS) == set(KINDS)


def test_an_answer_that_thinking_ate_is_retried_with_a_larger_budget() -> None:
    call = call_of(next_step(LADDER, [failed(1, 0, "empty_length")], NOW))
    assert (call.output_boost, call.delay_seconds) == (4, 0.0)


def test_after_a_refused_seal_everybody_is_asked_without_seals() -> None:
    """T33: once at the same rung and at once, then at the others; never twice for the same thing."""
    history = [failed(1, 0, "seal_refused")]
    again = call_of(next_step(LADDER, history, NOW))
    assert again == Call(number=2, rung=0, why="retry", unsealed=True)
    history.append(msgspec.structs.replace(failed(2, 0, "seal_refused"), call=again))
    many = msgspec.structs.replace(LADDER, limits=Limits(retries=5))
    assert call_of(next_step(many, history, NOW)) == Call(number=3, rung=1, why="fallback", unsealed=True)
    assert not call_of(next_step(LADDER, [failed(1, 0, "server_error")], NOW)).unsealed


def test_a_second_failure_of_the_same_rung_falls_back() -> None:
    history = [failed(1, 0, "server_error"), failed(2, 0, "server_error", why="retry")]
    assert call_of(next_step(LADDER, history, NOW)) == Call(number=3, rung=1, why="fallback")


def test_too_long_falls_back_to_a_larger_window_only() -> None:
    sizes = plan(rung("a", 0, window=100), rung("b", 0, window=50), rung("c", 1, window=1_000))
    assert call_of(next_step(sizes, [failed(1, 0, "context_too_long")], NOW)).rung == 2


def test_a_rate_limit_is_waited_out_only_when_nobody_else_is_left() -> None:
    alone = plan(rung("a", 0))
    limited = failed(1, 0, "rate_limited", retry_after_seconds=2.0)
    assert call_of(next_step(alone, [limited], NOW)).delay_seconds == 2.0
    assert call_of(next_step(LADDER, [limited], NOW)).why == "fallback"
    hours = failed(1, 0, "rate_limited", retry_after_seconds=3600.0)
    assert isinstance(next_step(alone, [hours], NOW), GiveUp)


def test_a_deployment_that_failed_is_not_asked_at_another_effort() -> None:
    low = rung("a", 0)
    efforts = plan(low, msgspec.structs.replace(low, effort="high"), rung("c", 1))
    assert call_of(next_step(efforts, [failed(1, 0, "quota")], NOW)).rung == 2


def test_an_empty_retry_budget_stops_retries_and_fallbacks() -> None:
    step = next_step(LADDER, [failed(1, 0, "server_error")], Conditions(retry_tokens=0.5))
    assert isinstance(step, GiveUp)


def test_a_fallback_never_goes_down() -> None:
    history = [answered(1, 0, 0, 1), failed(2, 2, "quota", why="escalation")]
    assert isinstance(next_step(LADDER, history, NOW), Deliver)


def test_the_cost_cap_bounds_the_climb() -> None:
    capped = plan(rung("a", 0, nano=10), rung("c", 1, nano=100), limits=Limits(max_cost_nano=60))
    history = [answered(1, 0, 0, 1)]
    step = next_step(capped, history, Conditions(spent_nano=10))
    assert isinstance(step, Deliver)
    assert not step.passed
    assert next_step(capped, [], Conditions(spent_nano=60)) == GiveUp(
        reason="cost_cap", message="no rung of the ladder is within the limits of this request"
    )


def test_once_committed_the_answer_is_delivered_or_broken() -> None:
    committed = Conditions(committed=1)
    assert isinstance(next_step(LADDER, [answered(1, 0, 0, 1)], committed), Deliver)
    broken = next_step(LADDER, [failed(1, 0, "truncated")], committed)
    assert isinstance(broken, GiveUp)
    assert broken.reason == "broken"


def test_the_most_telling_failure_is_told() -> None:
    history = [failed(1, 0, "rate_limited"), failed(2, 1, "reset", why="fallback")]
    short = plan(rung("a", 0), rung("b", 0), limits=Limits(max_attempts=2))
    step = next_step(short, history, NOW)
    assert isinstance(step, GiveUp)
    assert step.failure is not None
    assert step.failure.kind == "rate_limited"


def test_three_failures_are_enough_unless_the_policy_says_otherwise() -> None:
    wide = plan(*(rung(name, 0) for name in "abcde"))
    history = [failed(number, number - 1, "quota") for number in (1, 2, 3)]
    assert call_of(next_step(wide, history[:2], NOW)).rung == 2
    assert isinstance(next_step(wide, history, NOW), GiveUp)
    more = msgspec.structs.replace(wide, limits=Limits(max_failures=4))
    assert call_of(next_step(more, history, NOW)).rung == 3


def test_answers_that_missed_a_gate_are_no_failures() -> None:
    stages = plan(*(rung(name, stage) for stage, name in enumerate("abcd")))
    history = [answered(1, 0, 0, 1), answered(2, 1, 0, 1), answered(3, 2, 0, 1)]
    assert call_of(next_step(stages, history, NOW)).rung == 3


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (("rate_limited", 40.0), ("rate_limited", 30.0), 30.0),
        (("rate_limited", 30.0), ("rate_limited", 40.0), 30.0),
        (("rate_limited", None), ("overloaded", 30.0), 30.0),
        (("rate_limited", 30.0), ("quota", 25.0), 30.0),
        (("rate_limited", None), ("reset", None), None),
    ],
)
def test_the_client_is_told_the_shortest_wait(
    first: tuple[FailureKind, float | None], second: tuple[FailureKind, float | None], told: float | None
) -> None:
    history = [
        failed(number, number - 1, kind, retry_after_seconds=seconds)
        for number, (kind, seconds) in enumerate((first, second), 1)
    ]
    step = next_step(plan(rung("a", 0), rung("b", 0), limits=Limits(retries=0)), history, NOW)
    assert isinstance(step, GiveUp)
    assert step.failure is not None
    assert (step.failure.kind, step.failure.retry_after_seconds) == ("rate_limited", told)


def test_what_a_provider_said_last_counts() -> None:
    history = [
        failed(1, 0, "rate_limited", retry_after_seconds=1.0),
        failed(2, 0, "rate_limited", why="retry", retry_after_seconds=60.0),
    ]
    step = next_step(plan(rung("a", 0)), history, NOW)
    assert isinstance(step, GiveUp)
    assert step.failure is not None
    assert step.failure.retry_after_seconds == 60.0


OUTCOMES = st.one_of(
    st.sampled_from(KINDS).map(lambda kind: ("failed", kind)),
    st.tuples(st.just("answered"), st.sampled_from(["pass", "miss", "refuse"])),
)


def play(ladder: Plan, outcomes: list[tuple[str, str]], conditions: Conditions) -> tuple[Step, list[Attempt]]:
    """Climb with these outcomes, one per call, until the ladder ends."""
    history: list[Attempt] = []
    while True:
        step = next_step(ladder, history, conditions)
        if not isinstance(step, Start):
            return step, history
        (call,) = step.calls
        kind, detail = outcomes[len(history) % len(outcomes)]
        if kind == "failed":
            made = failed(call.number, call.rung, typing.cast(FailureKind, detail), why=call.why)
        else:
            made = answered(
                call.number, call.rung, 1, float(detail != "miss"), why=call.why, refused=detail == "refuse"
            )
        history.append(msgspec.structs.replace(made, call=call))


@given(outcomes=st.lists(OUTCOMES, min_size=1, max_size=8), draw=st.floats(0, 0.999))
def test_every_climb_ends_within_its_attempts(outcomes: list[tuple[str, str]], draw: float) -> None:
    """Whatever happens, the climb ends, keeps the attempt cap, numbers its calls, and never repeats a rung in vain."""
    step, history = play(LADDER, outcomes, Conditions(draw=draw))
    assert isinstance(step, Deliver | GiveUp)
    assert len(history) <= LADDER.limits.max_attempts
    assert [a.call.number for a in history] == list(range(1, len(history) + 1))
    assert sum(a.call.why == "re_ask" for a in history) <= SCHEMA.re_ask * len(LADDER.rungs)
    stages = [LADDER.rungs[a.call.rung].stage for a in history]
    assert stages == sorted(stages)


@given(
    scores=st.lists(st.sampled_from([0.0, 1.0]), max_size=2),
    error=st.sampled_from([None, "timed out"]),
    refused=st.booleans(),
    hedges=st.booleans(),
    mode=st.sampled_from(["auto", "incremental"]),
    conditions=st.builds(
        Conditions,
        elapsed_seconds=st.sampled_from([0.0, 599.0, 601.0]),
        spent_nano=st.sampled_from([0, 10_000]),
        resting=st.frozensets(st.sampled_from("abc")),
        retry_tokens=st.sampled_from([0.0, 10.0]),
        committed=st.sampled_from([None, 1]),
        hedge_tokens=st.sampled_from([0.0, 5.0]),
        unaffordable=st.frozensets(st.integers(0, 3)),
    ),
)
def test_what_is_sure_holds_under_all_conditions(
    scores: list[float],
    error: str | None,
    refused: bool,
    hedges: bool,
    mode: HoldMode,
    conditions: Conditions,
) -> None:
    ladder = msgspec.structs.replace(LADDER, hedges=hedges, hold=Hold(mode=mode))
    history = [answered(1, 0, *scores, refused=refused, error=error)]
    sure = sure_step(ladder, history)
    assert sure is None or next_step(ladder, history, conditions) == sure
    assert (sure is not None) is (not refused and (error is not None or 0.0 not in scores))


@pytest.mark.parametrize(
    "history", [[], [failed(1, 0, "reset")], [answered(1, 0, 0, 1), answered(2, 2, 1, 1)]]
)
def test_all_else_depends_on_the_conditions(history: list[Attempt]) -> None:
    assert sure_step(LADDER, history) is None


def test_nothing_is_sure_where_models_beside_the_ladder_have_a_say() -> None:
    asking = msgspec.structs.replace(LADDER, asks=True)
    assert sure_step(asking, [answered(1, 0, 1, 1)]) is None


def test_of_those_within_the_limits_the_first_that_is_awake_is_asked() -> None:
    """What is too dear is left out even where all others rest."""
    capped = plan(rung("a", 0, nano=90), rung("b", 0, nano=10), rung("c", 1), limits=Limits(max_cost_nano=50))
    assert call_of(next_step(capped, [], NOW)).rung == 1
    assert call_of(next_step(capped, [], Conditions(resting=frozenset({"b"})))).rung == 1
    closed = Conditions(unaffordable=frozenset({0}), resting=frozenset({"b"}))
    assert call_of(next_step(LADDER, [], closed)).rung == 2
