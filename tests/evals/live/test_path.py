"""The way that a run's evidence went is short enough to be drawn, and leaves out nothing that decides."""

import math

import pytest

from tests.cli.shadow_setting import pairs_of
from tests.evals.live.test_trial import LATER, RUN
from tiercel.evals.live.path import MOST_POINTS, path_of
from tiercel.evals.live.trial import audited, tried


def test_it_begins_at_the_start_and_ends_at_the_evidence() -> None:
    trial = tried(RUN, pairs_of(RUN, "=-=+" * 20), LATER)
    path = path_of(trial)
    not_worse, worse = path.lines
    assert (path.at[0], path.observations[0], path.observations[-1]) == (RUN.started_at, 0, 80)
    assert (not_worse.log10_capital[0], worse.log10_capital[0]) == (0.0, 0.0)
    assert 10 ** not_worse.log10_capital[-1] == pytest.approx(trial.evidence.not_worse.capital, rel=1e-3)
    assert 10 ** worse.log10_capital[-1] == pytest.approx(trial.evidence.worse.capital, rel=1e-3)


def test_each_line_has_what_it_must_reach() -> None:
    """*worse* is tested at half the risk."""
    path = path_of(tried(RUN, pairs_of(RUN, "="), LATER))
    assert [round(10**line.needed) for line in path.lines] == [20, 40]


def test_of_a_long_run_the_highest_point_is_kept() -> None:
    """A claim that was shown once stays shown: the chart must not hide it."""
    trial = tried(RUN, pairs_of(RUN, "=" * 333 + "-" * 700), LATER)
    path = path_of(trial)
    assert len(path.at) == len(path.observations) == len(path.lines[0].log10_capital)
    assert MOST_POINTS <= len(path.at) <= MOST_POINTS + 2
    peak = trial.evidence.not_worse.log_peak / math.log(10)
    assert max(path.lines[0].log10_capital) == pytest.approx(peak, abs=1e-3)


def test_an_audit_has_one_line() -> None:
    (line,) = path_of(audited(RUN, pairs_of(RUN, "+" * 60), LATER)).lines
    assert line.claim == "worse after all"
    assert line.log10_capital[-1] > line.needed
