"""What the arms of a split are worth, and how they differ: figures with intervals that know which requests belong
together. It says nothing where there is too little, and says that."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from scipy import stats

from tiercel.evals.statistics.cost import cost_per_success
from tiercel.evals.statistics.independent import Bounded, difference, ratio
from tiercel.evals.statistics.latency import quantile_interval
from tiercel.evals.statistics.score import PROVISIONAL_BELOW, score
from tiercel.measure.split import ArmSample, Trial

Metric = Literal["success", "accepted", "cost_per_success", "latency_p95"]
Kind = Literal["difference", "ratio"]
METRICS: dict[Metric, Kind] = {
    "success": "difference",
    "accepted": "difference",
    "cost_per_success": "ratio",
    "latency_p95": "ratio",
}
"""What there is of each arm, and how two of them are compared."""

UNFAIR_BELOW = 1e-3
"""A p-value for the numbers of those who keep an arm that is no chance any more."""
LEAST_EXPECTED = 5.0
"""Below so many expected in an arm the test of their numbers is not exact enough."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one arm: a share, nano-dollars or seconds, of `n` requests in `clusters` that are independent.

    `value` is `None` where it cannot be given, `low` and `high` where what was seen does not bound it; `lacks` says
    what is missing then.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    clusters: int = 0
    lacks: str | None = None


class ArmFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`units` is how many sessions, users or single requests were given the arm."""

    name: str
    share: float
    requests: int
    units: int
    figures: dict[Metric, Figure]


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """How an arm differs from the baseline in one metric: its figure less the other's, or divided by it.

    `verdict` is `cannot tell` where the interval holds no difference, or has no end on that side.
    """

    arm: str
    metric: Metric
    kind: Kind
    value: float | None
    low: float | None
    high: float | None
    verdict: Literal["higher", "lower", "cannot tell", "too little"]
    lacks: str | None = None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A split with its figures. Counts and times are those of `measure.split.Trial`. `confidence` is that of each
    interval alone.

    `p_shares` is how likely numbers of sessions or users this far from the shares are, were all drawn as the policy
    says; `None` where there are too few, or each request draws for itself. `is_unfair` says that it is no chance.
    `is_provisional`: an arm has fewer than 30 clusters.
    """

    split: str
    rules: tuple[str, ...]
    requests: int
    counted: int
    incomplete: int
    earlier: int
    simulated: int
    since: float | None
    until: float | None
    baseline: str | None
    confidence: float
    arms: tuple[ArmFigures, ...]
    contrasts: tuple[Contrast, ...]
    p_shares: float | None
    is_unfair: bool
    is_provisional: bool


def compared(trial: Trial, baseline: str | None = None, *, confidence: float = 0.95) -> Compared:
    """The figures of a split; the others against `baseline`, by default the arm with the greatest share.

    Raises `ValueError` where the split has no arm of that name.
    """
    arms = [_arm(sample, confidence) for sample in trial.arms]
    names = [arm.name for arm in arms]
    if baseline is not None and baseline not in names:
        raise ValueError(f"split {trial.split} has no arm {baseline!r}, but {', '.join(names) or 'none'}")
    base = next((arm for arm in arms if arm.name == baseline), arms[0] if arms else None)
    p_shares = _p_shares(trial.arms)
    return Compared(
        split=trial.split,
        rules=trial.rules,
        requests=trial.requests,
        counted=trial.counted,
        incomplete=trial.incomplete,
        earlier=trial.earlier,
        simulated=trial.simulated,
        since=trial.since,
        until=trial.until,
        baseline=base.name if base else None,
        confidence=confidence,
        arms=tuple(arms),
        contrasts=tuple(
            _contrast(metric, base, arm)
            for arm in arms
            if base is not None and arm is not base
            for metric in METRICS
        ),
        p_shares=p_shares,
        is_unfair=p_shares is not None and p_shares < UNFAIR_BELOW,
        is_provisional=any(arm.figures["success"].clusters < PROVISIONAL_BELOW for arm in arms),
    )


def _arm(sample: ArmSample, confidence: float) -> ArmFigures:
    figures: dict[Metric, Figure] = {
        "success": _share(sample.successes, sample.clusters, confidence),
        "accepted": _share(sample.opinions, sample.opinion_clusters, confidence),
        "cost_per_success": _cost(sample, confidence),
        "latency_p95": _p95(sample, confidence),
    }
    return ArmFigures(
        name=sample.name, share=sample.share, requests=sample.requests, units=sample.units, figures=figures
    )


