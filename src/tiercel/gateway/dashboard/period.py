"""The time range of a page: one of a few lengths up to now, or from one moment to another."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from tiercel.domain.errors import CallerError

MINUTE, HOUR, DAY = 60, 3_600, 86_400
LENGTHS: dict[str, tuple[int, int]] = {
    "1h": (HOUR, MINUTE),
    "6h": (6 * HOUR, 5 * MINUTE),
    "24h": (DAY, HOUR),
    "7d": (7 * DAY, 6 * HOUR),
    "30d": (30 * DAY, DAY),
    "90d": (90 * DAY, DAY),
}
"""How far back, and in which steps a chart shows it, in seconds."""
STEPS = ((2 * HOUR, MINUTE), (12 * HOUR, 5 * MINUTE), (3 * DAY, HOUR), (14 * DAY, 6 * HOUR), (400 * DAY, DAY))
"""Up to which length of a range of one's own which step is taken."""
LONGEST = 3_700 * DAY


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """From `since` on until before `until`, Unix seconds, both whole steps but for an end that is now. `name` is empty
    for a range of one's own; `live` is whether it goes up to now."""

    name: str
    since: int
    until: int
    step_seconds: int
    live: bool


def range_of(query: Mapping[str, str], *, default: str = "24h", now: float | None = None) -> Range:
    """What the address asks for: `range=24h`, or `from` and `to` as ISO times in UTC. Raises `CallerError`."""
    now = time.time() if now is None else now
    end = -int(-now // MINUTE) * MINUTE
    if "from" in query or "to" in query:
        return _own(query, end)
    name = query.get("range", default)
    if name not in LENGTHS:
        raise CallerError("invalid_request", f"range {name[:20]!r}: choose one of {', '.join(LENGTHS)}")
    length, step = LENGTHS[name]
    since = int(end - length) // step * step
    return Range(name=name, since=since, until=end, step_seconds=step, live=True)


def _own(query: Mapping[str, str], end: int) -> Range:
    since = _moment("from", query["from"]) if "from" in query else end - DAY
    until = min(end, _moment("to", query["to"])) if "to" in query else end
    if not since < until or until - since > LONGEST:
        raise CallerError(
            "invalid_request", "from: give a moment before `to` and before now, within ten years"
        )
    step = next((step for length, step in STEPS if until - since <= length), 7 * DAY)
    first = int(since) // step * step
    return Range(
        name="",
        since=first,
        until=min(-int(-until // step) * step, end),
        step_seconds=step,
        live="to" not in query,
    )


def _moment(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CallerError(
            "invalid_request", f"{name} {text[:40]!r}: write a moment such as 2026-08-01T12:00 (UTC)"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
