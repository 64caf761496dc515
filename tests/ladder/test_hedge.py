"""Hedging as a table of promises: who is in flight for how long, and the next step."""

import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ladder.plans import answered, failed, plan, rung
from tiercel.domain.climb import Attempt, Call, Cancel, Conditions, Deliver, GiveUp, Plan, Start, Step
from tiercel.domain.facts import Facts
from tiercel.domain.failure import Failure, FailureKind
from tiercel.domain.policy import Limits
from tiercel.ladder.step import next_step

A, B, C, D = rung("a", 0), rung("b", 0), rung("c", 1), rung("d", 1)
SLOW_AFTER = {name: 2.0 for name in "abcd"}
KINDS: tuple[FailureKind, ...] = typing.get_args(FailureKind)


def hedging(*rungs: Any, **changes: Any) -> Plan:
    return msgspec.structs.replace(plan(*(rungs or (A, B, C))), hedges=True, **changes)


def now(elapsed_seconds: float = 0.0, **changes: Any) -> Conditions:
    made = Conditions(elapsed_seconds=elapsed_seconds, slow_after_seconds=SLOW_AFTER, hedge_tokens=1.0)
    return msgspec.structs.replace(made, **changes)


def flying(number: int = 1, rung: int = 0, *, since: float = 0.0, **call: Any) -> Attempt:
    call.setdefault("why", "first")
    return Attempt(call=Call(number=number, rung=rung, **call), began_seconds=since)


def cancelled(number: int, rung: int, why: Any = "first") -> Attempt:
    return Attempt(
        call=Call(number=number, rung=rung, why=why),
        state="failed",
        failure=Failure(kind="cancelled", message=""),
    )


def hedge_of(step: Step) -> Call:
    assert isinstance(step, Start), step
    (call,) = step.calls
    assert call.why == "hedge"
    return call


def test_the_first_call_is_waited_for_until_its_hedge_is_due() -> None:
    assert next_step(hedging(), [], now()) == Start(
        calls=(Call(number=1, rung=0, why="first"),), wake_after_seconds=2.0
    )


def test_before_it_is_due_there_is_no_hedge() -> None:
    assert next_step(hedging(), [flying(since=1.0)], now(2.5)) == Start(wake_after_seconds=0.5)


def test_a_slow_call_gets_a_second_one_beside_it() -> None:
    assert next_step(hedging(), [flying()], now(2.0)) == Start(
        calls=(Call(number=2, rung=1, why="hedge"),), wake_after_seconds=598.0
    )


def test_its_own_beginning_counts_not_the_request_s() -> None:
    late = [failed(1, 0, "timeout"), flying(2, 1, why="fallback", since=10.0)]
    assert next_step(hedging(), late, now(11.5)) == Start(wake_after_seconds=0.5)
    assert hedge_of(next_step(hedging(), late, now(12.0))).rung == 2


def test_a_retry_that_still_waits_is_not_slow_yet() -> None:
    step = next_step(hedging(A, C), [failed(1, 0, "server_error")], now(1.0, draw=0.8))
    assert isinstance(step, Start)
    assert (step.calls[0].delay_seconds, step.wake_after_seconds) == (0.2, 2.2)


WITHOUT: dict[str, tuple[Plan, Conditions]] = {
    "the plan does not hedge": (plan(A, B, C), now(5.0)),
    "the budget is used up": (hedging(), now(5.0, hedge_tokens=0.95)),
    "too little is measured": (hedging(), now(5.0, slow_after_seconds={"b": 0.1, "c": 0.1})),
    "nobody else is there": (hedging(A), now(5.0)),
    "the same deployment at another effort is nobody else": (
        hedging(A, msgspec.structs.replace(A, effort="high")),
        now(5.0),
    ),
    "all others rest": (hedging(), now(5.0, resting=frozenset("bc"))),
    "the attempts are used up": (hedging(limits=Limits(max_attempts=1)), now(5.0)),
    "money does not suffice for both": (hedging(limits=Limits(max_cost_nano=1_999)), now(5.0)),
}


