"""Intervals by resampling: for figures without a formula, such as a ratio of sums. Whole clusters are drawn."""

import warnings
from collections.abc import Callable

import numpy as np
from scipy import stats

from tiercel.evals.statistics.interval import Interval, require_share
from tiercel.evals.statistics.values import Array, Labels, Numbers, cluster_numbers, numbers, require_as_many

DRAWS = 9_999
MOST_GROUPS = 2_000
"""Of more clusters several are drawn together: they stay independent of the others, and BCa leaves each out once."""
CELLS_AT_ONCE = 4_000_000
"""Drawn values held in memory at once: 32 MB of each column."""

Statistic = Callable[..., Array]
"""Of sums, one array for each column, to the figure: called once for all draws."""


def bootstrap_interval(
    columns: list[Array],
    figure: Statistic,
    *,
    seed: int,
    clusters: Labels | None = None,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> Interval | None:
    """The interval of `figure`, a function of the sums of `columns`, whose rows belong together.

    Rows of one cluster are summed first; then whole clusters are drawn with replacement, and the ends taken by BCa,
    bias-corrected and accelerated (Efron 1987, as scipy has it). The same seed gives the same interval.
    Assumes independent clusters, and some tens of them. `None` where the clusters show no spread to resample, or
    the figure is not defined in some draws (a division by a sum of zero).

    Raises `ValueError` for columns of different lengths, or fewer than two clusters.
    """
    require_share("confidence", confidence)
    for at, column in enumerate(columns):
        require_as_many(f"columns[{at}]", column, len(columns[0]))
    codes = cluster_numbers(clusters, len(columns[0]))
    count = int(codes.max()) + 1
    if count < 2:
        raise ValueError("two independent items or clusters are needed to resample, and there is one")
    if count > MOST_GROUPS:
        codes, count = np.random.default_rng(seed).permutation(count)[codes] % MOST_GROUPS, MOST_GROUPS
    sums = [np.bincount(codes, weights=column, minlength=count) for column in columns]

    def statistic(*drawn: Array, axis: int = -1) -> Array:
        return figure(*(column.sum(axis=axis) for column in drawn))

    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            sums,
            statistic,
            paired=True,
            n_resamples=draws,
            batch=max(1, CELLS_AT_ONCE // count),
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(seed),
        )
    if not np.isfinite(found.bootstrap_distribution).all():
        return None
    low, high = (float(end) for end in found.confidence_interval)
    return Interval(low=low, high=high, confidence=confidence) if np.isfinite([low, high]).all() else None


def bootstrap_difference(
    baseline: Numbers,
    candidate: Numbers,
    *,
    seed: int,
    clusters: Labels | None = None,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> Interval | None:
    """The interval of the mean paired difference, candidate minus baseline, by resampling.

    Beside `paired_difference` it is a second opinion for graded scores with odd shapes. Where models mostly agree its
    coverage is poor, as few draws hold the few items that differ: for pass or fail use `paired_difference`.
    """
    before, after = numbers("baseline", baseline), numbers("candidate", candidate)
    require_as_many("candidate", after, len(before))
    return bootstrap_interval(
        [after - before, np.ones(len(before))],
        lambda difference, items: difference / items,
        seed=seed,
        clusters=clusters,
        confidence=confidence,
        draws=draws,
    )
