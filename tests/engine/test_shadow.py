"""The live side of a pair: what of a record stands beside a candidate's answer."""

import msgspec
import pytest

from tiercel.domain.climb import Plan, Verdict
from tiercel.domain.facts import Facts
from tiercel.domain.failure import Failure
from tiercel.domain.policy import Gate
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import Usage
from tiercel.engine.shadow import live_answer

GATES = (
    Gate(check="finished"),
    Gate(check="judge", asks="judge", ask=("other",)),
    Gate(check="length", at_least=0.5),
)
PLAN = Plan(facts=Facts(), rule="any", stages=("fast",), rungs=(), gates=GATES)
COPIED = msgspec.structs.replace(PLAN, gates=(GATES[0], GATES[2]))


def verdict(check: str, score: float, error: str | None = None) -> Verdict:
    return Verdict(check=check, score=score, reason="", error=error)


def record(*verdicts: Verdict, **changes: object) -> Record:
    attempt = AttemptRecord(
        number=1,
        why="first",
        rung="live@low",
        deployment="live",
        provider="lab",
        model="live",
        usage=Usage(uncached=10, visible=7, reasoning=3),
        cost_nano=500,
        finish_reason="stop",
        verdicts=verdicts,
    )
    whole = Record(
        id="rec_1", started_at=1.0, seconds=2.0, outcome="passed", attempts=(attempt,), delivered=1
    )
    return msgspec.structs.replace(whole, **changes)


@pytest.mark.parametrize(
    ("verdicts", "passed", "score", "worst"),
    [
        ((verdict("finished", 1), verdict("judge", 0.1), verdict("length", 0.8)), True, 0.8, "length"),
        ((verdict("finished", 1), verdict("judge", 1), verdict("length", 0.4)), False, 0.4, "length"),
        ((verdict("finished", 0.9), verdict("length", 0)), False, 0, "finished"),
        ((verdict("finished", 1), verdict("length", 0, error="broke")), True, 1, "finished"),
    ],
    ids=["a judge is left out", "missed", "the first that was missed", "a check that broke"],
)
def test_only_gates_that_call_no_model_count(
    verdicts: tuple[Verdict, ...], passed: bool, score: float, worst: str
) -> None:
    """Of both sides the same is asked."""
    answer = live_answer(record(*verdicts), PLAN, COPIED, None)
    assert (answer.passed, answer.score, answer.worst) == (passed, score, worst)


def test_what_the_record_says_of_the_answer() -> None:
    """All calls together, thinking counted."""
    answer = live_answer(record(verdict("finished", 1)), PLAN, COPIED, None)
    assert (answer.rung, answer.model, answer.finish) == ("live@low", "live", "stop")
    assert (answer.seconds, answer.cost_nano, answer.output_tokens) == (2.0, 500, 10)


def test_an_answer_that_no_check_measured_is_as_good_as_its_climb() -> None:
    """Such as what a reviewer wrote."""
    assert live_answer(record(), PLAN, COPIED, None).passed
    assert not live_answer(record(outcome="marked"), PLAN, COPIED, None).passed


def test_a_refusal_has_not_passed() -> None:
    """As in the report, it is no success."""
    assert not live_answer(record(verdict("finished", 1), outcome="refused"), PLAN, COPIED, None).passed


def test_nobody_answered() -> None:
    """The last failure stands in the pair, and nothing is made up of an answer."""
    (attempt,) = record().attempts
    failed = msgspec.structs.replace(
        attempt, state="failed", failure=Failure(kind="server_error", message="no"), cost_nano=None
    )
    answer = live_answer(record(attempts=(failed,), delivered=None, outcome="failed"), PLAN, COPIED, None)
    assert (answer.failure, answer.model, answer.passed, answer.score) == ("server_error", "", False, None)
    assert answer.cost_nano is None, "it used tokens whose price is unknown"
