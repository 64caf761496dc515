"""Is one better on the same items: oracles, exact coverage, and what pairing buys on real answers."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from tests.evals.statistics.real import gsm8k, needs_gsm8k
from tiercel.evals.statistics.bootstrap import bootstrap_difference
from tiercel.evals.statistics.paired import (
    Discordance,
    exact_mcnemar,
    paired,
    paired_difference,
    tango_bound,
    tango_score,
    unpaired_difference,
)


def outcomes(both: int, only_candidate: int, only_baseline: int, neither: int) -> tuple[list[int], list[int]]:
    """Scores of baseline and candidate with so many items of each kind."""
    baseline = [1] * both + [0] * only_candidate + [1] * only_baseline + [0] * neither
    candidate = [1] * both + [1] * only_candidate + [0] * only_baseline + [0] * neither
    return baseline, candidate


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_exact(better: int, worse: int) -> None:
    """scipy's exact binomial test on the items that differ; 1 without any."""
    wanted = stats.binomtest(better, better + worse).pvalue if better + worse else 1.0
    assert exact_mcnemar(better, worse) == wanted


def test_mcnemar_is_that_of_statsmodels() -> None:
    tables = pytest.importorskip(
        "statsmodels.stats.contingency_tables", reason="statsmodels is not installed"
    )
    wanted = tables.mcnemar([[300, 41], [22, 90]], exact=True).pvalue
    assert exact_mcnemar(41, 22) == pytest.approx(wanted)


@pytest.mark.parametrize(("better", "worse", "n"), [(9, 14, 113), (41, 22, 200), (1, 3, 20), (41, 22, 1319)])
def test_tangos_interval_is_that_of_evalstats(better: int, worse: int, n: int) -> None:
    """Theirs is solved in closed form; without its correction for continuity it is Tango's."""
    resampling = pytest.importorskip("evalstats.core.resampling", reason="evalstats is not installed")
    baseline, candidate = outcomes(n - better - worse, better, worse, 0)
    wanted = resampling.tango_scc_paired_ci(np.array(candidate), np.array(baseline), 0.05, c=0.0)
    counts = Discordance(only_candidate=better, only_baseline=worse, n=n)
    z = stats.norm.ppf(0.975)
    assert (tango_bound(counts, z), tango_bound(counts, -z)) == pytest.approx(wanted, abs=1e-6)


def test_pairs_that_all_differ_in_one_direction_have_their_interval() -> None:
    """Rounding took the root of a number below 0 there, and with it the whole report."""
    for n in range(1, 200):
        lost = Discordance(only_candidate=0, only_baseline=n, n=n)
        won = Discordance(only_candidate=n, only_baseline=0, n=n)
        assert tango_bound(lost, 1.96) == -1 < tango_bound(lost, -1.96) < 1
        assert -1 < tango_bound(won, 1.96) < 1 == tango_bound(won, -1.96)


@pytest.mark.parametrize(("better", "worse", "n"), [(9, 14, 113), (0, 3, 44), (41, 22, 200), (1, 0, 20)])
@pytest.mark.parametrize("supposed", [-0.3, -0.03, 0.0, 0.05, 0.4])
def test_tangos_score_takes_the_likeliest_world_with_that_difference(
    better: int, worse: int, n: int, supposed: float
) -> None:
    """The closed form against a search for the maximum of the likelihood."""

    def unlikeliness(share: float) -> float:
        cells = (share + supposed, share, 1 - 2 * share - supposed)
        return -sum(
            count * math.log(cell)
            for count, cell in zip((better, worse, n - better - worse), cells, strict=True)
        )

    low, high = max(0.0, -supposed) + 1e-12, (1 - supposed) / 2 - 1e-12
    share = optimize.minimize_scalar(
        unlikeliness, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    wanted = (better - worse - n * supposed) / math.sqrt(n * (2 * share + supposed - supposed**2))
    counts = Discordance(only_candidate=better, only_baseline=worse, n=n)
    assert tango_score(counts, supposed) == pytest.approx(wanted, rel=1e-3, abs=1e-3)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 40))
def test_the_interval_ends_where_the_score_test_rejects(better: int, worse: int, alike: int) -> None:
    """The interval is the test turned round: at both ends the score is the quantile."""
    found = paired_difference(*outcomes(alike, better, worse, 1)).interval
    counts = Discordance(only_candidate=better, only_baseline=worse, n=better + worse + alike + 1)
    z = float(stats.norm.ppf(0.975))
    assert tango_score(counts, found.low) == pytest.approx(z, abs=1e-4)
    assert tango_score(counts, found.high) == pytest.approx(-z, abs=1e-4)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 40))
def test_exchanging_the_two_models_turns_the_sign(better: int, worse: int, alike: int) -> None:
    baseline, candidate = outcomes(alike, better, worse, 0)
    one, other = paired_difference(baseline, candidate), paired_difference(candidate, baseline)
    assert (one.interval.low, one.interval.high) == pytest.approx(
        (-other.interval.high, -other.interval.low), abs=1e-6
    )
    assert one.p_value == pytest.approx(other.p_value)


def every_outcome(n: int, up: float, down: float) -> Iterator[tuple[int, int, float]]:
    """All counts of better and worse items among n with their probabilities, but for the very rare."""
    log_factorial = [math.lgamma(at + 1) for at in range(n + 1)]
    for better in range(n + 1):
        for worse in range(n + 1 - better):
            rest = n - better - worse
            log_p = log_factorial[n] - log_factorial[better] - log_factorial[worse] - log_factorial[rest]
            log_p += better * math.log(up) + worse * math.log(down) + rest * math.log(1 - up - down)
            if log_p > -18:
                yield better, worse, math.exp(log_p)


