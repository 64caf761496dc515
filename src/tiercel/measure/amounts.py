"""Numbers in words: money, times, shares, names, for terminals and pages; and as JSON. Arithmetic only."""

from decimal import ROUND_HALF_EVEN, Decimal

from tiercel.domain.json import Json
from tiercel.domain.money import usd_from_nano, usd_text
from tiercel.measure.rate import Rate

UNKNOWN = "-"


def printable(name: str) -> str:
    """A session's name is the caller's text: no control character of it reaches the terminal."""
    return "".join(character if character.isprintable() else "?" for character in name)


def count_text(number: int, noun: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percent(share: float | None) -> str:
    """A share in whole percent; near 0 and 1, where whole percent would hide something, with one digit more."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.01:
        return f"{100 * share:.1f} %" if share >= 0.0005 else "<0.1 %"
    if 0.99 < share < 1:
        return f"{min(100 * share, 99.9):.1f} %"
    return f"{100 * share:.0f} %"


def money(nano: int) -> str:
    """Dollars with as many digits as say something: three of them below a dollar, cents above."""
    usd = abs(usd_from_nano(nano))
    sign = "-" if nano < 0 else ""
    if usd == 0:
        return "$0"
    if usd >= 1:
        return f"{sign}${usd.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}"
    rounded = usd.quantize(Decimal(1).scaleb(usd.adjusted() - 2), ROUND_HALF_EVEN)
    return f"{sign}${rounded.normalize():f}"


def duration(seconds: float | None) -> str:
    """Milliseconds below a second, else seconds, with three digits."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.9995:
        milliseconds = seconds * 1_000
        return f"{milliseconds:.0f} ms" if milliseconds >= 9.95 else f"{milliseconds:.1f} ms"
    digits = 2 if seconds < 9.995 else 1 if seconds < 99.95 else 0
    return f"{seconds:.{digits}f} s"


def wall_time(seconds: float | None) -> str:
    """How long something took that may take days: in the two units that say it best."""
    if seconds is None or seconds < 60:
        return duration(seconds)
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d}" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def rate_text(rate: Rate) -> str:
    """A share with the number it is of."""
    return UNKNOWN if rate.n == 0 else f"{percent(rate.share)} of {rate.n}"


def dollars(value: Json) -> Json:
    """The same values, every `…_nano` as `…_usd` in decimal dollars."""
    # msgspec leaves tuples as they are
    if isinstance(value, list | tuple):
        return [dollars(item) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {}
    for key, item in value.items():
        if key.endswith("_nano"):
            shown[key.removesuffix("_nano") + "_usd"] = None if item is None else usd_text(item)
        else:
            shown[key] = dollars(item)
    return shown
