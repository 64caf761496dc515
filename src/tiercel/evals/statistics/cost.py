"""What one successful task costs: all that was spent, over what succeeded, with an interval.

Charge everything to it before it comes here: failed attempts, retries, escalations, judges, shadow calls. The mean of
each item's ratio would be another figure, and a wrong one: an item that failed has no ratio.
"""

import math

import msgspec
import numpy as np
from scipy import stats

from tiercel.evals.statistics.bootstrap import DRAWS, bootstrap_interval
from tiercel.evals.statistics.interval import Interval, dollars, require_share
from tiercel.evals.statistics.score import clustered_standard_error
from tiercel.evals.statistics.values import Array, Labels, Numbers, cluster_numbers, numbers, require_as_many


class CostPerSuccess(msgspec.Struct, frozen=True, kw_only=True):
    """Nano-dollars for each success, over `n` items of which `successes` succeeded.

    `value_nano` is `None` where nothing succeeded. `high_nano` is `None` where successes are too few to bound it, and
    then `low_nano` too where not even that is possible.
    """

    value_nano: int | None
    spent_nano: int
    successes: float
    n: int
    clusters: int
    low_nano: int | None
    high_nano: int | None
    confidence: float

    @property
    def words(self) -> str:
        """`$0.0013 for each success (95 % interval $0.0011 to $0.0016, n = 640)`."""
        if self.value_nano is None:
            return f"{dollars(self.spent_nano)} spent and no success (n = {self.n})"
        low = "not bounded" if self.low_nano is None else dollars(self.low_nano)
        high = "not bounded" if self.high_nano is None else dollars(self.high_nano)
        level = f"{100 * self.confidence:.4g} % interval"
        return f"{dollars(self.value_nano)} for each success ({level} {low} to {high}, n = {self.n})"


def cost_per_success(
    costs_nano: Numbers, successes: Numbers, *, clusters: Labels | None = None, confidence: float = 0.95
) -> CostPerSuccess:
    """Sum of the costs / sum of the successes (in [0, 1]), with Fieller's interval.

    The interval holds every ratio r at which the mean of cost - r · success is compatible with 0: the r with
    (C - r S)² <= t² (v_cc - 2 r v_cs + r² v_ss), C and S being the means, v the clustered variances of the means and
    t Student's quantile with C - 1 degrees of freedom. Where S itself could be 0 it has no upper end, and says so.
    Source: Fieller 1954, JRSS B 16. Assumes independent clusters, enough for the means to be about normal.
    Raises `ValueError` for negative costs, successes outside [0, 1], different lengths or fewer than two clusters.
    """
    require_share("confidence", confidence)
    costs = numbers("costs_nano", costs_nano, low=0)
    wins = numbers("successes", successes, low=0, high=1)
    require_as_many("successes", wins, len(costs))
    independent = int(cluster_numbers(clusters, len(costs)).max()) + 1
    t = float(stats.t.ppf((1 + confidence) / 2, max(1, independent - 1)))
    low, high = _fieller(costs, wins, clusters, t)
    spent, won = float(costs.sum()), float(wins.sum())
    return CostPerSuccess(
        value_nano=round(spent / won) if won else None,
        spent_nano=round(spent),
        successes=won,
        n=len(costs),
        clusters=independent,
        low_nano=None if low is None else max(0, round(low)),
        high_nano=None if high is None else round(high),
        confidence=confidence,
    )


def _fieller(
    costs: Array, wins: Array, clusters: Labels | None, t: float
) -> tuple[float | None, float | None]:
    """The two roots of the quadratic, as (low, high); `None` for an end that does not exist."""
    scale, win = float(costs.mean()), float(wins.mean())
    if scale == 0 or win == 0:
        return (0.0, 0.0) if win else (None, None)
    # money dwarfs shares: in units of the mean cost both means are of one size, and the mean cost is 1
    relative = costs / scale
    v_cc = clustered_standard_error(relative, clusters) ** 2
    v_ss = clustered_standard_error(wins, clusters) ** 2
    # the covariance follows from the variance of the sum, clustered like the others
    v_cs = (clustered_standard_error(relative + wins, clusters) ** 2 - v_cc - v_ss) / 2
    a, b, c = win * win - t * t * v_ss, win - t * t * v_cs, 1 - t * t * v_cc
    root = math.sqrt(max(b * b - a * c, 0.0))
    if a > 0:
        return scale * (b - root) / a, scale * (b + root) / a
    # a mean success of 0 is compatible with what was seen, so no ratio is too high; c < 0: nor is any too low
    return (scale * max(0.0, c / (b + root)) if b + root > 0 else 0.0), None


class RelativeCost(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate's cost per success in the baseline's: 0.09 is 91 % less. `interval` is `None` where resampling
    cannot tell, mostly because some draws hold no success."""

    ratio: float
    n: int
    interval: Interval | None

    @property
    def words(self) -> str:
        """`cost per success -91 % (95 % interval -92 % to -90 %)`."""
        change = f"cost per success {100 * (self.ratio - 1):+.0f} %"
        if self.interval is None:
            return f"{change} (interval not known, n = {self.n})"
        low, high = (f"{100 * (end - 1):+.0f} %" for end in (self.interval.low, self.interval.high))
        return f"{change} ({100 * self.interval.confidence:.4g} % interval {low} to {high}, n = {self.n})"


class Spending(msgspec.Struct, frozen=True):
    """What each item cost one model, in nano-dollars, and how far it succeeded, in [0, 1]."""

    costs_nano: Numbers
    successes: Numbers


def relative_cost(
    baseline: Spending,
    candidate: Spending,
    *,
    seed: int,
    clusters: Labels | None = None,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> RelativeCost:
    """Cost per success of the candidate / that of the baseline, on the same items, by paired bootstrap.

    All four sums are drawn together, so an expensive conversation is expensive for both. Raises `ValueError` as
    `cost_per_success` does, and where either has no success or the baseline cost nothing.
    """
    columns = []
    for name, spending in (("baseline", baseline), ("candidate", candidate)):
        columns.append(numbers(f"{name}.costs_nano", spending.costs_nano, low=0))
        columns.append(numbers(f"{name}.successes", spending.successes, low=0, high=1))
    before_cost, before_won, after_cost, after_won = (float(column.sum()) for column in columns)
    if min(before_cost, before_won, after_won) <= 0:
        raise ValueError("the baseline must have cost something, and both must have succeeded at least once")

    def figure(cost: Array, won: Array, candidate_cost: Array, candidate_won: Array) -> Array:
        return np.asarray((candidate_cost / candidate_won) / (cost / won))

    return RelativeCost(
        ratio=(after_cost / after_won) / (before_cost / before_won),
        n=len(columns[0]),
        interval=bootstrap_interval(
            columns, figure, seed=seed, clusters=clusters, confidence=confidence, draws=draws
        ),
    )