@pytest.mark.parametrize(("up", "down"), [(0.135, 0.135), (0.05, 0.05), (0.015, 0.035), (0.005, 0.025)])
def test_a_candidate_at_the_margin_is_let_in_in_one_of_twenty(up: float, down: float) -> None:
    """Exactly, over all outcomes of 150 pairs: the one-sided test at 5 % stays near it however rarely models differ."""
    n, z = 150, float(stats.norm.ppf(0.95))
    rejected = sum(
        p
        for better, worse, p in every_outcome(n, up, down)
        if tango_score(Discordance(only_candidate=better, only_baseline=worse, n=n), up - down) >= z
    )
    assert rejected <= 0.055


@pytest.mark.parametrize(("up", "down"), [(0.135, 0.135), (0.05, 0.05), (0.015, 0.035)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(up: float, down: float) -> None:
    """Exactly, over all outcomes of 120 pairs."""
    n, z = 120, float(stats.norm.ppf(0.975))
    covered = sum(
        p
        for better, worse, p in every_outcome(n, up, down)
        if abs(tango_score(Discordance(only_candidate=better, only_baseline=worse, n=n), up - down)) <= z
    )
    assert 0.93 <= covered <= 0.985


def test_graded_scores_have_students_paired_test() -> None:
    rng = np.random.default_rng(1)
    baseline = rng.random(40)
    candidate = np.clip(baseline + rng.normal(0.03, 0.1, 40), 0, 1)
    wanted = stats.ttest_rel(candidate, baseline)
    found = paired_difference(baseline, candidate)
    assert found.p_value == pytest.approx(wanted.pvalue)
    ends = wanted.confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high))


def test_pairs_that_repeat_in_clusters_count_once() -> None:
    """Fifty copies of a conversation are no fifty conversations."""
    baseline, candidate = outcomes(20, 9, 3, 8)
    alone = paired_difference(baseline, candidate)
    names = [at for at in range(40) for _ in range(50)]
    copied = paired_difference(
        [x for x in baseline for _ in range(50)], [x for x in candidate for _ in range(50)], clusters=names
    )
    assert copied.interval.low == pytest.approx(alone.interval.low, abs=0.01)
    assert copied.interval.high == pytest.approx(alone.interval.high, abs=0.01)


def test_clusters_without_any_differing_pair_count_as_one_pair_each() -> None:
    found = paired_difference([1] * 100, [1] * 100, clusters=[at % 10 for at in range(100)])
    assert found.interval.high > 0.25


def test_graded_pairs_that_are_all_alike_still_have_an_interval() -> None:
    found = paired_difference([0.5] * 30, [0.6] * 30)
    assert found.method == "alike"
    assert found.interval.low < 0.1 < found.interval.high
    assert 0 < found.p_value < 0.5


def test_one_sided_p_values_agree_with_the_bounds() -> None:
    """At the bound of 95 % the p-value is 5 %."""
    for pairs in (paired(*outcomes(60, 9, 14, 30)), paired([0.1, 0.5, 0.9, 0.4], [0.2, 0.4, 1.0, 0.6])):
        assert pairs.p_above(pairs.bound(0.05)) == pytest.approx(0.05, abs=1e-6)
    alike = paired([0.5] * 30, [0.6] * 30)
    assert alike.p_above(alike.bound(0.05)) == pytest.approx(0.05, abs=1e-6)


@needs_gsm8k
def test_real_answers_paired_and_unpaired() -> None:
    """GSM8K, 1,319 items: the exact paired p-value is scipy's, and far below the unpaired one."""
    baseline, candidate = gsm8k("175b_finetuning"), gsm8k("6b_verification")
    found = paired_difference(baseline, candidate)
    better = sum(b < c for b, c in zip(baseline, candidate, strict=True))
    worse = sum(b > c for b, c in zip(baseline, candidate, strict=True))
    assert found.value == pytest.approx((better - worse) / 1319)
    assert found.p_value == stats.binomtest(better, better + worse).pvalue
    beside = unpaired_difference(baseline, candidate)
    assert beside.value == pytest.approx(found.value)
    assert found.p_value < 0.004 < 0.02 < beside.p_value


@needs_gsm8k
def test_real_answers_resampled_give_the_same_interval() -> None:
    baseline, candidate = gsm8k("175b_finetuning"), gsm8k("6b_verification")
    formula = paired_difference(baseline, candidate).interval
    drawn = bootstrap_difference(baseline, candidate, seed=1, draws=1_999)
    assert drawn is not None
    assert (drawn.low, drawn.high) == pytest.approx((formula.low, formula.high), abs=0.003)


@needs_gsm8k
def test_real_answers_have_the_interval_of_evalstats() -> None:
    """evalstats' Tango interval without its continuity correction, where it is installed."""
    resampling = pytest.importorskip("evalstats.core.resampling", reason="evalstats is not installed")
    baseline, candidate = gsm8k("175b_finetuning"), gsm8k("6b_verification")
    low, high = resampling.tango_scc_paired_ci(np.array(candidate), np.array(baseline), 0.05, c=0.0)
    found = paired_difference(baseline, candidate).interval
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("baseline", "candidate", "message"),
    [
        ([0, 1], [0, 1, 1], "3 entries where there are 2"),
        ([0, 2], [0, 1], r"baseline\[1\] is 2"),
        ([0, 1], [math.inf, 1], r"candidate\[0\] is inf"),
        ([0], [1], "two independent"),
    ],
)
def test_bad_input_is_told(baseline: list[float], candidate: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paired_difference(baseline, candidate)


def test_words() -> None:
    assert paired_difference(*outcomes(60, 9, 14, 30)).words == (
        "difference -4.4 points, 95 % interval -13.2 to +4.1, n = 113 pairs"
    )
