"""Percentiles with order-statistic intervals, and those that are refused."""

import math

import numpy as np
import pytest
from scipy import stats

from tiercel.evals.statistics.latency import quantile_interval


@pytest.mark.parametrize(("q", "n"), [(0.5, 30), (0.95, 100), (0.95, 200), (0.99, 600)])
def test_the_interval_covers_at_least_what_it_says(q: float, n: int) -> None:
    """Exactly: the ranks of both ends, and the binomial probability that the true quantile lies between them."""
    found = quantile_interval(list(range(1, n + 1)), q)
    low = 0 if found.low is None else int(found.low)
    high = n + 1 if found.high is None else int(found.high)
    assert float(stats.binom.cdf(high - 1, n, q) - stats.binom.cdf(low - 1, n, q)) >= 0.95


def test_at_200_values_p95_lies_between_the_92nd_and_the_98th_hundredth() -> None:
    found = quantile_interval([float(at) for at in range(1, 201)], 0.95)
    assert (found.low, found.value, found.high) == (184, 190, 197)


def test_the_order_of_the_values_does_not_matter() -> None:
    values = np.random.default_rng(1).permutation(300).astype(float).tolist()
    assert quantile_interval(values, 0.95) == quantile_interval(sorted(values), 0.95)


@pytest.mark.parametrize(
    ("q", "n", "given"), [(0.99, 499, False), (0.99, 500, True), (0.95, 19, False), (0.5, 1, True)]
)
def test_p99_is_refused_under_500_and_p95_under_20(q: float, n: int, given: bool) -> None:
    found = quantile_interval([1.0] * n, q)
    assert (found.value is not None) == given
    assert (found.refused is None) == given


def test_an_end_that_few_values_cannot_bound_is_unknown() -> None:
    """Above p95 the upper end of 30 values would lie beyond the largest."""
    found = quantile_interval([float(at) for at in range(30)], 0.95)
    assert found.value == 28
    assert found.high is None
    assert "above what was seen" in found.words


def test_words() -> None:
    assert (
        quantile_interval([1.0] * 100, 0.99).words
        == "p99 not given: 500 values are needed, and there are 100"
    )
    assert quantile_interval([float(at) for at in range(1, 201)], 0.95).words == (
        "p95 190 (95 % interval 184 to 197, n = 200)"
    )


@pytest.mark.parametrize(("count", "each"), [(25, 10), (80, 6)])
def test_in_clusters_the_interval_covers_what_it_says_where_the_plain_one_does_not(
    count: int, each: int
) -> None:
    """300 draws of sessions of which each has a pace of its own, half of the variance; log-normal, so the true p95 is
    known."""
    true, draw = math.exp(1.6448536), np.random.default_rng(20)
    sessions = np.repeat(np.arange(count), each).tolist()
    held = {"clustered": 0, "plain": 0}
    for _ in range(300):
        pace = np.repeat(draw.normal(0, math.sqrt(0.5), count), each)
        values = np.exp(pace + draw.normal(0, math.sqrt(0.5), count * each)).tolist()
        for name, clusters in (("clustered", sessions), ("plain", None)):
            found = quantile_interval(values, 0.95, clusters=clusters)
            low = -math.inf if found.low is None else found.low
            high = math.inf if found.high is None else found.high
            held[name] += low <= true <= high
    assert held["clustered"] / 300 > 0.93
    assert held["plain"] / 300 < 0.88


def test_a_p95_of_fewer_than_20_clusters_has_no_interval() -> None:
    values = [float(at) for at in range(190)]
    found = quantile_interval(values, 0.95, clusters=[at % 19 for at in range(190)])
    assert (found.value, found.low, found.high) == (180.0, None, None)
    assert found.words == "p95 180 without an interval: 20 independent clusters are needed, and there are 19"


def test_clusters_of_one_are_none() -> None:
    values = [float(at) for at in range(100)]
    assert quantile_interval(values, 0.95, clusters=list(range(100))) == quantile_interval(values, 0.95)


def test_values_that_are_all_alike_are_their_own_interval() -> None:
    found = quantile_interval([2.0] * 60, 0.95, clusters=[at // 2 for at in range(60)])
    assert (found.value, found.low) == (2.0, 2.0)


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1.0], 0.0), ([1.0, float("nan")], 0.5)])
def test_bad_input_is_told(values: list[float], q: float) -> None:
    with pytest.raises(ValueError, match=r"at least one number|must lie between|is nan"):
        quantile_interval(values, q)