def _share(values: Sequence[bool], clusters: Sequence[str], confidence: float) -> Figure:
    n, independent = len(values), len(set(clusters))
    if not n:
        return Figure(lacks="nothing was judged")
    if independent < 2:
        return Figure(value=sum(values) / n, n=n, clusters=independent, lacks=_too_few(independent))
    found = score(values, clusters=clusters, confidence=confidence)
    return Figure(
        value=found.value, low=found.interval.low, high=found.interval.high, n=n, clusters=independent
    )


def _cost(sample: ArmSample, confidence: float) -> Figure:
    n, independent = sample.requests, len(set(sample.clusters))
    if sample.unpriced:
        return Figure(n=n, clusters=independent, lacks=f"the cost of {sample.unpriced} requests is not known")
    if not any(sample.successes):
        return Figure(n=n, clusters=independent, lacks="nothing succeeded")
    if independent < 2:
        value = sum(sample.costs_nano) / sum(sample.successes)
        return Figure(value=value, n=n, clusters=independent, lacks=_too_few(independent))
    found = cost_per_success(
        sample.costs_nano, sample.successes, clusters=sample.clusters, confidence=confidence
    )
    lacks = "the successes are too few to bound it" if found.high_nano is None else None
    return Figure(
        value=found.value_nano,
        low=found.low_nano,
        high=found.high_nano,
        n=n,
        clusters=independent,
        lacks=lacks,
    )


def _p95(sample: ArmSample, confidence: float) -> Figure:
    n, independent = len(sample.seconds), len(set(sample.second_clusters))
    if not n:
        return Figure(lacks="nothing was delivered")
    found = quantile_interval(sample.seconds, 0.95, clusters=sample.second_clusters, confidence=confidence)
    lacks = found.refused
    if lacks is None and (found.low is None or found.high is None):
        lacks = "no value lies far enough out to bound it"
    return Figure(value=found.value, low=found.low, high=found.high, n=n, clusters=independent, lacks=lacks)


def _too_few(independent: int) -> str:
    there = "is 1" if independent == 1 else f"are {independent}"
    return f"an interval takes 2 sessions, or requests that stand alone, and there {there}"


def _contrast(metric: Metric, base: ArmFigures, arm: ArmFigures) -> Contrast:
    kind = METRICS[metric]
    one, other = _bounded(base.figures[metric]), _bounded(arm.figures[metric])
    between: Callable[[Bounded, Bounded], Bounded | None] = difference if kind == "difference" else ratio
    found = between(one, other) if one is not None and other is not None else None
    lacking = [f"{side.name}: {lacks}" for side in (base, arm) if (lacks := side.figures[metric].lacks)]
    if found is None or (found.low is None and found.high is None):
        return Contrast(
            arm=arm.name,
            metric=metric,
            kind=kind,
            value=None if found is None else found.value,
            low=None,
            high=None,
            verdict="too little",
            lacks="; ".join(lacking) or "a figure is 0",
        )
    none = 0.0 if kind == "difference" else 1.0
    verdict: Literal["higher", "lower", "cannot tell"] = "cannot tell"
    if found.low is not None and found.low > none:
        verdict = "higher"
    elif found.high is not None and found.high < none:
        verdict = "lower"
    return Contrast(
        arm=arm.name,
        metric=metric,
        kind=kind,
        value=found.value,
        low=found.low,
        high=found.high,
        verdict=verdict,
        lacks="; ".join(lacking) or None,
    )


def _bounded(figure: Figure) -> Bounded | None:
    return None if figure.value is None else Bounded(value=figure.value, low=figure.low, high=figure.high)


def _p_shares(arms: Sequence[ArmSample]) -> float | None:
    """Whether those who keep an arm were shared out as the policy says: Pearson's test of their numbers. Requests that
    draw for themselves do not count: those of one tool loop draw together."""
    keepers = sum(arm.keepers for arm in arms)
    whole = sum(arm.share for arm in arms)
    expected = [keepers * arm.share / whole for arm in arms]
    if len(arms) < 2 or min(expected) < LEAST_EXPECTED:
        return None
    return float(stats.chisquare([arm.keepers for arm in arms], expected).pvalue)
