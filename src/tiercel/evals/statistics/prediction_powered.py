"""A few human labels and many judge verdicts, made into one interval for what people would say.

The judge's mean over many items is precise and wrong; the labels say by how much. A judge that is worth nothing gets
no weight, so labels are never made worse, only the judge's claim to stand for people is.
"""

import math

import msgspec
import numpy as np
from scipy import stats

from tiercel.evals.statistics.interval import Interval, percent, require_share
from tiercel.evals.statistics.score import alike_interval, score
from tiercel.evals.statistics.values import Array, Numbers, numbers, require_as_many


class LabelledEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """The mean human label, from `labels` labelled items and `judged` others that only the judge saw.

    `weight` is how far the judge was trusted: 0 not at all, 1 fully, below 0 against its word. `labels_only` is the
    interval without the judge, `judge_only` the judge's bare mean (no interval of it covers what people would say).
    `worth` says how many times as many labels would give the same precision without the judge.
    """

    value: float
    labels: int
    judged: int
    weight: float
    interval: Interval
    labels_only: Interval
    judge_only: float
    worth: float
    residual: float
    """Standard deviation of label - weight · verdict: what further labels reduce."""
    judged_variance: float
    """What the verdicts' own spread leaves of variance, however many labels there are."""

    def narrowed(self, more: int) -> float:
        """About what so many more labels make of the interval's width, as a share of what it is now."""
        n = self.labels
        if self.residual == 0:
            return n / (n + more)
        now, then = (self.judged_variance + self.residual**2 / count for count in (n, n + more))
        return math.sqrt(then / now)

    def labels_for(self, half_width: float) -> int:
        """About how many labels in all bring the interval to ± `half_width`, were the judge asked of all others.

        Raises `ValueError` for a half width that is not above 0.
        """
        if half_width <= 0:
            raise ValueError(f"a half width above 0 is needed, not {half_width:g}")
        z = float(stats.norm.ppf((1 + self.interval.confidence) / 2))
        return max(2, math.ceil((z * self.residual / half_width) ** 2))

    @property
    def words(self) -> str:
        """The estimate, what it rests on, and what the judge alone would have said."""
        within = f"{percent(self.interval.low)} to {percent(self.interval.high)}"
        level = f"{100 * self.interval.confidence:.4g} %"
        return (
            f"{percent(self.value)} ({level} interval {within}) from {self.labels} human labels and {self.judged:,} "
            f"judge verdicts; the judge alone says {percent(self.judge_only)}. Its verdicts made the labels worth "
            f"{self.worth:.1f} times as many."
        )


def prediction_powered_mean(
    labels: Numbers, verdicts_on_labelled: Numbers, verdicts: Numbers, *, confidence: float = 0.95
) -> LabelledEstimate:
    """PPI++ for a mean of labels in [0, 1]: a rate, or a win rate with ties as a half.

    `labels` and `verdicts_on_labelled` are about the same n items in the same order, `verdicts` about N others.

    value = w · mean(verdicts) + mean(label - w · verdict on labelled)
    w = cov(label, verdict) / ((1 + n / N) · var(verdict)), over all verdicts
    SE² = w² · var(verdicts) / N + var(label - w · verdict) / n, with Student's t of n - 1 degrees.

    Where people were all of one mind so far there is no spread to estimate, and the labels' own interval stands.
    Source: Angelopoulos, Duchi and Zrnic, "PPI++" (arXiv 2311.01453), section 6, and its reference implementation.
    Assumes that the labelled items are a random draw (`labels.label_stream`), not the interesting ones; items are
    independent; the judge never saw the labels.
    Raises `ValueError` for values outside [0, 1], different lengths, or fewer than two labels or verdicts.
    """
    require_share("confidence", confidence)
    human = numbers("labels", labels, low=0, high=1)
    beside = numbers("verdicts_on_labelled", verdicts_on_labelled, low=0, high=1)
    alone = numbers("verdicts", verdicts, low=0, high=1)
    require_as_many("verdicts_on_labelled", beside, len(human))
    n, judged = len(human), len(alone)
    if min(n, judged) < 2:
        raise ValueError(f"two labels and two verdicts are needed; there are {n} and {judged}")
    weight = _weight(human, beside, alone)
    residual = human - weight * beside
    value = float(weight * alone.mean() + residual.mean())
    variance = float(weight**2 * alone.var(ddof=1) / judged + residual.var(ddof=1) / n)
    labels_variance = float(human.var(ddof=1)) / n
    labels_only = score(human, confidence=confidence).interval
    if labels_variance == 0:
        interval = alike_interval(float(human.mean()), n, confidence, low=0, high=1)
    else:
        half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * math.sqrt(variance)
        interval = Interval(low=max(0.0, value - half), high=min(1.0, value + half), confidence=confidence)
    return LabelledEstimate(
        value=min(1.0, max(0.0, value)),
        labels=n,
        judged=judged,
        weight=weight,
        interval=interval,
        labels_only=labels_only,
        judge_only=float(alone.mean()),
        worth=labels_variance / variance if variance > 0 else 1.0,
        residual=float(residual.std(ddof=1)),
        judged_variance=float(weight**2 * alone.var(ddof=1) / judged),
    )


def _weight(human: Array, beside: Array, alone: Array) -> float:
    spread = float(np.concatenate([beside, alone]).var(ddof=1))
    if spread == 0:
        return 0.0
    covariance = float(((human - human.mean()) * (beside - beside.mean())).mean())
    return covariance / ((1 + len(human) / len(alone)) * spread)
