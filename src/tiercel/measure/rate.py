"""A share with the number it was taken from and a 95 % interval, because a share alone says nothing."""

import math

import msgspec

Z_95 = 1.959963984540054
"""The normal distribution's two-sided 95 % quantile."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`count` of `n`. `share`, and the Wilson interval from `low` to `high`, are `None` where `n` is 0."""

    count: int
    n: int
    share: float | None
    low: float | None
    high: float | None


def rate(count: int, n: int) -> Rate:
    """The share of `count` in `n`."""
    if n == 0:
        return Rate(count=count, n=0, share=None, low=None, high=None)
    low, high = wilson(count, n)
    return Rate(count=count, n=n, share=count / n, low=low, high=high)


def wilson(count: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share: honest also for few cases, and for 0 or all of them.

    `n` is at least 1. It assumes that the cases are independent, which the calls of one session are not quite.
    """
    share = count / n
    shrink = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == n else min(1.0, middle + half)
    return low, high
