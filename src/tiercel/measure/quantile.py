"""Percentiles of what was really seen: p50 and p95, never the mean."""

import math
from collections.abc import Iterable, Sequence

import msgspec

from tiercel.records.sketch import Sketch

SMALLEST_SAMPLE_FOR_P95 = 20
"""Below it the p95 would be the maximum under another name."""


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """p50 and p95 of `n` values. p50 is `None` without values, p95 below 20 of them."""

    n: int
    p50: float | None
    p95: float | None


def quantile(values: Sequence[float], q: float) -> float:
    """The nearest-rank quantile: the smallest value that at least the share `q` of all values does not exceed.

    `q` is in (0, 1], and there is at least one value. It is always a value that occurred; p50 of an even number of
    values is the lower of the two in the middle.
    """
    # without the small amount 0.95 * 20 may come out above 19, and the rank one too high
    rank = math.ceil(q * len(values) - 1e-9)
    return sorted(values)[max(rank, 1) - 1]


def percentiles(values: Iterable[float]) -> Percentiles:
    """p50 and p95, where there are enough values for them."""
    found = sorted(values)
    return Percentiles(
        n=len(found),
        p50=quantile(found, 0.50) if found else None,
        p95=quantile(found, 0.95) if len(found) >= SMALLEST_SAMPLE_FOR_P95 else None,
    )


def sketched(sketch: Sketch) -> Percentiles:
    """The same of values that only a sketch is left of: each within its relative error."""
    n = sketch.n
    return Percentiles(
        n=n,
        p50=sketch.quantile(0.50),
        p95=sketch.quantile(0.95) if n >= SMALLEST_SAMPLE_FOR_P95 else None,
    )
