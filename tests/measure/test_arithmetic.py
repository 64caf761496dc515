"""Quantiles and intervals against known values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.measure.quantile import percentiles, quantile
from tiercel.measure.rate import rate, wilson

finite = st.floats(-1e9, 1e9)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        # the first five are in Newcombe (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_wilson_against_published_intervals(count: int, n: int, low: float, high: float) -> None:
    """The interval is Wilson's, without continuity correction."""
    assert list(wilson(count, n)) == pytest.approx([low, high], abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share(case: tuple[int, int]) -> None:
    """Low, share and high stand in this order, within 0 and 1."""
    found = rate(*case)
    assert found.low is not None
    assert found.share is not None
    assert found.high is not None
    assert 0 <= found.low <= found.share <= found.high <= 1


def test_a_share_of_nothing_is_unknown() -> None:
    """0 of 0 is neither 0 nor 1."""
    assert (rate(0, 0).share, rate(0, 0).low, rate(0, 0).high) == (None, None, None)


@pytest.mark.parametrize(
    ("q", "expected"), [(0.05, 15), (0.3, 20), (0.4, 20), (0.5, 35), (0.95, 50), (1.0, 50)]
)
def test_nearest_rank(q: float, expected: float) -> None:
    """The textbook example of the nearest-rank method."""
    assert quantile([50, 15, 40, 20, 35], q) == expected


def test_p95_of_twenty_leaves_one_above() -> None:
    """0.95 * 20 is 19, also in floating point."""
    assert quantile(list(range(1, 21)), 0.95) == 19


@given(st.lists(finite, min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_a_quantile_occurred_and_covers_its_share(values: list[float], q: float) -> None:
    """It is one of the values, and at least the share `q` does not exceed it."""
    found = quantile(values, q)
    assert found in values
    assert sum(value <= found for value in values) >= q * len(values) - 1e-6


@pytest.mark.parametrize(
    ("n", "p50", "p95"), [(0, None, None), (1, 1.0, None), (19, 10.0, None), (20, 10.0, 19.0)]
)
def test_p95_needs_twenty_values(n: int, p50: float | None, p95: float | None) -> None:
    """Below that the p95 is refused; p50 needs one value."""
    found = percentiles(float(i) for i in range(1, n + 1))
    assert (found.n, found.p50, found.p95) == (n, p50, p95)
