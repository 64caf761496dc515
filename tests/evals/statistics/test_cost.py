"""Cost per success: a ratio of sums with an interval, and none where nothing bounds it."""

import numpy as np
import pytest

from tiercel.evals.statistics.bootstrap import bootstrap_interval
from tiercel.evals.statistics.cost import Spending, cost_per_success, relative_cost

MICRO = 1_000


def test_it_is_the_ratio_of_sums_and_not_the_mean_of_ratios() -> None:
    """Two successes for 30 micro-dollars, of which one failure cost 10."""
    found = cost_per_success([10 * MICRO, 10 * MICRO, 10 * MICRO], [1, 0, 1])
    assert found.value_nano == 15 * MICRO


def test_the_interval_covers_the_truth() -> None:
    """300 runs of 120 items with skewed costs, dearer where they fail; the truth is 1.75 / 0.75."""
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(300):
        wins = (rng.random(120) < 0.75).astype(float)
        costs = rng.exponential(1.0, 120) * np.where(wins == 1, 1.0, 4.0) * 1e6
        found = cost_per_success(costs, wins)
        assert found.low_nano is not None
        assert found.high_nano is not None
        covered += found.low_nano <= 1.75 / 0.75 * 1e6 <= found.high_nano
    assert 0.90 <= covered / 300 <= 0.99


def test_fieller_and_resampling_agree_where_there_is_plenty() -> None:
    rng = np.random.default_rng(9)
    wins = (rng.random(400) < 0.8).astype(float)
    costs = rng.uniform(0.5, 2, 400) * 1e6
    found = cost_per_success(costs, wins)
    drawn = bootstrap_interval([costs, wins], lambda cost, won: cost / won, seed=2, draws=1_999)
    assert drawn is not None
    assert (found.low_nano, found.high_nano) == pytest.approx((drawn.low, drawn.high), rel=0.02)


def test_few_successes_do_not_bound_it_from_above() -> None:
    found = cost_per_success([5 * MICRO] * 20, [1] + [0] * 19)
    assert found.high_nano is None
    assert found.low_nano is not None
    assert 0 < found.low_nano < 100 * MICRO
    assert "not bounded" in found.words


def test_without_a_success_there_is_no_ratio() -> None:
    found = cost_per_success([5_000_000] * 4, [0, 0, 0, 0])
    assert (found.value_nano, found.low_nano, found.high_nano) == (None, None, None)
    assert found.words == "$0.02 spent and no success (n = 4)"


def test_what_costs_nothing_costs_nothing() -> None:
    found = cost_per_success([0, 0, 0], [1, 0, 1])
    assert (found.value_nano, found.low_nano, found.high_nano) == (0, 0, 0)


def test_conversations_widen_it() -> None:
    costs = np.repeat(np.random.default_rng(1).exponential(1e6, 20), 10)
    wins = [1.0] * 200
    alone = cost_per_success(costs, wins)
    grouped = cost_per_success(costs, wins, clusters=[at // 10 for at in range(200)])
    assert alone.high_nano is not None
    assert grouped.high_nano is not None
    assert grouped.high_nano > alone.high_nano


def test_the_saving_is_known_better_in_pairs_than_each_cost_alone() -> None:
    """A candidate at a tenth of the price on every item: the ratio is a tenth, without any doubt."""
    rng = np.random.default_rng(3)
    costs = rng.exponential(1e6, 100)
    wins = (rng.random(100) < 0.8).astype(float)
    found = relative_cost(Spending(costs, wins), Spending(costs * 0.1, wins), seed=1, draws=999)
    assert found.ratio == pytest.approx(0.1)
    noisy = relative_cost(
        Spending(costs, wins), Spending(costs * rng.uniform(0.05, 0.15, 100), wins), seed=1, draws=999
    )
    assert noisy.interval is not None
    assert 0.08 < noisy.interval.low < noisy.ratio < noisy.interval.high < 0.12


def test_the_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(4)
    before = Spending(rng.exponential(1e6, 60), [1.0] * 60)
    after = Spending(rng.exponential(1e5, 60), (rng.random(60) < 0.9).astype(float))
    assert relative_cost(before, after, seed=5, draws=499) == relative_cost(before, after, seed=5, draws=499)


@pytest.mark.parametrize(
    ("costs", "wins", "message"),
    [
        ([-1, 2], [1, 1], r"costs_nano\[0\] is -1"),
        ([1, 2], [1, 2], r"successes\[1\] is 2"),
        ([1, 2], [1], "1 entries where there are 2"),
        ([1], [1], "two independent"),
    ],
)
def test_bad_input_is_told(costs: list[float], wins: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cost_per_success(costs, wins)


def test_a_saving_against_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must have cost something"):
        relative_cost(Spending([0, 0], [1, 1]), Spending([1, 1], [1, 1]), seed=1)
