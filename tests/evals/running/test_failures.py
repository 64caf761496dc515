"""What each way of not answering means for the item and for its candidate."""

from typing import get_args

import pytest

from tiercel.domain.failure import Failure, FailureKind
from tiercel.domain.record import AttemptRecord, Outcome, Record
from tiercel.evals.asked import Asked
from tiercel.evals.running.failures import FAILURES, Then, why


def record(
    outcome: Outcome = "failed", problem: str | None = None, kind: FailureKind | None = None
) -> Record:
    attempt = AttemptRecord(
        number=1,
        why="first",
        rung="a",
        deployment="a",
        provider="p",
        model="a",
        state="failed",
        failure=None if kind is None else Failure(kind=kind, message="no"),
    )
    attempts = () if kind is None else (attempt,)
    return Record(id="r", started_at=0.0, seconds=0.0, outcome=outcome, problem=problem, attempts=attempts)


def test_every_kind_of_failure_is_in_the_table() -> None:
    assert FAILURES.keys() == set(get_args(FailureKind))


@pytest.mark.parametrize(
    ("kind", "then", "is_own"),
    [
        ("timeout", "again", False),
        ("rate_limited", "slower", False),
        ("auth", "out", False),
        ("bad_request", "never", False),
        ("empty", "never", True),
        ("content_policy", "never", True),
    ],
)
def test_a_failure_says_what_follows(kind: FailureKind, then: Then, is_own: bool) -> None:
    failed = why(Asked(problem="no", record=record(kind=kind)))
    assert failed is not None
    assert (failed.then, failed.is_own, failed.called) == (then, is_own, True)


@pytest.mark.parametrize(
    ("outcome", "problem", "then"),
    [
        ("failed", "rate_limit", "slower"),
        ("failed", "upstream_unreachable", "again"),
        ("rejected", "invalid_request", "never"),
    ],
)
def test_what_reached_no_provider_is_told_by_its_problem(outcome: Outcome, problem: str, then: Then) -> None:
    failed = why(Asked(problem="no", record=record(outcome, problem), retry_after_seconds=3.0))
    assert failed is not None
    assert (failed.then, failed.called) == (then, False)


def test_without_a_record_the_gateway_itself_did_not_answer() -> None:
    failed = why(Asked(problem="gone"))
    assert failed is not None
    assert (failed.then, failed.reason) == ("again", "gone")
