"""A number with what it rests on, or the reason why there is none."""

from collections.abc import Hashable, Sequence

import msgspec

from tiercel.evals.evaluation import Item
from tiercel.evals.statistics.latency import QuantileEstimate
from tiercel.evals.statistics.score import score


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its interval, from `n` answers, pairs or items.

    `value` is `None` where it was not measured, and `why` says why not; an end is `None` where it cannot be bounded.
    `why` may also say what to know of a value.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    why: str = ""

    @property
    def turned(self) -> "Figure":
        """The share of the others."""
        value, low, high = (None if end is None else 1 - end for end in (self.value, self.high, self.low))
        return Figure(value=value, low=low, high=high, n=self.n, why=self.why)


def clusters_of(items: Sequence[Item]) -> list[Hashable] | None:
    """Which of them are no independent evidence: those of one cluster, and repeats. `None` where each stands alone."""
    labels: list[Hashable] = [
        ("item", item.id) if item.cluster is None else ("cluster", item.cluster) for item in items
    ]
    return labels if len(set(labels)) < len(labels) else None


def weights_of(items: Sequence[Item]) -> list[float] | None:
    """What each counts; `None` where all count alike."""
    weights = [item.weight for item in items]
    return weights if len(set(weights)) > 1 else None


def share(values: Sequence[float], items: Sequence[Item], confidence: float) -> Figure:
    """The mean of values in [0, 1], one for each of `items`, which may repeat. At least one is needed."""
    clusters = clusters_of(items)
    independent = len(values) if clusters is None else len(set(clusters))
    if independent < 2:
        return Figure(
            value=sum(values) / len(values), n=len(values), why="a single independent item has no interval"
        )
    found = score(values, clusters=clusters, weights=weights_of(items), confidence=confidence)
    return Figure(
        value=found.value,
        low=found.interval.low,
        high=found.interval.high,
        n=found.n,
        why=_provisional(independent, found.n) if found.is_provisional else "",
    )


def _provisional(independent: int, n: int) -> str:
    """Few values, or few groups of them, make a first impression only."""
    return "provisional" if independent == n else f"provisional: {independent} independent items"


def figure_of(found: QuantileEstimate) -> Figure:
    """A percentile, or why it was refused."""
    return Figure(value=found.value, low=found.low, high=found.high, n=found.n, why=found.refused or "")
