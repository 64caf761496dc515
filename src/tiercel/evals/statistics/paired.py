"""Is one model better than the other on the same items: the difference of each item with itself.

Items differ far more from each other than models do. Taken in pairs that difficulty cancels, which is worth about as
much as twice the items. Every difference here is candidate minus baseline, so above zero the candidate is better.
"""

import math
from typing import Literal

import msgspec
from scipy import optimize, stats

from tiercel.evals.statistics.interval import Interval, between, points, require_share
from tiercel.evals.statistics.score import alike_interval, clustered_standard_error
from tiercel.evals.statistics.values import (
    Array,
    Labels,
    Numbers,
    cluster_numbers,
    is_pass_fail,
    numbers,
    require_as_many,
    weight_shares,
)

Method = Literal["tango", "t", "alike"]
"""How an interval came about: Tango's score interval (pass or fail), Student's t (graded scores), or the bound for
graded scores of which every difference was the same."""


class Discordance(msgspec.Struct, frozen=True, kw_only=True):
    """Pass-or-fail pairs that differ, which are all that a comparison learns from. May be fractions of pairs, where
    clusters make the items worth less than they count."""

    only_candidate: float
    only_baseline: float
    n: float


class PairedDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The mean of candidate minus baseline over `n` items, from `clusters` independent groups.

    `better_items` and `worse_items` count where the candidate scored higher and lower; the rest were alike.
    `p_value` is two-sided, against no difference at all.
    """

    value: float
    n: int
    clusters: int
    standard_error: float
    interval: Interval
    p_value: float
    better_items: int
    worse_items: int
    method: Method

    @property
    def discordance(self) -> float:
        """The share of items on which the two differ."""
        return (self.better_items + self.worse_items) / self.n

    @property
    def words(self) -> str:
        """`difference -0.6 points, 95 % interval -2.4 to +1.2, n = 640 pairs`."""
        grouped = f" in {self.clusters:,} clusters" if self.clusters < self.n else ""
        return (
            f"difference {points(self.value)} points, {between(self.interval)}, n = {self.n:,} pairs{grouped}"
        )


def exact_mcnemar(only_candidate: int, only_baseline: int) -> float:
    """The two-sided p-value that two models pass equally often, from the items that only one of them passed.

    Were they equal, each such item would be a fair coin: p = P(split at least this uneven | Binomial(b + c, 1/2)).
    Source: McNemar 1947, in its exact form. Assumes independent items. 1 where no item differs.
    Raises `ValueError` for counts below zero.
    """
    if only_candidate < 0 or only_baseline < 0:
        raise ValueError(f"counts of items cannot be {only_candidate} and {only_baseline}")
    differing = only_candidate + only_baseline
    return 1.0 if differing == 0 else float(stats.binomtest(only_candidate, differing).pvalue)


def tango_score(counts: Discordance, supposed: float) -> float:
    """How many standard errors the seen difference lies above a supposed one, for pass-or-fail pairs.

    z(D) = (b - c - n D) / sqrt(n (2 q + D - D²)), with q the likeliest share of "only the baseline passes" among those
    under which the difference is D: the root of 2n q² + (c D + 2n D - b D - b - c) q - c D (1 - D) = 0.

    The spread is that of the supposed world, not of the sample, so it does not collapse where models mostly agree.
    Source: Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17. Assumes independent pairs and |D| < 1.
    """
    b, c, n = counts.only_candidate, counts.only_baseline, counts.n
    linear = (2 * n - b + c) * supposed - b - c
    # never below 0, but for rounding where all pairs differ in one direction
    root = math.sqrt(max(0.0, linear * linear + 8 * n * c * supposed * (1 - supposed)))
    share = max((root - linear) / (4 * n), 0.0, -supposed)
    spread = n * (2 * share + supposed - supposed * supposed)
    above = b - c - n * supposed
    if spread <= 0:
        # only at a supposed difference of 0 without any differing pair is this 0 / 0: nothing speaks against it
        return math.copysign(math.inf, above) if above else 0.0
    return above / math.sqrt(spread)


def tango_bound(counts: Discordance, z: float) -> float:
    """The difference that the seen one lies `z` standard errors above (below, where `z` is negative)."""
    low, high = -1 + 1e-9, 1 - 1e-9
    if tango_score(counts, low) <= z:
        return -1.0
    if tango_score(counts, high) >= z:
        return 1.0
    return float(optimize.brentq(lambda supposed: tango_score(counts, supposed) - z, low, high, xtol=1e-10))


class Pairs(msgspec.Struct, frozen=True):
    """Differences that were checked and summed, ready to be tested against any supposed difference."""

    differences: Array
    value: float
    """Their mean, by the weights where there are any."""
    clusters: int
    standard_error: float
    counts: Discordance | None
    """`None` where scores are graded."""
    each_alone: bool
    """Neither clusters nor weights: each pair counts as one."""

    def p_above(self, supposed: float) -> float:
        """One-sided: how likely a difference at least this high is, were the true one `supposed`."""
        if self.counts is not None:
            z = tango_score(self.counts, supposed)
        elif self.standard_error > 0:
            z = (self.value - supposed) / self.standard_error
        else:
            # all alike and above what is supposed: the share of others that would have to exist was never seen
            different = (self.value - supposed) / (self.value + 1) if self.value > supposed else 0.0
            return float((1 - different) ** self.clusters)
        return float(self._sampling().sf(z))

    def bound(self, tail: float) -> float:
        """The difference below which the true one lies with the probability `tail`, as confidence bounds go."""
        z = float(self._sampling().ppf(1 - tail))
        if self.counts is not None:
            return tango_bound(self.counts, z)
        if self.standard_error > 0:
            return min(1.0, max(-1.0, self.value - z * self.standard_error))
        alike = alike_interval(self.value, self.clusters, 1 - 2 * min(tail, 1 - tail), low=-1.0, high=1.0)
        return alike.low if tail < 0.5 else alike.high

    def _sampling(self) -> stats.rv_continuous:
        """Pass or fail without clusters has no spread to estimate: normal. Else Student's t."""
        alone = self.counts is not None and self.each_alone
        return stats.norm() if alone else stats.t(self.clusters - 1)


