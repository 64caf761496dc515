"""What comes in, as arrays: checked once, so that no formula meets a gap, a nan or lists of two lengths."""

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = Sequence[float] | Sequence[bool] | Array
Labels: TypeAlias = Sequence[Hashable]
"""For each value the cluster it belongs to: a conversation, a user, a document."""


def numbers(name: str, values: Numbers, *, low: float = -np.inf, high: float = np.inf) -> Array:
    """`values` as an array. Raises `ValueError`, with `name`, where there are none, or one is not within bounds."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: a flat list of at least one number is needed")
    wrong = ~(np.isfinite(array) & (array >= low) & (array <= high))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{name}[{at}] is {array[at]}; finite numbers from {low:g} to {high:g} are needed")
    return array


def require_as_many(name: str, values: Sequence[object] | Array, n: int) -> None:
    """Raise `ValueError` unless there are `n` of them: paired means one for one."""
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} entries where there are {n} values")


def cluster_numbers(clusters: Labels | None, n: int) -> NDArray[np.intp]:
    """For each value the number of its cluster, from 0 in order of appearance; each its own where `None`."""
    if clusters is None:
        return np.arange(n)
    require_as_many("clusters", clusters, n)
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(label, len(seen)) for label in clusters], dtype=np.intp)


def weight_shares(weights: Numbers | None, n: int) -> Array:
    """What each of `n` values counts, scaled to a mean of 1.

    Raises `ValueError` for weights that are not all above 0.
    """
    if weights is None:
        return np.ones(n)
    array = numbers("weights", weights, low=0)
    require_as_many("weights", array, n)
    if not array.all():
        raise ValueError("weights must be above 0: leave out what is not to count")
    return np.asarray(array / array.mean())


def is_pass_fail(values: Array) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())
