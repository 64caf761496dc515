"""Whether a candidate keeps the bounds that were set beside the primary metric: met, broken, or not to be told.

A bound is met where the whole interval lies within it, and broken where none of it does.
"""

from typing import Literal

import msgspec

from tiercel.domain.money import NANO_PER_USD
from tiercel.evals.comparing.answers import Answers
from tiercel.evals.comparing.figure import Figure
from tiercel.evals.comparing.metrics import METRICS, counted
from tiercel.evals.comparing.pairs import Pairing
from tiercel.evals.evaluation import Guardrail
from tiercel.evals.statistics.cost import Spending, relative_cost

State = Literal["met", "broken", "cannot tell"]


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """A guardrail with what was measured: `figure` is in the guardrail's own unit (money in dollars), or a multiple of
    the baseline's where it is relative. `baseline` and `candidate` are what it was made from; the one is empty where
    there is no baseline."""

    guardrail: Guardrail
    state: State
    figure: Figure
    baseline: Figure
    candidate: Figure


def guarded(guardrail: Guardrail, pairing: Pairing, confidence: float, seed: int) -> Guarded:
    """Hold one bound against a candidate."""
    measure = METRICS[guardrail.metric]
    alone = guarded_alone(guardrail, pairing.candidate, confidence)
    figure = alone.figure
    if guardrail.relative and guardrail.metric == "cost_per_success":
        figure = cost_ratio(pairing, confidence, seed)
    elif guardrail.relative:
        # two intervals at half the error each hold both values together at the whole one
        half = (1 + confidence) / 2
        figure = _ratio(measure(pairing.candidate, half), measure(pairing.baseline, half))
    return msgspec.structs.replace(
        alone,
        state=_state(figure, guardrail.at_most),
        figure=figure,
        baseline=measure(pairing.baseline, confidence),
    )


def guarded_alone(guardrail: Guardrail, side: Answers, confidence: float) -> Guarded:
    """Hold a bound that is absolute against a candidate that is compared with nobody."""
    candidate = METRICS[guardrail.metric](side, confidence)
    figure = _in_dollars(candidate) if guardrail.metric == "cost_per_success" else candidate
    return Guarded(
        guardrail=guardrail,
        state=_state(figure, guardrail.at_most),
        figure=figure,
        baseline=Figure(why="there is no baseline"),
        candidate=candidate,
    )


def cost_ratio(pairing: Pairing, confidence: float, seed: int) -> Figure:
    """Cost per success of the candidate in the baseline's, on the pairs, by paired bootstrap."""
    pairs = pairing.pairs
    sides = [[pair.baseline for pair in pairs], [pair.candidate for pair in pairs]]
    unknown = sum(row.cost_nano is None for rows in sides for row in rows)
    if unknown or not pairs:
        why = f"the price of {unknown} answers is not known" if unknown else "there are no pairs"
        return Figure(n=len(pairs), why=why)
    weights = counted(pairing.items)
    before, after = (
        Spending(
            [(row.cost_nano or 0) * weight for row, weight in zip(rows, weights, strict=True)],
            [float(row.state == "passed") * weight for row, weight in zip(rows, weights, strict=True)],
        )
        for rows in sides
    )
    try:
        found = relative_cost(before, after, seed=seed, clusters=pairing.clusters, confidence=confidence)
    except ValueError as error:
        return Figure(n=len(pairs), why=str(error))
    if found.interval is None:
        return Figure(
            value=found.ratio, n=found.n, why="resampling gives no interval: too few successes, or all alike"
        )
    return Figure(value=found.ratio, low=found.interval.low, high=found.interval.high, n=found.n)


def _ratio(candidate: Figure, baseline: Figure) -> Figure:
    n = min(candidate.n, baseline.n)
    for side in (candidate, baseline):
        if side.value is None:
            return Figure(n=n, why=side.why)
    if not baseline.value or candidate.value is None:
        return Figure(n=n, why="the baseline's is 0, of which there are no multiples")
    low = _divided(candidate.low, baseline.high)
    high = _divided(candidate.high, baseline.low)
    return Figure(value=candidate.value / baseline.value, low=low, high=high, n=n)


def _divided(top: float | None, bottom: float | None) -> float | None:
    return top / bottom if top is not None and bottom else None


def _in_dollars(nano: Figure) -> Figure:
    value, low, high = (
        None if end is None else end / NANO_PER_USD for end in (nano.value, nano.low, nano.high)
    )
    return Figure(value=value, low=low, high=high, n=nano.n, why=nano.why)


def _state(figure: Figure, at_most: float) -> State:
    if figure.high is not None and figure.high <= at_most:
        return "met"
    if figure.low is not None and figure.low > at_most:
        return "broken"
    return "cannot tell"
