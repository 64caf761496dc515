"""Moments as a terminal shows them, in UTC; other numbers are in `measure.amounts`."""

from datetime import UTC, datetime

from tiercel.measure.amounts import UNKNOWN


def moment(at: float | None) -> str:
    """A moment to the minute, UTC."""
    return UNKNOWN if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def period_text(since: float | None, until: float | None) -> str:
    """From the first to the last of what was seen, in UTC."""
    if since is None or until is None:
        return "never"
    first, last = moment(since), moment(until)
    return f"{first} UTC" if first == last else f"{first} to {last} UTC"
