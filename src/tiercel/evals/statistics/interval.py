"""An interval with its confidence, and the figures in words that people read. Plain Python."""

import msgspec

from tiercel.domain.money import usd_from_nano


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """From `low` to `high`: a procedure that catches the true value in the share `confidence` of all samples."""

    low: float
    high: float
    confidence: float

    def holds(self, value: float) -> bool:
        """Whether `value` lies in it, ends included."""
        return self.low <= value <= self.high


def require_share(name: str, value: float) -> None:
    """Raise `ValueError` unless `value` lies strictly between 0 and 1, as a confidence, an alpha and a power do."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, both excluded, and is {value!r}")


def percent(share: float) -> str:
    """`0.8125` is `81.2 %`."""
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares with its sign: `-0.006` is `-0.6`, in points of a hundred."""
    return f"{100 * difference:+.1f}"


def between(interval: Interval) -> str:
    """`95 % interval -2.4 to +1.2`."""
    return f"{100 * interval.confidence:.4g} % interval {points(interval.low)} to {points(interval.high)}"


def dollars(nano: int) -> str:
    """Nano-dollars with as many digits as a person reads: cents from a cent on, two figures below."""
    usd = usd_from_nano(nano)
    if usd == 0 or abs(usd) >= 1 or round(abs(usd), 2) == abs(usd):
        return f"${usd:,.2f}"
    return f"${float(f'{usd:.2g}'):.9f}".rstrip("0")