def paired(
    baseline: Numbers, candidate: Numbers, clusters: Labels | None = None, weights: Numbers | None = None
) -> Pairs:
    """Pair the scores, in [0, 1], of two models on the same items in the same order.

    Pass-or-fail pairs in clusters count as if there were fewer of them, by the design effect: the clustered variance
    in the plain one, never less than one. `weights` are for items that were drawn with unequal chances, one over the
    chance of each: the mean is Hájek's Σ w d / Σ w, its error that of the linearised w (d - mean).

    Raises `ValueError` for other scores or weights, lists of two lengths, or fewer than two independent items.
    """
    before = numbers("baseline", baseline, low=0, high=1)
    after = numbers("candidate", candidate, low=0, high=1)
    require_as_many("candidate", after, len(before))
    differences = after - before
    n = len(differences)
    shares = weight_shares(weights, n)
    value = float((shares * differences).mean())
    error = clustered_standard_error(shares * (differences - value), clusters)
    independent = int(cluster_numbers(clusters, n).max()) + 1
    each_alone = independent == n and weights is None
    if not (is_pass_fail(before) and is_pass_fail(after)):
        return Pairs(differences, value, independent, error, None, each_alone)
    plain = math.sqrt(float((shares * (differences - value) ** 2).mean()) / (n - 1))
    shrink = min(1.0, (plain / error) ** 2) if error > 0 else independent / float(shares @ shares)
    counts = Discordance(
        only_candidate=shrink * float(shares[differences > 0].sum()),
        only_baseline=shrink * float(shares[differences < 0].sum()),
        n=shrink * n,
    )
    return Pairs(differences, value, independent, error, counts, each_alone)


def paired_difference(
    baseline: Numbers,
    candidate: Numbers,
    *,
    clusters: Labels | None = None,
    weights: Numbers | None = None,
    confidence: float = 0.95,
) -> PairedDifference:
    """The mean difference of two models on the same items, with its interval and p-value.

    Pass or fail: Tango's score interval and, without clusters or weights, McNemar's exact p-value; with them both by
    Tango on the effective number of pairs with t quantiles. Graded: clustered standard error and t with C - 1 degrees.
    At the very edge of significance an exact p-value may say "not yet" where the interval just excludes zero.

    Raises `ValueError` as `paired` does, and for a confidence not in (0, 1).
    """
    require_share("confidence", confidence)
    pairs = paired(baseline, candidate, clusters, weights)
    tail = (1 - confidence) / 2
    higher, lower = int((pairs.differences > 0).sum()), int((pairs.differences < 0).sum())
    if pairs.counts is not None and pairs.each_alone:
        p_value = exact_mcnemar(higher, lower)
    else:
        above = pairs.p_above(0.0)
        p_value = min(1.0, 2 * min(above, 1 - above))
    return PairedDifference(
        value=pairs.value,
        n=len(pairs.differences),
        clusters=pairs.clusters,
        standard_error=pairs.standard_error,
        interval=Interval(low=pairs.bound(tail), high=pairs.bound(1 - tail), confidence=confidence),
        p_value=p_value,
        better_items=higher,
        worse_items=lower,
        method="tango" if pairs.counts is not None else "t" if pairs.standard_error > 0 else "alike",
    )


class UnpairedDifference(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of two means over different items: `n_baseline` and `n_candidate` of them."""

    value: float
    n_baseline: int
    n_candidate: int
    interval: Interval
    p_value: float


def unpaired_difference(
    baseline: Numbers, candidate: Numbers, *, confidence: float = 0.95
) -> UnpairedDifference:
    """The difference where the two models did not see the same items: Welch's t (1947).

    On the same items this wastes what pairing knows; it stands here to show how much. Assumes independent items.
    Raises `ValueError` for scores outside [0, 1] or fewer than two on a side, or where nothing varies at all.
    """
    require_share("confidence", confidence)
    before = numbers("baseline", baseline, low=0, high=1)
    after = numbers("candidate", candidate, low=0, high=1)
    if min(len(before), len(after)) < 2 or before.var() + after.var() == 0:
        raise ValueError("two scores on each side, and some that differ, are needed")
    found = stats.ttest_ind(after, before, equal_var=False)
    low, high = found.confidence_interval(confidence)
    return UnpairedDifference(
        value=float(after.mean() - before.mean()),
        n_baseline=len(before),
        n_candidate=len(after),
        interval=Interval(low=float(low), high=float(high), confidence=confidence),
        p_value=float(found.pvalue),
    )
