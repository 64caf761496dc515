"""Resampling: seeded, by whole clusters, and silent where it cannot tell."""

import numpy as np
import pytest

from tiercel.evals.statistics.bootstrap import bootstrap_difference, bootstrap_interval
from tiercel.evals.statistics.paired import paired_difference


def test_it_agrees_with_the_formula_for_graded_scores() -> None:
    rng = np.random.default_rng(1)
    baseline = rng.random(300)
    candidate = np.clip(baseline + rng.normal(0.02, 0.1, 300), 0, 1)
    formula = paired_difference(baseline, candidate).interval
    drawn = bootstrap_difference(baseline, candidate, seed=1, draws=1_999)
    assert drawn is not None
    assert (drawn.low, drawn.high) == pytest.approx((formula.low, formula.high), abs=0.002)


def test_whole_clusters_are_drawn() -> None:
    """Ten copies of each pair change nothing when they belong together."""
    rng = np.random.default_rng(2)
    baseline, candidate = rng.random(40), rng.random(40)
    once = bootstrap_difference(baseline, candidate, seed=3, draws=499)
    copies = [at for at in range(40) for _ in range(10)]
    ten = bootstrap_difference(baseline.repeat(10), candidate.repeat(10), clusters=copies, seed=3, draws=499)
    assert once is not None
    assert ten is not None
    assert (ten.low, ten.high) == pytest.approx((once.low, once.high))


def test_the_seed_decides() -> None:
    rng = np.random.default_rng(4)
    baseline, candidate = rng.random(40), rng.random(40)
    one, same, other = (bootstrap_difference(baseline, candidate, seed=seed, draws=299) for seed in (1, 1, 2))
    assert one == same != other


def test_nothing_to_resample_gives_no_interval() -> None:
    assert bootstrap_difference([0.5] * 20, [0.5] * 20, seed=1, draws=99) is None


def test_a_figure_that_some_draws_do_not_have_gives_no_interval() -> None:
    wins = np.array([1.0] + [0.0] * 9)
    assert bootstrap_interval([np.ones(10), wins], lambda cost, won: cost / won, seed=1, draws=99) is None


def test_one_cluster_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="two independent"):
        bootstrap_difference([0, 1], [1, 1], clusters=["a", "a"], seed=1)


def test_many_clusters_are_drawn_in_groups_without_losing_precision() -> None:
    """10,000 independent items: the interval is about that of the normal distribution, which is right for so many."""
    rng = np.random.default_rng(8)
    before, after = rng.random(10_000), rng.random(10_000)
    found = bootstrap_difference(before, after, seed=1)
    assert found is not None
    half = 1.96 * (after - before).std() / 100
    middle = (after - before).mean()
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=0.08 * half)
