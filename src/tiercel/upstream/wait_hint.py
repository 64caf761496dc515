"""How long a provider asks us to wait, in whichever of a dozen places and spellings it says so. Pure."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_WAIT_SECONDS = 300.0
"""Nobody may rest a deployment for longer than this by one header."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")
_DURATION_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_RETRY_INFO = re.compile(r'"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"')
_IN_WORDS = re.compile(
    r"\b(?:try again|retry) (?:in|after) (\d+(?:\.\d+)?)\s*(ms|milliseconds?|s\b|sec|seconds?|m\b|min|minutes?)",
    re.IGNORECASE,
)
_EPOCH_SECONDS, _EPOCH_MS = 1e9, 1e12


def wait_seconds(headers: Mapping[str, str], body: str, now: float) -> float | None:
    """The wait an error answer asks for, at most `MAX_WAIT_SECONDS`; `None` where it asks for none that makes sense.

    `headers` have lower-case names, `now` is Unix seconds. The most explicit statement wins: `retry-after-ms`,
    `retry-after`, the body's RetryInfo, the message's words, then the headers that say when a limit is reset.
    """
    found = (
        _bounded(_milliseconds(headers.get("retry-after-ms"))),
        _bounded(_number_or_date(headers.get("retry-after"), now)),
        _bounded(_from_body(body)),
        _bounded(_from_resets(headers, now)),
    )
    return next((seconds for seconds in found if seconds is not None), None)


def _bounded(seconds: float | None) -> float | None:
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, MAX_WAIT_SECONDS)


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None


def _milliseconds(value: str | None) -> float | None:
    number = _number(value)
    return None if number is None else number / 1000


def _number_or_date(value: str | None, now: float) -> float | None:
    number = _number(value)
    if number is not None or not value:
        return number
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now


def _from_body(body: str) -> float | None:
    info = _RETRY_INFO.search(body)
    if info:
        return float(info.group(1))
    words = _IN_WORDS.search(body)
    if not words:
        return None
    unit = words.group(2).lower()
    scale = 0.001 if unit.startswith(("ms", "mil")) else 60.0 if unit.startswith("m") else 1.0
    return float(words.group(1)) * scale


def _from_resets(headers: Mapping[str, str], now: float) -> float | None:
    """The reset of what is used up, where the headers say what that is; else the longest reset they name."""
    used_up: list[float] = []
    others: list[float] = []
    for name, value in headers.items():
        if "ratelimit" not in name or "reset" not in name:
            continue
        seconds = _bounded(_reset(value, now))
        if seconds is not None:
            is_used_up = headers.get(name.replace("reset", "remaining"), "").strip() == "0"
            (used_up if is_used_up else others).append(seconds)
    return max(used_up or others, default=None)


def _reset(value: str, now: float) -> float | None:
    """`12.5`, `6m0s`, `120ms`, Unix seconds or milliseconds, or an RFC 3339 time."""
    number = _number(value)
    if number is not None:
        if number >= _EPOCH_MS:
            return number / 1000 - now
        return number - now if number >= _EPOCH_SECONDS else number
    if _DURATION.fullmatch(value):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION_STEP.findall(value))
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