@pytest.mark.parametrize("why", WITHOUT)
def test_there_is_no_hedge_when(why: str) -> None:
    made, conditions = WITHOUT[why]
    assert next_step(made, [flying()], conditions) == Start(wake_after_seconds=595.0)


def test_a_re_ask_is_not_hedged() -> None:
    again = [answered(1, 0, 1, 0), flying(2, why="re_ask", corrects=1, correction="fix it")]
    assert next_step(hedging(), again, now(5.0)) == Start(wake_after_seconds=595.0)


def test_money_for_both_suffices_for_a_hedge() -> None:
    assert hedge_of(next_step(hedging(limits=Limits(max_cost_nano=2_000)), [flying()], now(5.0))).rung == 1


def test_a_hedge_prefers_its_own_stage_then_goes_up_never_down() -> None:
    resting = now(5.0, resting=frozenset("b"))
    assert hedge_of(next_step(hedging(), [flying()], now(5.0))).rung == 1
    assert hedge_of(next_step(hedging(), [flying()], resting)).rung == 2
    above = [failed(1, 0, "timeout"), flying(2, 2, why="fallback")]
    assert next_step(hedging(A, B, C), above, now(5.0)) == Start(wake_after_seconds=595.0)


def test_inside_a_tool_loop_only_the_same_model_elsewhere_is_a_hedge() -> None:
    elsewhere = msgspec.structs.replace(A.deployment, name="a-elsewhere")
    same_model = msgspec.structs.replace(A, deployment=elsewhere)
    looping = Facts(tools=True, in_tool_loop=True)
    assert next_step(hedging(A, B, facts=looping), [flying()], now(5.0)) == Start(wake_after_seconds=595.0)
    assert hedge_of(next_step(hedging(A, B, same_model, facts=looping), [flying()], now(5.0))).rung == 2


def test_there_is_one_hedge_in_a_climb() -> None:
    both = [flying(), flying(2, 1, why="hedge")]
    assert next_step(hedging(), both, now(50.0)) == Start(wake_after_seconds=550.0)
    after = [failed(1, 0, "timeout"), failed(2, 1, "timeout", why="hedge"), flying(3, 2, why="fallback")]
    assert next_step(hedging(A, B, C, D), after, now(50.0)) == Start(wake_after_seconds=550.0)


def test_at_the_deadline_both_are_stopped() -> None:
    assert next_step(hedging(), [flying(), flying(2, 1, why="hedge")], now(600.0)) == Cancel(calls=(1, 2))


@pytest.mark.parametrize("winner", [1, 2])
def test_the_first_answer_that_passes_ends_the_other_and_is_delivered(winner: int) -> None:
    first, second = flying(), flying(2, 1, why="hedge")
    if winner == 1:
        running = [answered(1, 0, 1, 1), second]
        ended = [answered(1, 0, 1, 1), cancelled(2, 1, "hedge")]
    else:
        running = [first, answered(2, 1, 1, 1, why="hedge")]
        ended = [cancelled(1, 0), answered(2, 1, 1, 1, why="hedge")]
    assert next_step(hedging(), running, now(5.0)) == Cancel(calls=(3 - winner,))
    assert next_step(hedging(), ended, now(5.0)) == Deliver(
        attempt=winner, passed=True, reason="every gate passed"
    )


def test_both_passing_at_once_the_first_is_delivered() -> None:
    both = [answered(1, 0, 1, 1), answered(2, 1, 1, 1, why="hedge")]
    step = next_step(hedging(), both, now(5.0))
    assert isinstance(step, Deliver)
    assert step.attempt == 1


