"""The report's numbers on a table worked out by hand."""

from typing import get_args

import msgspec
import pytest

from tests.measure.samples import DAY, FEEDBACK, TABLE, answered, schema
from tiercel.domain.measured import tokens_per_second
from tiercel.domain.record import Record
from tiercel.measure.climbing import calls
from tiercel.measure.rate import Rate
from tiercel.measure.report import By, Group, summarise


def total() -> Group:
    return summarise(TABLE, FEEDBACK).total


def counts(rate: Rate) -> tuple[int, int]:
    return rate.count, rate.n


def test_a_success_is_delivered_passed_and_not_rejected() -> None:
    """Two of five: one was rejected by its user, one only marked, one never served."""
    found = total().quality
    assert (counts(found.success), counts(found.verified), counts(found.accepted)) == ((2, 5), (2, 2), (1, 2))


def test_outcomes_are_listed_most_frequent_first() -> None:
    """All requests, each under its outcome."""
    assert list(total().quality.outcomes.items()) == [("passed", 3), ("marked", 1), ("rejected", 1)]


def test_a_success_bears_the_cost_of_everything() -> None:
    """14.5 thousandths of a dollar for two successes, failed and rejected answers included."""
    found = total().cost
    assert (found.known_nano, found.unknown, found.per_success_nano) == (14_500_000, 0, 7_250_000)


def test_an_unknown_price_is_never_zero() -> None:
    """One unknown price makes the cost per success unknown, and says of how many requests."""
    unknown = msgspec.structs.replace(TABLE[0], id="x", attempts=(answered(1, cost_nano=None),))
    found = summarise((*TABLE, unknown), FEEDBACK).total.cost
    assert (found.known_nano, found.unknown, found.per_success_nano) == (14_500_000, 1, None)


def test_an_answer_without_usage_has_no_known_cost() -> None:
    """Not even the tokens are known: that is no free answer either."""
    attempt = msgspec.structs.replace(answered(1), usage=None, cost_nano=None)
    unknown = msgspec.structs.replace(TABLE[0], attempts=(attempt,))
    assert summarise([unknown]).total.cost.unknown == 1


def test_without_a_success_there_is_no_cost_of_one() -> None:
    """Nothing is divided by zero."""
    assert summarise([TABLE[3]]).total.cost.per_success_nano is None


def test_speed_is_of_delivered_answers() -> None:
    """Four were delivered; p95 would be an invention."""
    found = total().speed
    assert (found.latency_seconds.n, found.latency_seconds.p50, found.latency_seconds.p95) == (4, 2.0, None)
    assert (found.ttft_seconds.n, found.ttft_seconds.p50) == (4, 0.4)
    assert found.tokens_per_second.p50 == pytest.approx(100 / 0.8)


@pytest.mark.parametrize(
    "changes", [{"ttft_seconds": None}, {"usage": None}, {"seconds": 0.2}, {"seconds": 0.1}], ids=str
)
def test_no_speed_is_made_up(changes: dict[str, float | None]) -> None:
    """Without a first token's time, a count, or time between first and last token, there is no tokens/s."""
    assert tokens_per_second(msgspec.structs.replace(answered(1), **changes)) is None


def test_climbing_counts_requests_not_attempts() -> None:
    """Each kind happened in one request of five, retries and hedges in none."""
    found = total().climbing
    shares = [counts(r) for r in (found.retry, found.fallback, found.re_ask, found.escalation, found.hedge)]
    assert shares == [(0, 5), (1, 5), (1, 5), (1, 5), (0, 5)]


def test_a_hedged_request_is_counted_as_such() -> None:
    hedged = msgspec.structs.replace(TABLE[0], attempts=(answered(1), answered(2, "hedge")))
    assert counts(summarise([hedged, TABLE[0]]).total.climbing.hedge) == (1, 2)


def test_calls_count_every_answer() -> None:
    """Seven calls: one failed as an empty answer, three ended otherwise than by stop, two of three had valid JSON."""
    found = total().calls
    assert (found.n, counts(found.failed), counts(found.empty), counts(found.non_stop)) == (
        7,
        (1, 7),
        (1, 7),
        (3, 7),
    )
    assert (counts(found.format_valid), counts(found.format_valid_as_is)) == ((2, 3), (1, 3))


def test_a_check_that_could_not_measure_says_nothing_of_the_format() -> None:
    """A crashed check is neither valid nor invalid."""
    assert counts(calls([answered(1, verdicts=(schema(score=0.0, error="timed out"),))]).format_valid) == (
        0,
        0,
    )


def test_calls_that_we_stopped_did_not_fail() -> None:
    """A cancelled call is made, and neither failed nor empty."""
    stopped = msgspec.structs.replace(answered(1), state="cancelled")
    found = calls([stopped, answered(2)])
    assert (found.n, counts(found.failed)) == (2, (0, 1))


def by(name: By) -> list[tuple[str, int, int]]:
    report = summarise(TABLE, FEEDBACK, name)
    return [(row.name, row.requests, row.calls.n) for row in report.rows]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("task", [("coding", 2, 4), ("extraction", 2, 3), ("gui", 1, 0)]),
        ("model", [("haiku", 3, 5), ("sonnet", 1, 1), ("none", 1, 0), ("gemini", 0, 1)]),
        ("tier", [("fast", 3, 6), ("balanced", 1, 1), ("none", 1, 0)]),
        ("effort", [("default", 4, 6), ("none", 1, 0), ("low", 0, 1)]),
        ("session", [("no session", 4, 6), ("s", 1, 1)]),
    ],
)
def test_groups(name: By, rows: list[tuple[str, int, int]]) -> None:
    """Requests stand with the delivered answer, calls with whom they went to; nothing is left out."""
    assert by(name) == rows


@pytest.mark.parametrize("name", get_args(By))
def test_groups_add_up(name: By) -> None:
    """Requests, calls and cost of the rows are those of the total."""
    rows = summarise(TABLE, FEEDBACK, name).rows
    sums = (sum(r.requests for r in rows), sum(r.calls.n for r in rows), sum(r.cost.known_nano for r in rows))
    assert sums == (5, 7, 14_500_000)


def test_simulated_requests_are_counted_apart() -> None:
    """Only what reached a model can have been simulated."""
    records = [*TABLE[:2], msgspec.structs.replace(TABLE[2], simulated=True), TABLE[4]]
    found = summarise(records).total
    assert (found.requests, found.called, found.simulated) == (4, 3, 1)


def test_nothing_makes_an_empty_report() -> None:
    """No records: no rate, no time, no crash."""
    report = summarise([], by="task")
    assert (report.rows, report.since, report.total.requests, report.total.quality.success.share) == (
        (),
        None,
        0,
        None,
    )


def test_the_period_is_that_of_the_records() -> None:
    """First and last start."""
    records: tuple[Record, ...] = TABLE
    report = summarise(records)
    assert (report.since, report.until) == (DAY, DAY + 240)
