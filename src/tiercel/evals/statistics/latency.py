"""How fast, and how sure is that: percentiles with intervals from the values themselves, no distribution assumed.

Failures have no time: count them beside these figures. Cached answers must be left out before.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy import stats

from tiercel.evals.statistics.interval import require_share
from tiercel.evals.statistics.values import numbers
from tiercel.measure.quantile import SMALLEST_SAMPLE_FOR_P95, quantile

LEAST: dict[float, int] = {0.95: SMALLEST_SAMPLE_FOR_P95, 0.99: 500}
"""Below so many values a percentile is the maximum under another name, or nearly."""


class QuantileEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """The `q` quantile of `n` values. `value` is `None` where it was refused, and `refused` says why.

    `low` and `high` are values that occurred; `None` where no value that was seen lies far enough out.
    """

    q: float
    n: int
    confidence: float
    value: float | None
    low: float | None
    high: float | None
    refused: str | None = None

    @property
    def words(self) -> str:
        """`p95 3.8 (95 % interval 3.1 to 4.6, n = 200)`."""
        name = f"p{100 * self.q:g}"
        if self.value is None:
            return f"{name} not given: {self.refused}"
        low = "below what was seen" if self.low is None else f"{self.low:.3g}"
        high = "above what was seen" if self.high is None else f"{self.high:.3g}"
        within = f"{100 * self.confidence:.4g} % interval {low} to {high}"
        return f"{name} {self.value:.3g} ({within}, n = {self.n})"


def quantile_interval(values: Sequence[float], q: float, *, confidence: float = 0.95) -> QuantileEstimate:
    """The `q` quantile and the interval between two order statistics that holds it at this confidence or more.

    How many of n values lie below the true quantile is Binomial(n, q), whatever they measure; so the k-th smallest is
    a lower end wherever P(Binomial <= k - 1) is at most (1 - confidence) / 2, and likewise above.
    Source: Conover, "Practical Nonparametric Statistics", section 3.2; scipy's `quantile_test`.
    Assumes independent values of one distribution: neighbouring calls in one overload are not.
    Refuses p95 below 20 and p99 below 500 values. Raises `ValueError` without values, or for a q not in (0, 1).
    """
    require_share("q", q)
    require_share("confidence", confidence)
    array = numbers("values", values)
    least = max((count for above, count in LEAST.items() if q >= above), default=1)
    n = len(array)
    if n < least:
        reason = f"{least} values are needed, and there are {n}"
        return QuantileEstimate(
            q=q, n=n, confidence=confidence, value=None, low=None, high=None, refused=reason
        )
    ends = stats.quantile_test(array, p=q).confidence_interval(confidence)
    low, high = (None if np.isnan(end) else float(end) for end in ends)
    return QuantileEstimate(
        q=q, n=n, confidence=confidence, value=float(quantile(array.tolist(), q)), low=low, high=high
    )
