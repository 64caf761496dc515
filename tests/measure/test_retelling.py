"""A record told again: every call, verdict and charge stands in it, and the sums are the record's own."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.records.samples import FULL, feedback
from tiercel.domain.climb import Verdict
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import Usage
from tiercel.measure.charges import charges
from tiercel.measure.retelling import retell


def attempt(number: int, why: str, nano: int | None = 1_000_000, **more: object) -> AttemptRecord:
    made = AttemptRecord(
        number=number,
        why="first",
        rung=f"model-{number}",
        deployment=f"model-{number}",
        provider="somewhere",
        model=f"model-{number}",
        began_seconds=0.1 * number,
        seconds=0.5,
        ttft_seconds=0.25,
        usage=Usage(uncached=10, visible=5),
        cost_nano=nano,
        finish_reason="stop",
    )
    return msgspec.structs.replace(made, why=why, **more)


WHEN = "2026-11-21 10:30:33 UTC"
OUTVOTED = (
    Verdict(check="finished", score=1.0, reason="stop", seconds=0.001),
    Verdict(check="agreement", score=0.0, reason="0 of 2 agree", elects=2, seconds=0.002),
)
CLIMB = Record(
    id="r1",
    started_at=1_700_000_000.0,
    seconds=0.8,
    outcome="passed",
    rule="any",
    why="a test",
    ladder=("fast", "deep"),
    attempts=(
        attempt(1, "first", verdicts=OUTVOTED, missed="agreement"),
        attempt(2, "opinion"),
        attempt(3, "opinion", None),
    ),
    delivered=2,
    message="agreement: 0 of 2 agree",
)


def test_it_says_what_was_asked_measured_and_delivered() -> None:
    told = retell(CLIMB, WHEN)
    for words in (
        "ladder     fast → deep",
        "1. model-1 at somewhere: first, the first on the ladder",
        "agreement missed: 0, 0 of 2 agree; elects the answer of attempt 2 (2.0 ms)",
        "finished passed: 1, stop (1.0 ms)",
        "delivered  the answer of attempt 2, model-2",
        "2 opinion    30 tokens, $0.001 and a price unknown, 1.00 s",
        "in all $0.002 (and what has no known price)",
    ):
        assert words in told


def test_it_tells_of_a_request_that_was_never_called() -> None:
    refused = Record(id="r2", started_at=0.0, seconds=0.01, outcome="rejected", message="nobody may take it")
    told = retell(refused, WHEN)
    assert "Time line: nothing was called" in told
    assert "nobody may take it" in told


def test_feedback_is_told_too() -> None:
    assert "Feedback: " in retell(FULL, WHEN, feedback("f", FULL.id))


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**12)), max_size=6))
def test_charges_add_up_to_the_record(costs: list[int | None]) -> None:
    attempts = tuple(attempt(n, "first", nano) for n, nano in enumerate(costs, start=1))
    made = msgspec.structs.replace(CLIMB, attempts=attempts)
    assert sum(charge.nano or 0 for charge in charges(made)) == made.cost_nano


@given(
    began=st.floats(0, 1e4),
    seconds=st.floats(0, 1e4),
    ttft=st.one_of(st.none(), st.floats(0, 2e4)),
    whole=st.floats(0, 1e4),
)
def test_the_time_line_keeps_its_width(
    began: float, seconds: float, ttft: float | None, whole: float
) -> None:
    """Whatever the clocks say."""
    odd = attempt(1, "first", began_seconds=began, seconds=seconds, ttft_seconds=ttft)
    lines = retell(msgspec.structs.replace(CLIMB, attempts=(odd,), seconds=whole), WHEN).splitlines()
    (bar,) = [line for line in lines if line.endswith("|")]
    assert len(bar[bar.index("|") :]) == 42