@pytest.mark.parametrize(
    "ended", [answered(1, 0, 0, 1), failed(1, 0, "server_error")], ids=["miss", "failure"]
)
def test_what_cannot_be_delivered_leaves_the_hedge_alone(ended: Attempt) -> None:
    assert next_step(hedging(), [ended, flying(2, 1, why="hedge")], now(5.0)) == Start(
        wake_after_seconds=595.0
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_of_the_hedge_ends_the_call_it_hedged(kind: FailureKind) -> None:
    running = [flying(), failed(2, 1, kind, why="hedge")]
    assert next_step(hedging(), running, now(5.0)) == Start(wake_after_seconds=595.0)


@pytest.mark.parametrize("kind", ["content_policy", "bad_request"])
def test_what_nobody_else_may_take_ends_the_hedge_too(kind: FailureKind) -> None:
    running = [failed(1, 0, kind), flying(2, 1, why="hedge")]
    assert next_step(hedging(), running, now(5.0)) == Cancel(calls=(2,))
    step = next_step(hedging(), [running[0], cancelled(2, 1, "hedge")], now(5.0))
    assert isinstance(step, GiveUp)
    assert step.failure == running[0].failure


def test_a_refusal_wins_unless_the_policy_takes_it_elsewhere() -> None:
    running = [flying(), answered(2, 1, 1, 1, why="hedge", refused=True)]
    assert next_step(hedging(), running, now(5.0)) == Cancel(calls=(1,))
    shopping = hedging(on_refusal="escalate")
    assert next_step(shopping, running, now(5.0)) == Start(wake_after_seconds=595.0)


def test_once_committed_the_other_is_stopped() -> None:
    both = [flying(), flying(2, 1, why="hedge")]
    assert next_step(hedging(), both, now(5.0, committed=2)) == Cancel(calls=(1,))
    won = [cancelled(1, 0), flying(2, 1, why="hedge")]
    assert next_step(hedging(), won, now(5.0, committed=2)) == Start(wake_after_seconds=595.0)


AFTER_BOTH: dict[str, tuple[Attempt, Attempt, tuple[int, str]]] = {
    "two failures: as after the first": (
        failed(1, 0, "timeout"),
        failed(2, 1, "server_error", why="hedge"),
        (2, "fallback"),
    ),
    "a failure that passes: the first again": (
        failed(1, 0, "server_error"),
        failed(2, 1, "bad_request", why="hedge"),
        (0, "retry"),
    ),
    "an answer before a failure": (
        failed(1, 0, "server_error"),
        answered(2, 1, 1, 0, why="hedge"),
        (1, "re_ask"),
    ),
    "the first of two answers": (answered(1, 0, 0, 1), answered(2, 1, 0, 1, why="hedge"), (2, "escalation")),
    "the higher of two answers": (
        answered(1, 0, 1, 0),
        answered(2, 2, 1, 0, why="hedge"),
        (2, "re_ask"),
    ),
}


@pytest.mark.parametrize("case", AFTER_BOTH)
def test_when_both_came_to_nothing_the_better_one_is_gone_on_from(case: str) -> None:
    first, second, (rung_index, why) = AFTER_BOTH[case]
    step = next_step(hedging(), [first, second], now(5.0))
    assert isinstance(step, Start), step
    (call,) = step.calls
    assert (call.number, call.rung, call.why) == (3, rung_index, why)


ENDS = st.sampled_from(["pass", "miss", "refuse", *KINDS])
STEPS = st.lists(st.tuples(ENDS, st.booleans(), st.floats(0, 40)), min_size=1, max_size=12)


def end_of(attempt: Attempt, outcome: str) -> Attempt:
    """This call, ended in this way."""
    call = attempt.call
    if outcome in KINDS:
        made = failed(call.number, call.rung, outcome)
    else:
        made = answered(call.number, call.rung, 1, float(outcome != "miss"), refused=outcome == "refuse")
    return msgspec.structs.replace(made, call=call)


class Play:
    """A climb in a world that lets time pass and ends calls as its script says, in whatever order."""

    def __init__(self, made: Plan, script: list[tuple[str, bool, float]], tokens: float) -> None:
        self.plan = made
        self.script = script
        self.tokens = tokens
        self.elapsed = 0.0
        self.attempts: list[Attempt] = []
        self.most_in_flight = 0
        self.turn = 0

    def run(self) -> Deliver | GiveUp:
        while True:
            step = next_step(self.plan, self.attempts, now(self.elapsed, hedge_tokens=self.tokens))
            match step:
                case Start():
                    self._start(step)
                case Cancel():
                    assert step.calls
                    late = self.elapsed >= self.plan.limits.deadline_seconds
                    self._end(step.calls, "timeout" if late else "cancelled")
                case _:
                    return step

    @property
    def flying(self) -> list[int]:
        return [a.call.number for a in self.attempts if a.state == "in_flight"]

    def _start(self, step: Start) -> None:
        for call in step.calls:
            self.attempts.append(Attempt(call=call, began_seconds=self.elapsed + call.delay_seconds))
            self.tokens -= call.why == "hedge"
        self.most_in_flight = max(self.most_in_flight, len(self.flying))
        outcome, takes_last, seconds = self.script[self.turn % len(self.script)]
        self.turn += 1
        assert self.flying
        assert step.wake_after_seconds is not None
        if seconds >= step.wake_after_seconds:
            self.elapsed += max(0.0, step.wake_after_seconds)
            return
        self.elapsed += seconds
        self._end((self.flying[-1 if takes_last else 0],), outcome)

    def _end(self, numbers: tuple[int, ...], outcome: str) -> None:
        for number in numbers:
            assert number in self.flying
            self.attempts[number - 1] = end_of(self.attempts[number - 1], outcome)


LIMITS = Limits(deadline_seconds=60.0, max_attempts=5, max_cost_nano=4_000)


@given(script=STEPS, tokens=st.floats(0, 2), shopping=st.booleans())
def test_every_hedged_climb_ends_within_its_bounds(
    script: list[tuple[str, bool, float]], tokens: float, shopping: bool
) -> None:
    """Whatever happens in whatever order, the climb ends with nothing in flight, keeps its caps, numbers its calls,
    hedges once at most, only with a token and never downwards, and goes up apart from that as any other does."""
    made = hedging(A, B, C, D, limits=LIMITS, on_refusal="escalate" if shopping else "deliver")
    play = Play(made, script, tokens)
    step = play.run()
    calls = [attempt.call for attempt in play.attempts]
    assert not play.flying
    assert play.most_in_flight <= 2
    assert len(calls) <= LIMITS.max_attempts
    assert [call.number for call in calls] == list(range(1, len(calls) + 1))
    hedges = [call for call in calls if call.why == "hedge"]
    assert len(hedges) <= min(1, int(tokens))
    for hedge in hedges:
        hedged = made.rungs[calls[hedge.number - 2].rung]
        other = made.rungs[hedge.rung]
        assert other.stage >= hedged.stage
        assert other.deployment.name != hedged.deployment.name
    stages = [made.rungs[call.rung].stage for call in calls if call.why != "hedge"]
    assert stages == sorted(stages)
    if isinstance(step, Deliver):
        delivered = play.attempts[step.attempt - 1]
        assert delivered.state == "answered" or (
            delivered.failure and delivered.failure.kind == "empty_length"
        )


@given(script=STEPS)
def test_an_answer_that_passes_is_never_thrown_away(script: list[tuple[str, bool, float]]) -> None:
    made = hedging(A, B, C, D, limits=LIMITS)
    play = Play(made, script, 1.0)
    step = play.run()
    good = [
        a.call.number
        for a in play.attempts
        if a.state == "answered" and (a.refused or all(verdict.score == 1 for verdict in a.verdicts))
    ]
    if good:
        assert isinstance(step, Deliver)
        assert (step.attempt, step.passed) == (good[0], True)
