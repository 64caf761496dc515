"""Which requests of a split count, and what each arm has to show."""

from collections.abc import Sequence
from typing import Any

import pytest

from tiercel.measure.split import Trial, of_last_shares, trials
from tiercel.records.split_row import SplitRow

PLAIN = SplitRow(
    id="",
    started_at=0.0,
    rule="chat",
    split="trial",
    arm="a",
    propensity=0.5,
    complete=True,
    unit="u",
    cluster="u",
    outcome="passed",
    seconds=1.0,
    cost_nano=100,
    opinion=None,
    simulated=False,
)


def row(at: float, arm: str | None = "a", propensity: float | None = 0.5, **more: Any) -> SplitRow:
    return PLAIN._replace(id=f"r{at:g}", started_at=at, arm=arm, propensity=propensity, **more)


def only(rows: Sequence[SplitRow]) -> Trial:
    (found,) = trials(rows)
    return found


def test_an_arm_shows_its_requests_and_what_they_belong_to() -> None:
    found = only(
        [
            row(1, unit="u1", cluster="u1", opinion="accepted"),
            row(2, unit="u1", cluster="u1", opinion="rejected", seconds=2.0),
            row(3, unit="u2", cluster="u2", outcome="failed", cost_nano=None, seconds=9.0),
            row(4, "b", simulated=True),
        ]
    )
    a, b = found.arms
    assert (a.name, a.share, a.requests, a.units, a.keepers) == ("a", 0.5, 3, 2, 2)
    assert (a.successes, a.clusters) == ((False, False, True), ("u2", "u1", "u1"))
    assert (a.opinions, a.opinion_clusters) == ((False, True), ("u1", "u1"))
    assert (a.costs_nano, a.unpriced) == ((100, 100), 1)
    assert (a.seconds, a.second_clusters) == ((2.0, 1.0), ("u1", "u1"))
    assert (b.requests, found.counted, found.simulated) == (1, 4, 1)
    assert (found.since, found.until) == (1, 4)


def test_a_request_that_draws_for_itself_is_a_unit_that_keeps_nothing() -> None:
    (arm,) = only([row(at, unit=f"r{at:g}") for at in (1, 2, 3)]).arms
    assert (arm.units, arm.keepers) == (3, 0)


def test_requests_that_could_not_be_given_every_arm_do_not_count() -> None:
    found = only([row(1), row(2, "b", 1.0, complete=False), row(3, None, None, complete=False), row(4, "b")])
    assert (found.requests, found.incomplete, found.counted) == (4, 2, 2)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ([("a", 0.5), ("b", 0.5)], [("b", 0.1), ("a", 0.9)]),
        ([("b", 0.5), ("a", 0.5)], [("a", 1.0)]),
        ([("a", 0.5), ("b", 0.5)], [("a", 0.5), ("b", 0.25), ("c", 0.25)]),
        ([("a", 0.4), ("c", 0.4), ("b", 0.2)], [("a", 0.4), ("b", 0.6)]),
    ],
    ids=["moved", "an arm gone", "an arm more", "one share alike"],
)
def test_only_requests_since_the_shares_last_changed_count(
    earlier: list[tuple[str, float]], later: list[tuple[str, float]]
) -> None:
    """Those before were shared out otherwise, and may have been other requests altogether."""
    drawn = [*earlier, *later]
    found = only([row(at, arm, share) for at, (arm, share) in enumerate(drawn)])
    assert found.counted <= len(later) + 1
    assert found.counted + found.earlier == len(drawn)
    assert {(arm.name, arm.share) for arm in found.arms} <= {*later, earlier[-1]}


def test_shares_that_never_changed_leave_nothing_out() -> None:
    thirds = [row(at, name, 1 / 3) for at, name in enumerate("abcabcbbca")]
    assert list(of_last_shares(thirds)) == thirds


def test_splits_are_told_apart_by_name_and_name_their_rules() -> None:
    found = trials([row(1, rule="x"), row(2, rule="y"), row(3, split="another", rule="z")])
    assert [(trial.split, trial.rules) for trial in found] == [("another", ("z",)), ("trial", ("x", "y"))]


def test_nothing_comes_of_nothing() -> None:
    assert trials([]) == ()
    nobody = only([row(1, None, None, complete=False)])
    assert (nobody.arms, nobody.counted, nobody.since) == ((), 0, None)
