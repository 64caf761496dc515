"""Bets on a mean: fair whatever the truth, so evidence may be looked at any time."""

import math
import random
from fractions import Fraction
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.evals.statistics.betting import confidence_sequence
from tiercel.measure.betting import Bet, Claim, is_proven, settle, stake

CLAIMS = [Claim(side="above", than=-0.03), Claim(side="below", than=0.0), Claim(side="below", than=-0.05)]
differences = st.lists(st.floats(-1, 1), max_size=40)


@given(st.sampled_from(CLAIMS), differences, st.floats(-1, 1))
def test_no_value_can_take_more_than_half_of_the_capital(
    claim: Claim, before: list[float], value: float
) -> None:
    bet = Bet()
    for one in before:
        bet = settle(bet, claim, one)
    assert settle(bet, claim, value).log_capital >= bet.log_capital - math.log(2) - 1e-9


@given(st.sampled_from(CLAIMS), differences)
def test_the_stake_depends_on_the_past_only_and_never_bets_against_the_claim(
    claim: Claim, before: list[float]
) -> None:
    bet = Bet()
    for one in before:
        bet = settle(bet, claim, one)
    assert 0 <= stake(bet, claim) <= 0.5 / claim.worst_loss


@pytest.mark.parametrize("claim", CLAIMS)
def test_where_the_claim_is_just_false_the_capital_is_expected_to_stay_one(claim: Claim) -> None:
    """Exactly: over all sequences of eight values of 1, 0 and -1 whose mean is the boundary, K averages to 1."""
    boundary = Fraction(claim.than).limit_denominator(100)
    up = {1: (Fraction(1, 5) + boundary) / 2, -1: (Fraction(1, 5) - boundary) / 2, 0: Fraction(4, 5)}
    expected = 0.0
    for values in product((1, 0, -1), repeat=8):
        bet = Bet()
        for value in values:
            bet = settle(bet, claim, value)
        expected += bet.capital * math.prod(float(up[value]) for value in values)
    assert expected == pytest.approx(1)


def test_what_was_proven_stays_proven() -> None:
    claim = Claim(side="above", than=0.0)
    bet = Bet()
    for _ in range(30):
        bet = settle(bet, claim, 1.0)
    assert bet.proves(0.05)
    for _ in range(60):
        bet = settle(bet, claim, -1.0)
    assert bet.log_capital < 0
    assert bet.proves(0.05)


def test_agreement_alone_proves_a_margin() -> None:
    """Models that never differ are not worse by more than 2 points after about 300 pairs."""
    claim = Claim(side="above", than=-0.02)
    assert not is_proven([0.0] * 280, claim, 0.05)
    assert is_proven([0.0] * 310, claim, 0.05)


def test_the_confidence_sequence_holds_the_truth_at_every_time() -> None:
    """200 streams of 400 pairs with a mean of 0.1: it may ever leave the truth out in one of twenty."""
    draw = random.Random(11)
    missed = 0
    for _ in range(200):
        values = draw.choices([1.0, 0.0, -1.0], [0.25, 0.6, 0.15], k=400)
        # what a bet once ruled out stays ruled out, so the end of the stream shows whether it ever happened
        missed += not confidence_sequence(values, step=0.05).holds(0.1)
    assert missed / 200 <= 0.05


def test_the_confidence_sequence_only_narrows() -> None:
    draw = random.Random(3)
    values = draw.choices([1.0, 0.0, -1.0], [0.3, 0.6, 0.1], k=300)
    found = [confidence_sequence(values[:n], step=0.02) for n in (0, 50, 150, 300)]
    assert (found[0].low, found[0].high) == (-1, 1)
    assert all(a.low <= b.low <= b.high <= a.high for a, b in pairwise(found))


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=30))
def test_exchanging_the_models_turns_the_sequence(values: list[float]) -> None:
    one = confidence_sequence(values, step=0.05)
    other = confidence_sequence([-value for value in values], step=0.05)
    assert (one.low, one.high) == (-other.high, -other.low)


@pytest.mark.parametrize("value", [1.5, -2.0, math.nan])
def test_values_without_bounds_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"values\[1\] must lie from -1 to 1"):
        confidence_sequence([0.0, value])
