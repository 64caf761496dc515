"""How good is one: rates and means with intervals that stay honest at the ends and in clusters."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tiercel.evals.statistics.score import at_least, clustered_standard_error, score
from tiercel.evals.statistics.values import Labels


@pytest.mark.parametrize(("passed", "n"), [(0, 20), (1, 7), (13, 20), (59, 59), (640, 1000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_a_rate_has_the_wilson_interval_of_scipy(passed: int, n: int, confidence: float) -> None:
    found = score([1] * passed + [0] * (n - passed), confidence=confidence)
    wanted = stats.binomtest(passed, n).proportion_ci(confidence, method="wilson")
    assert (found.interval.low, found.interval.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


@pytest.mark.parametrize(("passed", "n"), [(0, 20), (1, 7), (13, 20), (640, 1000)])
def test_a_rate_has_the_wilson_interval_of_evalstats(passed: int, n: int) -> None:
    resampling = pytest.importorskip("evalstats.core.resampling", reason="evalstats is not installed")
    found = score([1] * passed + [0] * (n - passed)).interval
    assert (found.low, found.high) == pytest.approx(resampling.wilson_ci(passed, n, 0.05), abs=1e-9)


def test_nothing_right_of_twenty_is_not_zero() -> None:
    """0 of 20 reaches up to 16.1 %."""
    assert score([0] * 20).interval.high == pytest.approx(0.161, abs=5e-4)


def test_graded_scores_have_students_interval() -> None:
    values = [0.2, 0.9, 0.4, 0.55, 0.7, 0.31]
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = score(values).interval
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


def test_graded_scores_that_are_all_alike_still_have_an_interval() -> None:
    found = score([0.8] * 10)
    assert found.interval.low < 0.8 < found.interval.high


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60))
def test_the_standard_error_without_clusters_is_the_usual_one(values: list[float]) -> None:
    array = np.array(values)
    assert clustered_standard_error(array) == pytest.approx(
        array.std(ddof=1) / math.sqrt(len(values)), abs=1e-9
    )


def test_repeating_each_item_ten_times_adds_no_evidence() -> None:
    """Ten equal answers of an item are one item."""
    once = [0, 1, 1, 0, 1, 1, 1, 0, 1, 0]
    ten = [value for value in once for _ in range(10)]
    names = [f"item {at}" for at in range(10) for _ in range(10)]
    alone, repeated = score(once), score(ten, clusters=names)
    assert repeated.standard_error == pytest.approx(alone.standard_error)
    # the rate's effective size is p (1 - p) / SE², one less than the number of clusters
    assert repeated.interval.high - repeated.interval.low == pytest.approx(
        alone.interval.high - alone.interval.low, rel=0.06
    )


def test_clusters_that_all_passed_count_as_many_items_as_there_are_clusters() -> None:
    found = score([1] * 100, clusters=[at % 5 for at in range(100)])
    assert found.interval == score([1] * 5).interval


def test_the_clustered_error_is_that_of_a_regression_on_a_constant_with_clusters() -> None:
    """statsmodels' cluster-robust variance, where it is installed."""
    linear_model = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 12, size=80)
    values = rng.random(80) * 0.5 + groups / 24
    fit = linear_model.OLS(values, np.ones(80)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    count = len(set(groups.tolist()))
    assert clustered_standard_error(values, groups.tolist()) == pytest.approx(
        fit.bse[0] * math.sqrt(count / (count - 1))
    )


@pytest.mark.parametrize(("passed", "n", "bound"), [(10, 10, 0.741), (59, 59, 0.9505), (58, 59, 0.922)])
def test_the_exact_lower_bound(passed: int, n: int, bound: float) -> None:
    """10 of 10 show 74.1 %; 95 % take 59 of 59."""
    assert at_least(passed, n) == pytest.approx(bound, abs=6e-4)


def test_nothing_passed_shows_nothing() -> None:
    assert at_least(0, 40) == 0


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_a_rates_interval_covers_the_truth_about_as_often_as_it_says(share: float) -> None:
    """Exactly, over all outcomes of 60 items: from 91 to 99 % for a nominal 95."""
    n = 60
    covered = sum(
        float(stats.binom.pmf(passed, n, share))
        for passed in range(n + 1)
        if score([1] * passed + [0] * (n - passed)).interval.holds(share)
    )
    assert 0.91 <= covered <= 0.99


def test_clustered_intervals_cover_the_truth() -> None:
    """20 conversations of 10 items that pass or fail nearly together: plain intervals would cover about half."""
    rng = np.random.default_rng(5)
    covered = plain = 0
    clusters = [at // 10 for at in range(200)]
    for _ in range(300):
        skill = rng.beta(1.4, 0.6, size=20).repeat(10)
        values = (rng.random(200) < skill).astype(float)
        covered += score(values, clusters=clusters).interval.holds(0.7)
        plain += score(values).interval.holds(0.7)
    assert covered / 300 > 0.90 > 0.75 > plain / 300


@pytest.mark.parametrize(
    ("values", "clusters", "message"),
    [
        ([], None, "at least one number"),
        ([0.5], None, "two independent"),
        ([0.5, 1.5], None, r"values\[1\] is 1.5"),
        ([0.5, math.nan], None, r"values\[1\] is nan"),
        ([0.5, 0.6], ["a"], "1 entries where there are 2"),
        ([0.5, 0.6], ["a", "a"], "two independent"),
    ],
)
def test_bad_input_is_told(values: list[float], clusters: Labels | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(values, clusters=clusters)


def test_words_name_n_the_interval_and_that_it_is_provisional() -> None:
    assert score([1] * 9 + [0]).words == "90.0 % (95 % interval 59.6 % to 98.2 %, n = 10; provisional)"
