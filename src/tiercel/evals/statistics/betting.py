"""How far the mean of differences is bounded by bets: an interval that holds at every moment at once. Plain Python.

The bets themselves are `tiercel.measure.betting`, which a running server uses too.
"""

from collections.abc import Sequence

from tiercel.evals.statistics.interval import Interval, require_share
from tiercel.measure.betting import Claim, is_proven, require_difference

STEP = 0.0025
"""The grid on which a confidence sequence is sought: its ends are rounded outwards by at most a quarter point."""


def confidence_sequence(values: Sequence[float], *, alpha: float = 0.05, step: float = STEP) -> Interval:
    """The means that no bet has ruled out at any time so far: valid at every n and under every stopping rule at once.

    Each end is sought inwards on a grid of `step`, at alpha / 2 a side, and the last mean that was ruled out is
    returned, so rounding only widens. Of traffic that drifts it speaks about the running mean.
    Raises `ValueError` for a value outside [-1, 1], or an alpha not in (0, 1).
    """
    low = mean_not_below(values, alpha=alpha / 2, step=step)
    high = -mean_not_below([-value for value in values], alpha=alpha / 2, step=step)
    return Interval(low=low, high=high, confidence=1 - alpha)


def mean_not_below(values: Sequence[float], *, alpha: float = 0.05, step: float = STEP) -> float:
    """The one-sided end of it: at the confidence 1 - alpha the mean lies above, whenever one looks. Errors as above."""
    require_share("alpha", alpha)
    for at, value in enumerate(values):
        require_difference(value, f"values[{at}]")
    reached = -1.0
    for turn in range(1, round(2 / step)):
        than = turn * step - 1
        if not is_proven(values, Claim(side="above", than=than), alpha):
            break
        reached = than
    return reached
