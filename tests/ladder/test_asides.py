"""Second opinions as a table of promises: who is asked beside the climb, who is waited for, and what they decide."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ladder.plans import answered, failed, plan, rung
from tiercel.domain.climb import (
    Aside,
    Attempt,
    Call,
    Cancel,
    Conditions,
    Deliver,
    GiveUp,
    Plan,
    Start,
    Verdict,
)
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Gate, Limits
from tiercel.ladder.asides import awaiting_opinions
from tiercel.ladder.gates import missed_gate, with_verdict
from tiercel.ladder.step import next_step

A, B, DEEP = rung("a", 0), rung("b", 0), rung("deep", 1)
X, Y = rung("x", -1), rung("y", -1)
FINISHED, SCHEMA = Gate(check="finished"), Gate(check="json_schema", re_ask=1)
AGREEMENT = Gate(check="agreement", at_least=0.5, asks="opinions", ask=("x", "y"), wait_seconds=5.0)
OPINION_X, OPINION_Y = 3, 4  # three rungs stand before the asides


def asking(*asides: Any, gates: tuple[Gate, ...] = (FINISHED, SCHEMA, AGREEMENT), **limits: Any) -> Plan:
    made = plan(A, B, DEEP, gates=gates, limits=Limits(**limits))
    beside = tuple(Aside(gate=gates.index(AGREEMENT), rung=one) for one in (asides or (X, Y)))
    return msgspec.structs.replace(made, asks=True, asides=beside)


def flying(number: int, index: int, why: Any = "opinion") -> Attempt:
    return Attempt(call=Call(number=number, rung=index, why=why))


def opinion(number: int, index: int, score: float = 1.0) -> Attempt:
    return answered(number, index, score, 1, why="opinion")


def stopped(number: int, index: int) -> Attempt:
    call = Call(number=number, rung=index, why="opinion")
    return Attempt(call=call, state="failed", failure=Failure(kind="cancelled", message=""))


def agreed(attempt: Attempt, score: float, *, elects: int | None = None, error: str | None = None) -> Attempt:
    verdict = Verdict(check="agreement", score=score, reason="counted", elects=elects, error=error)
    return msgspec.structs.replace(attempt, verdicts=(*attempt.verdicts, verdict))


def at(seconds: float, **changes: Any) -> Conditions:
    return msgspec.structs.replace(Conditions(elapsed_seconds=seconds), **changes)


FIRST = msgspec.structs.replace(answered(1, 0, 1, 1), ended_seconds=2.0)


def test_opinions_are_asked_with_the_first_call() -> None:
    step = next_step(asking(), [], at(0))
    assert isinstance(step, Start)
    assert [(c.number, c.rung, c.why) for c in step.calls] == [
        (1, 0, "first"),
        (2, OPINION_X, "opinion"),
        (3, OPINION_Y, "opinion"),
    ]


@pytest.mark.parametrize(
    ("made", "conditions"),
    [
        (asking(X, rung("a", -1)), at(0)),
        (asking(), at(0, resting=frozenset({"y"}))),
        (asking(), at(0, unaffordable=frozenset({OPINION_Y}))),
        (asking(max_cost_nano=2_000), at(0)),
    ],
    ids=["of the model that answers", "at rest", "beyond the budget", "beyond the cost cap"],
)
def test_some_opinions_are_not_asked(made: Plan, conditions: Conditions) -> None:
    step = next_step(made, [], conditions)
    assert isinstance(step, Start)
    assert [call.rung for call in step.calls] == [0, OPINION_X]


def test_a_good_answer_waits_for_the_opinions_and_no_longer_than_the_policy_says() -> None:
    late = [FIRST, opinion(2, OPINION_X), flying(3, OPINION_Y)]
    assert next_step(asking(), late, at(3.0)) == Start(wake_after_seconds=4.0)
    assert next_step(asking(), late, at(7.0)) == Cancel(calls=(3,))
    assert next_step(asking(deadline_seconds=4.0), late, at(3.0)) == Start(wake_after_seconds=1.0)


def test_opinions_are_compared_once_all_have_ended() -> None:
    assert awaiting_opinions(asking(), [FIRST, opinion(2, OPINION_X), flying(3, OPINION_Y)]) is None
    ended = [FIRST, opinion(2, OPINION_X), stopped(3, OPINION_Y)]
    assert awaiting_opinions(asking(), ended) == (FIRST, 2)
    assert awaiting_opinions(asking(), [agreed(FIRST, 1.0), *ended[1:]]) is None


def test_an_answer_that_nobody_could_be_asked_about_is_measured_all_the_same() -> None:
    """So that the gate, open or closed, decides, and not the accident that nobody was there."""
    assert awaiting_opinions(asking(), [FIRST]) == (FIRST, 2)


def test_agreement_delivers_the_first_answer() -> None:
    ended = [agreed(FIRST, 0.5), opinion(2, OPINION_X), opinion(3, OPINION_Y)]
    assert next_step(asking(), ended, at(3)) == Deliver(attempt=1, passed=True, reason="every gate passed")


def test_who_is_outvoted_gives_way_to_the_majority() -> None:
    ended = [agreed(FIRST, 0.0, elects=2), opinion(2, OPINION_X), opinion(3, OPINION_Y)]
    assert next_step(asking(), ended, at(3)) == Deliver(attempt=2, passed=True, reason="agreement: counted")


def test_a_tie_is_sent_up() -> None:
    ended = [agreed(FIRST, 0.0), opinion(2, OPINION_X), opinion(3, OPINION_Y)]
    step = next_step(asking(), ended, at(3))
    assert isinstance(step, Start)
    assert [(c.number, c.rung, c.why) for c in step.calls] == [(4, 2, "escalation")]


def test_the_answer_from_above_needs_no_opinions() -> None:
    above = answered(4, 2, 1, 1, why="escalation")
    history = [agreed(FIRST, 0.0), opinion(2, OPINION_X), opinion(3, OPINION_Y), above]
    assert awaiting_opinions(asking(), history) is None
    assert next_step(asking(), history, at(9)) == Deliver(attempt=4, passed=True, reason="every gate passed")


@pytest.mark.parametrize(("on_error", "delivered"), [("open", True), ("closed", False)])
def test_without_an_opinion_the_policy_decides(on_error: Any, delivered: bool) -> None:
    gate = msgspec.structs.replace(AGREEMENT, on_error=on_error)
    made = msgspec.structs.replace(asking(), gates=(FINISHED, SCHEMA, gate))
    history = [agreed(FIRST, 0.0, error="nobody"), stopped(2, OPINION_X), stopped(3, OPINION_Y)]
    assert isinstance(next_step(made, history, at(8)), Deliver) == delivered


def test_a_bad_answer_is_asked_for_again_while_opinions_are_on_their_way() -> None:
    """They will be compared with the better one."""
    step = next_step(asking(), [answered(1, 0, 1, 0), flying(2, OPINION_X)], at(1))
    assert isinstance(step, Start)
    assert [(c.number, c.rung, c.why) for c in step.calls] == [(3, 0, "re_ask")]


def test_an_answer_of_bad_form_waits_for_two_opinions_before_going_up() -> None:
    """They are paid for already, and may agree."""
    bad = msgspec.structs.replace(answered(1, 0, 0, 1), ended_seconds=2.0)
    late = [bad, flying(2, OPINION_X), opinion(3, OPINION_Y)]
    assert next_step(asking(), late, at(3.0)) == Start(wake_after_seconds=4.0)
    assert next_step(asking(), late, at(7.0)) == Cancel(calls=(2,))
    ended = [bad, opinion(2, OPINION_X), opinion(3, OPINION_Y)]
    assert awaiting_opinions(asking(), ended) == (bad, 2)
    outvoted = [agreed(bad, 0.0, elects=2), *ended[1:]]
    assert next_step(asking(), outvoted, at(3)) == Deliver(
        attempt=2, passed=True, reason="agreement: counted"
    )


def test_two_who_agree_are_delivered_before_a_bad_answer_is_asked_for_again() -> None:
    outvoted = [agreed(answered(1, 0, 1, 0), 0.0, elects=2), opinion(2, OPINION_X), opinion(3, OPINION_Y)]
    assert next_step(asking(), outvoted, at(3)) == Deliver(
        attempt=2, passed=True, reason="agreement: counted"
    )


def test_one_opinion_outvotes_nobody_and_going_up_stops_it() -> None:
    bad = answered(1, 0, 0, 1)
    assert next_step(asking(X), [bad, flying(2, OPINION_X)], at(1)) == Cancel(calls=(2,))
    step = next_step(asking(X), [bad, stopped(2, OPINION_X)], at(1))
    assert isinstance(step, Start)
    assert [(c.number, c.rung) for c in step.calls] == [(3, 2)]


def test_who_a_judge_did_not_let_pass_is_not_outvoted() -> None:
    """The opinions may well be of the same mind, and were not judged."""
    judge = Gate(check="judge", asks="judge", ask=("j",))
    made = msgspec.structs.replace(asking(), gates=(FINISHED, SCHEMA, AGREEMENT, judge))
    verdict = Verdict(check="judge", score=0.0, reason="fail")
    judged = msgspec.structs.replace(FIRST, verdicts=(*FIRST.verdicts, verdict))
    assert awaiting_opinions(made, [judged, opinion(2, OPINION_X), opinion(3, OPINION_Y)]) is None


def test_a_refusal_is_not_compared() -> None:
    refused = answered(1, 0, 1, 1, refused=True)
    assert next_step(asking(), [refused, flying(2, OPINION_X)], at(1)) == Cancel(calls=(2,))
    assert awaiting_opinions(asking(), [refused, stopped(2, OPINION_X)]) is None


def test_where_nobody_else_answered_an_opinion_is_better_than_an_error() -> None:
    dead = [
        failed(1, 0, "server_error"),
        failed(3, 1, "server_error", why="fallback"),
        failed(4, 2, "server_error", why="fallback"),
    ]
    step = next_step(asking(max_failures=3), [dead[0], opinion(2, OPINION_X), *dead[1:]], at(1))
    assert isinstance(step, Deliver)
    assert (step.attempt, step.passed) == (2, False)
    assert isinstance(
        next_step(asking(max_failures=3), [dead[0], stopped(2, OPINION_X), *dead[1:]], at(1)), GiveUp
    )


def test_a_verdict_that_comes_late_stands_at_its_gate() -> None:
    gates = (FINISHED, AGREEMENT, SCHEMA)
    made = msgspec.structs.replace(asking(gates=gates), gates=gates)
    late = Verdict(check="agreement", score=0.0, reason="alone")
    attempt = msgspec.structs.replace(FIRST, verdicts=with_verdict(made, FIRST.verdicts, 1, late))
    assert [verdict.check for verdict in attempt.verdicts] == ["finished", "agreement", "json_schema"]
    assert missed_gate(made, attempt) == (AGREEMENT, late)


STATES = st.sampled_from(["flying", "good", "bad", "failed", "late"])


@given(
    first=STATES,
    opinions=st.lists(STATES, max_size=2),
    compared=st.sampled_from([None, 0.0, 0.5, 1.0]),
    elapsed=st.floats(0, 700),
)
def test_every_history_has_a_step_that_names_what_there_is(
    first: str, opinions: list[str], compared: float | None, elapsed: float
) -> None:
    """No call is numbered twice, none that has ended is stopped, and only answers are delivered."""

    def ended(number: int, index: int, state: str, why: Any) -> Attempt:
        match state:
            case "flying":
                return flying(number, index, why)
            case "failed":
                return failed(number, index, "server_error", why=why)
            case "late":
                return msgspec.structs.replace(
                    stopped(number, index), call=Call(number=number, rung=index, why=why)
                )
            case _:
                return answered(number, index, float(state == "good"), 1, why=why)

    history = [ended(1, 0, first, "first")]
    history += [ended(2 + i, OPINION_X + i, state, "opinion") for i, state in enumerate(opinions)]
    done = all(attempt.state != "in_flight" for attempt in history)
    if compared is not None and history[0].state == "answered" and done:
        history[0] = agreed(history[0], compared)
    step = next_step(asking(), history, at(elapsed))
    match step:
        case Start():
            assert all(call.number > len(history) for call in step.calls)
            assert step.calls or not done
        case Cancel():
            in_flight = {a.call.number for a in history if a.state == "in_flight"}
            assert step.calls
            assert in_flight.issuperset(step.calls)
        case Deliver():
            assert history[step.attempt - 1].state == "answered"
        case GiveUp():
            assert done
