"""Items that were drawn with unequal chances: what each counts, and what that costs in certainty."""

import numpy as np
import pytest

from tests.evals.statistics.test_paired import outcomes
from tiercel.evals.statistics.comparison import compare, corrected
from tiercel.evals.statistics.paired import paired_difference
from tiercel.evals.statistics.score import score

BEFORE, AFTER = outcomes(300, 42, 24, 34)


def test_equal_weights_change_nothing_but_the_exact_test() -> None:
    """With weights the p-value is Tango's; everything else is as without."""
    plain, weighted = (
        paired_difference(BEFORE, AFTER),
        paired_difference(BEFORE, AFTER, weights=[2.5] * len(BEFORE)),
    )
    assert weighted.value == pytest.approx(plain.value)
    assert weighted.interval.low == pytest.approx(plain.interval.low, abs=1e-3)
    assert weighted.p_value == pytest.approx(plain.p_value, abs=0.01)
    rate = score(AFTER, weights=[3.0] * len(AFTER))
    assert rate.interval.low == pytest.approx(score(AFTER).interval.low, abs=1e-3)


def test_a_weighted_mean_is_that_of_the_whole() -> None:
    """A stratum of 90 % of the traffic of which a tenth was drawn, and one of 10 % that was drawn whole."""
    before, after = [1.0] * 90 + [1.0] * 100, [1.0] * 90 + [0.0] * 100
    weights = [10.0] * 90 + [1.0] * 100
    assert paired_difference(before, after, weights=weights).value == pytest.approx(-0.1)
    assert score(after, weights=weights).value == pytest.approx(0.9)


def test_the_weighted_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Two strata of one population, drawn with chances of 1 to 9, in which the candidate does unlike."""
    rng = np.random.default_rng(11)
    strata = {1.0: (0.10, 0.02), 9.0: (0.03, 0.12)}
    n, draws, held = 120, 600, 0
    truth = sum(weight * (up - down) for weight, (up, down) in strata.items()) / 10
    for _ in range(draws):
        differences = np.concatenate(
            [rng.choice([1, -1, 0], n, p=[up, down, 1 - up - down]) for up, down in strata.values()]
        )
        found = paired_difference(
            (differences < 0).astype(float),
            (differences > 0).astype(float),
            weights=[weight for weight in strata for _ in range(n)],
        )
        held += found.interval.holds(truth)
    assert 0.92 <= held / draws <= 0.985


def test_unequal_weights_make_items_worth_less() -> None:
    weights = [9.0 if at % 5 == 0 else 1.0 for at in range(len(BEFORE))]
    equal, unequal = paired_difference(BEFORE, AFTER), paired_difference(BEFORE, AFTER, weights=weights)
    assert unequal.interval.high - unequal.interval.low > equal.interval.high - equal.interval.low
    alike = score([1.0] * 50, weights=[30.0, *[1.0] * 49])
    assert alike.interval.low < score([1.0] * 50).interval.low


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -2.0], [1.0, float("nan")]])
def test_weights_that_mean_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        paired_difference([0, 1], [1, 1], weights=weights)


def test_candidates_on_items_of_their_own_are_corrected_together() -> None:
    """The ninth try of the same is no longer *better*, and says what more would cost at its own price."""
    alone = {f"try {at}": compare(*outcomes(300, 33, 33, 34), margin=0.02) for at in range(7)}
    alone["one"] = compare(BEFORE, AFTER, margin=0.02)
    assert alone["one"].verdict == "better"
    found = corrected(alone, {name: 1_000 if name == "try 0" else None for name in alone})
    assert found["one"].verdict != "better"
    assert found["try 0"].more is not None
    assert found["try 0"].more_nano == 1_000 * found["try 0"].more
    assert found["try 1"].more_nano is None
