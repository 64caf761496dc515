"""How fast, and how sure is that: percentiles with intervals from the values themselves, no distribution assumed.

Failures have no time: count them beside these figures. Cached answers must be left out before.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from scipy import stats

from tiercel.evals.statistics.interval import require_share
from tiercel.evals.statistics.score import clustered_standard_error
from tiercel.evals.statistics.values import Array, Labels, cluster_numbers, numbers
from tiercel.measure.quantile import SMALLEST_SAMPLE_FOR_P95, quantile

LEAST: dict[float, int] = {0.95: SMALLEST_SAMPLE_FOR_P95, 0.99: 500}
"""Below so many values a percentile is the maximum under another name, or nearly."""


class QuantileEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """The `q` quantile of `n` values. `value` is `None` where it was refused, and `refused` says why. It also says why
    a value has no interval: its values come in too few clusters.

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
        if self.refused is not None:
            return f"{name} {self.value:.3g} without an interval: {self.refused}"
        low = "below what was seen" if self.low is None else f"{self.low:.3g}"
        high = "above what was seen" if self.high is None else f"{self.high:.3g}"
        within = f"{100 * self.confidence:.4g} % interval {low} to {high}"
        return f"{name} {self.value:.3g} ({within}, n = {self.n})"


def quantile_interval(
    values: Sequence[float], q: float, *, clusters: Labels | None = None, confidence: float = 0.95
) -> QuantileEstimate:
    """The `q` quantile and the interval between two order statistics that holds it at this confidence or more.

    How many of n values lie below the true quantile is Binomial(n, q), whatever they measure; so the k-th smallest is
    a lower end wherever P(Binomial <= k - 1) is at most (1 - confidence) / 2, and likewise above.
    Source: Conover, "Practical Nonparametric Statistics", section 3.2; scipy's `quantile_test`.
    Assumes independent values of one distribution: neighbouring calls in one overload are not. Values in `clusters`
    count as fewer, by the design effect of the share that lies below: Woodruff's interval (1952), with the exact one of
    Korn and Graubard (1998) for that share.
    Refuses p95 below 20 and p99 below 500 values, and the interval below as many clusters. Raises `ValueError` without
    values, or for a q not in (0, 1).
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
    value = float(quantile(array.tolist(), q))
    independent = n if clusters is None else int(cluster_numbers(clusters, n).max()) + 1
    if clusters is not None and independent < max(least, 2):
        reason = f"{max(least, 2)} independent clusters are needed, and there are {independent}"
        return QuantileEstimate(
            q=q, n=n, confidence=confidence, value=value, low=None, high=None, refused=reason
        )
    if independent < n:
        low, high = _clustered_ends(array, value, q, clusters, confidence)
    else:
        ends = stats.quantile_test(array, p=q).confidence_interval(confidence)
        low, high = (None if np.isnan(end) else float(end) for end in ends)
    return QuantileEstimate(q=q, n=n, confidence=confidence, value=value, low=low, high=high)


def _clustered_ends(
    array: Array, value: float, q: float, clusters: Labels | None, confidence: float
) -> tuple[float | None, float | None]:
    """The values at the ends of the interval for the share that lies below the quantile."""
    n = len(array)
    below = np.asarray(array <= value, dtype=np.float64)
    share, error = float(below.mean()), clustered_standard_error(below, clusters)
    independent = int(cluster_numbers(clusters, n).max()) + 1
    tail = (1 - confidence) / 2
    # the spread is that of few clusters, so the items are worth less by the square of both t quantiles
    wider = float(stats.t.ppf(1 - tail, independent - 1) / stats.t.ppf(1 - tail, n - 1))
    worth = min(n, share * (1 - share) / error**2) if error > 0 else float(independent)
    worth /= wider**2
    passed = q * worth
    least = float(stats.beta.ppf(tail, passed, worth - passed + 1))
    most = float(stats.beta.ppf(1 - tail, passed + 1, worth - passed))
    ordered = np.sort(array)
    first, last = math.floor(least * n), math.ceil(most * n) + 1
    return (
        float(ordered[first - 1]) if first >= 1 else None,
        float(ordered[last - 1]) if last <= n else None,
    )
