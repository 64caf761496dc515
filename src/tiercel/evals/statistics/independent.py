"""Is one better than the other on different items: requests that were shared out among arms by lot. Plain Python.

Each side's figure comes with its own interval, whatever it is a figure of: a rate, a percentile, a cost per success.
"""

import math

import msgspec


class Bounded(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its interval; `None` for an end that what was seen does not bound."""

    value: float
    low: float | None
    high: float | None


def difference(baseline: Bounded, candidate: Bounded) -> Bounded:
    """Candidate minus baseline, at the confidence of the two intervals (which must be the same).

    Each end lies as far from the difference as the two nearest ends lie from their figures, added as squares: the
    variance is recovered from the intervals where it matters. For two rates with Wilson's intervals this is Newcombe's.
    Source: Zou and Donner 2008, "Construction of confidence limits about effect measures" (MOVER).
    Assumes that the two are independent; where the same sessions are in both, it is too wide rather than too narrow.
    """
    value = candidate.value - baseline.value
    below = _reach(candidate.value, candidate.low, baseline.value, baseline.high)
    above = _reach(candidate.value, candidate.high, baseline.value, baseline.low)
    return Bounded(
        value=value,
        low=None if below is None else value - below,
        high=None if above is None else value + above,
    )


def ratio(baseline: Bounded, candidate: Bounded) -> Bounded | None:
    """Candidate in terms of the baseline: 0.7 is 30 % less. The same on logarithms, as suits costs and times.

    `None` where a figure is not above 0; an end is unbounded where one that it rests on is 0 or unbounded.
    """
    if baseline.value <= 0 or candidate.value <= 0:
        return None
    found = difference(_logarithm(baseline), _logarithm(candidate))
    return Bounded(
        value=math.exp(found.value),
        low=None if found.low is None else math.exp(found.low),
        high=None if found.high is None else math.exp(found.high),
    )


def _reach(one: float, one_end: float | None, other: float, other_end: float | None) -> float | None:
    if one_end is None or other_end is None:
        return None
    return math.hypot(one - one_end, other - other_end)


def _logarithm(figure: Bounded) -> Bounded:
    return Bounded(
        value=math.log(figure.value),
        low=math.log(figure.low) if figure.low else None,
        high=math.log(figure.high) if figure.high else None,
    )
