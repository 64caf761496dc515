"""Bets on a mean: evidence that may be looked at after every value and stopped at any time. Plain Python.

Whoever doubts a claim is offered a fair bet on each value before it is seen. Were the claim false, nobody could expect
to gain: the capital K would be a non-negative supermartingale, and by Ville's inequality (1939) it would ever reach
1 / alpha with a probability of at most alpha, however often and whenever one looks. So a capital of 20 is evidence at
5 %. It needs bounded values and nothing else: no normal distribution, no least number of values.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024); the stake
is their approximate GRAPA.
"""

import math
from collections.abc import Iterable
from typing import Literal

import msgspec

BOLDEST = 0.5
"""The part of the largest safe stake that is ever placed, so that no single value can cost more than half."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """That the mean of values in [-1, 1] lies above, or below, `than`."""

    side: Literal["above", "below"]
    than: float

    def gain(self, value: float) -> float:
        """What a stake of one wins or loses on `value`; below zero on average where the claim is false."""
        return value - self.than if self.side == "above" else self.than - value

    @property
    def worst_loss(self) -> float:
        """The most that a stake of one can lose on one value."""
        return 1 + self.than if self.side == "above" else 1 - self.than


class Bet(msgspec.Struct, frozen=True, kw_only=True):
    """Where the betting on one claim stands after `n` values: the logarithm of the capital, which began at 1, its
    highest point so far, and the sums of gains and their squares from which the next stake follows."""

    n: int = 0
    gains: float = 0.0
    squares: float = 0.0
    log_capital: float = 0.0
    log_peak: float = 0.0

    @property
    def capital(self) -> float:
        """K, also called the e-value. 20 is evidence at 5 %."""
        return math.exp(min(self.log_capital, 700.0))

    def proves(self, alpha: float) -> bool:
        """Whether the capital ever reached 1 / alpha; what was shown once stays shown."""
        return self.log_peak >= -math.log(alpha)


def stake(bet: Bet, claim: Claim) -> float:
    """How much to bet on the next value, from those before it: mean of the gains / mean of their squares.

    Clipped to [0, 0.5 / worst loss]: never against the claim, and never so much that one value takes all.
    """
    if bet.squares <= 0:
        return 0.0
    return min(max(bet.gains / bet.squares, 0.0), BOLDEST / claim.worst_loss)


def settle(bet: Bet, claim: Claim, value: float) -> Bet:
    """Bet on `value` what `stake` says, K <- K · (1 + stake · gain), and note it. `value` is in [-1, 1]."""
    gain = claim.gain(value)
    log_capital = bet.log_capital + math.log1p(stake(bet, claim) * gain)
    return Bet(
        n=bet.n + 1,
        gains=bet.gains + gain,
        squares=bet.squares + gain * gain,
        log_capital=log_capital,
        log_peak=max(bet.log_peak, log_capital),
    )


def is_proven(values: Iterable[float], claim: Claim, alpha: float) -> bool:
    """Whether bets on `values`, in their order, ever prove the claim at `alpha`."""
    bet = Bet()
    for value in values:
        bet = settle(bet, claim, value)
        if bet.proves(alpha):
            return True
    return False


def require_difference(value: float, name: str = "the difference") -> None:
    """Raise `ValueError` unless `value` lies in [-1, 1]; not-a-number does not."""
    if not -1 <= value <= 1:
        raise ValueError(f"{name} must lie from -1 to 1 and is {value!r}: bets need bounded values")
