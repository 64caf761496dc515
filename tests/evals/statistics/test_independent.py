"""Figures of two arms that were given different requests."""

import math

import pytest

from tiercel.evals.statistics.independent import Bounded, difference, ratio
from tiercel.evals.statistics.score import score


def figure(value: float, low: float | None, high: float | None) -> Bounded:
    return Bounded(value=value, low=low, high=high)


def of(passed: int, n: int) -> Bounded:
    found = score([1.0] * passed + [0.0] * (n - passed))
    return figure(found.value, found.interval.low, found.interval.high)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((48, 80), (56, 70), -0.3339, -0.0524),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_two_rates_differ_as_newcombe_published(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe 1998, Statistics in Medicine 17, table II, method 10."""
    found = difference(of(*other), of(*one))
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_the_difference_of_two_normal_figures_has_the_error_of_both() -> None:
    found = difference(figure(10.0, 7.0, 13.0), figure(20.0, 16.0, 24.0))
    assert found == figure(10.0, 5.0, 15.0)


def test_a_ratio_is_a_difference_of_logarithms() -> None:
    found = ratio(figure(2.0, 1.0, 4.0), figure(1.0, 0.5, 2.0))
    assert found is not None
    assert found.value == pytest.approx(0.5)
    reach = 2 ** math.sqrt(2)
    assert found.low == pytest.approx(0.5 / reach)
    assert found.high == pytest.approx(0.5 * reach)


def test_an_end_that_is_not_bounded_leaves_the_other_one() -> None:
    assert difference(figure(1.0, 0.5, 1.5), figure(3.0, 2.0, None)) == figure(
        2.0, 2 - math.hypot(0.5, 1), None
    )
    found = ratio(figure(1.0, 0.0, 2.0), figure(1.0, 0.5, 2.0))
    assert found is not None
    assert found.high is None
    assert found.low is not None


def test_there_is_no_ratio_to_nothing() -> None:
    assert ratio(figure(0.0, 0.0, 1.0), figure(1.0, 0.5, 2.0)) is None
