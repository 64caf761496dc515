"""How many items it takes, before money is spent; and Holm's correction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evals.statistics.test_paired import every_outcome, outcomes
from tiercel.evals.statistics.comparison import compare
from tiercel.evals.statistics.multiple import holm
from tiercel.evals.statistics.planning import minimum_detectable_effect, outlook, pairs_needed


@pytest.mark.parametrize(("n", "points"), [(100, 12.5), (500, 5.6), (2_000, 2.8)])
def test_what_can_be_found_at_a_discordance_of_a_fifth(n: int, points: float) -> None:
    assert 100 * minimum_detectable_effect(n, 0.2) == pytest.approx(points, abs=0.05)


@pytest.mark.parametrize(
    ("discordance", "margin", "n"),
    [(0.27, 0.05, 668), (0.16, 0.05, 396), (0.16, 0.03, 1_100), (0.05, 0.02, 773), (0.03, 0.02, 464)],
)
def test_the_pairs_that_a_margin_takes(discordance: float, margin: float, n: int) -> None:
    assert pairs_needed(margin, discordance) == pytest.approx(n, abs=1)


def test_the_planned_pairs_reach_the_planned_power() -> None:
    """Exactly, over all outcomes: an equal candidate is found not worse in about 80 % of runs."""
    n = pairs_needed(0.10, 0.16)
    power = sum(
        p
        for better, worse, p in every_outcome(n, 0.08, 0.08)
        if p > 1e-5
        and compare(*outcomes(n - better - worse, better, worse, 0), margin=0.10).p_not_worse <= 0.05
    )
    assert power == pytest.approx(0.80, abs=0.06)


def test_power_is_that_of_statsmodels() -> None:
    power = pytest.importorskip("statsmodels.stats.power", reason="statsmodels is not installed")
    wanted = power.normal_sample_size_one_tail(0.05, 0.8, 0.05, std_null=0.4)
    assert pairs_needed(0.05, 0.16) == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize(
    ("margin", "discordance", "difference"),
    [(0.03, 0.2, -0.03), (0.03, 0.0, 0.0), (0.03, 0.02, 0.05), (0.03, 1.2, 0)],
)
def test_what_no_number_of_pairs_can_show_is_refused(
    margin: float, discordance: float, difference: float
) -> None:
    with pytest.raises(ValueError, match=r"can never be shown|is needed within"):
        pairs_needed(margin, discordance, difference=difference)


def test_words_say_what_was_assumed_and_what_it_costs() -> None:
    found = outlook(400, 0.16, margin=0.03, cost_per_pair_nano=7_000_000)
    assert not found.is_enough
    assert found.words == (
        "Assuming that the two differ on 16.0 % of items, 400 pairs (about $2.80) find a difference of 5.6 points with "
        "80.0 % probability. 'Not worse by more than 3 points' takes 1,100 pairs (about $7.70)."
    )


def test_holm_by_hand() -> None:
    """1 % of four, 2 % of three, ..., and never below the one before."""
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.02})
    assert corrected == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.06})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_helps_and_is_never_harsher_than_bonferroni(p_values: list[float]) -> None:
    corrected = holm(dict(enumerate(p_values)))
    for at, p_value in enumerate(p_values):
        assert p_value <= corrected[at] <= min(1, len(p_values) * p_value)


def test_holm_is_that_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="statsmodels is not installed")
    p_values = [0.001, 0.2, 0.013, 0.04, 0.0004, 0.7]
    wanted = multitest.multipletests(p_values, method="holm")[1]
    assert list(holm(dict(enumerate(p_values))).values()) == pytest.approx(list(wanted))


def test_a_p_value_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'a' is 1\.2"):
        holm({"a": 1.2})
