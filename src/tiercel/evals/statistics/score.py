"""How good is one model on these items: a rate or a mean with an interval that stays honest at 0, at 100 % and in
clusters. It says nothing about another model: two scores side by side are no comparison (`paired`)."""

import math

import msgspec
import numpy as np
from scipy import stats

from tiercel.evals.statistics.interval import Interval, percent, require_share
from tiercel.evals.statistics.values import (
    Array,
    Labels,
    Numbers,
    cluster_numbers,
    is_pass_fail,
    numbers,
    weight_shares,
)
from tiercel.measure.rate import wilson

PROVISIONAL_BELOW = 30
"""With fewer independent items the approximations behind most intervals are rough; the words say so."""

ROUNDING = 1e-14
"""A standard error of scores below this is rounding of equal ones."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A mean of `n` scores in [0, 1] that come from `clusters` independent groups (`n` where each stands alone).

    `standard_error` is that of the mean, clusters considered. `is_rate` says that all scores were 0 or 1.
    """

    value: float
    n: int
    clusters: int
    standard_error: float
    interval: Interval
    is_rate: bool

    @property
    def is_provisional(self) -> bool:
        """Fewer than 30 independent items: a first impression."""
        return self.clusters < PROVISIONAL_BELOW

    @property
    def words(self) -> str:
        """`81.2 % (95 % interval 74.3 % to 86.6 %, n = 160)`."""
        within = f"{percent(self.interval.low)} to {percent(self.interval.high)}"
        grouped = f" in {self.clusters} clusters" if self.clusters < self.n else ""
        first = "; provisional" if self.is_provisional else ""
        level = f"{100 * self.interval.confidence:.4g} %"
        return f"{percent(self.value)} ({level} interval {within}, n = {self.n}{grouped}{first})"


def clustered_standard_error(values: Array, clusters: Labels | None = None) -> float:
    """The standard error of a mean of scores, about within [-1, 1], that come in clusters; 0 where they are all alike.

    SE = sqrt(C / (C - 1) · Σ_c (Σ_{i in c} (x_i - mean))²) / n, for C clusters and n values in all.
    Where each value stands alone this is the usual s / sqrt(n).

    Source: Miller, "Adding Error Bars to Evals" (arXiv 2411.00640), section 2.2, with the C / (C - 1) of small samples.
    Assumes that clusters are independent of each other; inside one anything goes.
    Raises `ValueError` with fewer than two clusters: one alone shows no spread.
    """
    codes = cluster_numbers(clusters, len(values))
    count = int(codes.max()) + 1
    if count < 2:
        raise ValueError(
            "two independent items or clusters are needed for a standard error, and there is one"
        )
    sums = np.bincount(codes, weights=values - values.mean(), minlength=count)
    error = math.sqrt(count / (count - 1) * float(sums @ sums)) / len(values)
    return error if error > ROUNDING else 0.0


def alike_interval(value: float, n: int, confidence: float, *, low: float, high: float) -> Interval:
    """The interval of a mean where `n` independent values within [`low`, `high`] were all `value`.

    A formula with a spread in it would say "exactly `value`". But n alike are seen with probability (1 - q)^n where
    the share q of all is different, so at most q = 1 - (alpha / 2)^(1/n) is, and it may lie at either end.
    """
    different = 1 - ((1 - confidence) / 2) ** (1 / n)
    return Interval(
        low=value - different * (value - low), high=value + different * (high - value), confidence=confidence
    )


def score(
    values: Numbers,
    *,
    clusters: Labels | None = None,
    weights: Numbers | None = None,
    confidence: float = 0.95,
) -> Score:
    """The mean of scores in [0, 1] with its interval.

    All 0 or 1: Wilson's interval, with the effective number of items, p (1 - p) / SE², where they come in clusters
    (Korn and Graubard 1998 use it for surveys; at 0 and 100 % it is the number of clusters).
    Graded: mean ± t · SE with C - 1 degrees of freedom. `weights` as for `paired`.

    Raises `ValueError` for scores outside [0, 1], fewer than two independent items, or a confidence not in (0, 1).
    """
    require_share("confidence", confidence)
    array = numbers("values", values, low=0, high=1)
    shares = weight_shares(weights, len(array))
    value = float((shares * array).mean())
    error = clustered_standard_error(shares * (array - value), clusters)
    independent = int(cluster_numbers(clusters, len(array)).max()) + 1
    is_rate = is_pass_fail(array)
    if is_rate:
        spread = None if independent == len(array) and weights is None else error
        # Kish's effective number of items bounds what unequal weights leave of them
        worth = min(independent, len(array) ** 2 / float(shares @ shares))
        interval = _rate_interval(value, spread, len(array), worth, confidence)
    elif error == 0:
        interval = alike_interval(value, independent, confidence, low=0, high=1)
    else:
        half = float(stats.t.ppf((1 + confidence) / 2, independent - 1)) * error
        interval = Interval(low=max(0.0, value - half), high=min(1.0, value + half), confidence=confidence)
    return Score(
        value=value,
        n=len(array),
        clusters=independent,
        standard_error=error,
        interval=interval,
        is_rate=is_rate,
    )


def _rate_interval(share: float, error: float | None, n: int, worth: float, confidence: float) -> Interval:
    """`error` is `None` where each item stands alone and counts as one; else `worth` is the least they are worth."""
    z = float(stats.norm.ppf((1 + confidence) / 2))
    effective = float(n)
    if error is not None:
        # clusters never make the items worth more than they are, however well they happen to balance
        effective = worth if error == 0 else min(n, share * (1 - share) / error**2)
    low, high = wilson(share * effective, effective, z)
    return Interval(low=low, high=high, confidence=confidence)


def at_least(passed: int, n: int, *, confidence: float = 0.95) -> float:
    """The rate that is exceeded at this confidence, exactly: the one-sided bound of Clopper and Pearson (1934).

    It is the rate at which `passed` or more of `n` have the probability 1 - confidence. 10 of 10 show 74.1 %; for
    95 % it takes 59 of 59. Assumes independent items. Raises `ValueError` unless 0 <= passed <= n and n >= 1.
    """
    require_share("confidence", confidence)
    if n < 1 or not 0 <= passed <= n:
        raise ValueError(f"{passed} of {n} passed: between 0 and n, of at least 1, is needed")
    return 0.0 if passed == 0 else float(stats.beta.ppf(1 - confidence, passed, n - passed + 1))
