"""A distribution in a few hundred bytes: how many values lie in each of many narrow intervals, each 2 % wide.

Two sketches add up to the sketch of all their values, in any order, which percentiles themselves do not.
"""

import math
from collections.abc import Sequence
from itertools import accumulate

import msgspec

RELATIVE_ERROR = 0.01
"""A quantile of a sketch is at most so far, as a share of it, from the value that a sorted list would give."""
SMALLEST = 1e-9
"""What is not above it counts as zero."""
MANY = 8
"""From so many sketches on, counting all intervals that there are is quicker than looking each one up."""
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
_MIDDLE = 2 / (1 + _GAMMA)
_SHIFT = 1 - math.ceil(math.log(SMALLEST) / _LOG_GAMMA)
_LAST = math.ceil(math.log(1e12) / _LOG_GAMMA) + _SHIFT

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[int], list[int]]).decode


class Sketch:
    """Values in [0, 1e12], counted; what is larger counts as that. The intervals never change: sketches are kept."""

    __slots__ = ("buckets",)

    def __init__(self, buckets: dict[int, int] | None = None) -> None:
        self.buckets = buckets or {}

    @property
    def n(self) -> int:
        """How many values were added."""
        return sum(self.buckets.values())

    def add(self, value: float) -> None:
        """Counts one value."""
        bucket = bucket_of(value)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def merge(self, other: "Sketch") -> None:
        """Counts what the other has counted."""
        own = self.buckets
        if not own:
            own.update(other.buckets)
            return
        for bucket, count in other.buckets.items():
            own[bucket] = own.get(bucket, 0) + count

    def quantile(self, q: float) -> float | None:
        """The nearest-rank quantile within `RELATIVE_ERROR`; `None` without values. `q` is in (0, 1]."""
        left = max(1, math.ceil(q * self.n - 1e-9))
        for bucket, count in sorted(self.buckets.items()):
            left -= count
            if left <= 0:
                return _value(bucket)
        return None

    def to_bytes(self) -> bytes:
        """Buckets in order, each as its distance from the one before, and then their counts; MessagePack."""
        buckets = sorted(self.buckets)
        distances = [bucket - before for before, bucket in zip([0, *buckets], buckets, strict=False)]
        return _encode((distances, [self.buckets[bucket] for bucket in buckets])) if buckets else b""

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """The sketch that `to_bytes` wrote."""
        if not data:
            return cls()
        distances, counts = _decode(data)
        return cls(dict(zip(accumulate(distances), counts, strict=True)))

    @classmethod
    def of_all(cls, pieces: Sequence[bytes]) -> "Sketch":
        """The sketch of the values of all these, none of which is empty. Many take half the time that adding one after
        the other does."""
        if len(pieces) < MANY:
            whole = cls()
            for data in pieces:
                whole.merge(cls.from_bytes(data))
            return whole
        counted = [0] * (_LAST + 1)
        for data in pieces:
            distances, counts = _decode(data)
            for bucket, count in zip(accumulate(distances), counts, strict=True):
                counted[bucket] += count
        return cls({bucket: count for bucket, count in enumerate(counted) if count})


def bucket_of(value: float) -> int:
    """The interval that a value lies in."""
    if value <= SMALLEST:
        return 0
    if value >= 1e12:
        return _LAST
    return math.ceil(math.log(value) / _LOG_GAMMA) + _SHIFT


def _value(bucket: int) -> float:
    return 0.0 if bucket == 0 else _MIDDLE * _GAMMA ** (bucket - _SHIFT)
