"""Usage: here input includes what came from the cache, and output includes reasoning."""

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.money import divided
from tiercel.domain.response import Usage

_TICKS_PER_NANO = 10
"""xAI says what it charged, in ticks of which ten thousand million are a dollar."""


def read_usage(value: Json) -> Usage | None:
    """The server's counts split so that no token is in two fields; `None` where it counted nothing."""
    if not isinstance(value, dict):
        return None
    given = _count(value, "input_tokens")
    output = _count(value, "output_tokens")
    if not given and not output:
        return None
    details = _details(value, "input_tokens_details")
    cached = min(given, _count(details, "cached_tokens"))
    written = min(given - cached, _count(details, "cache_write_tokens"))
    reasoning = _count(_details(value, "output_tokens_details"), "reasoning_tokens")
    beside = reasoning > output or (reasoning and _count(value, "total_tokens") == given + output + reasoning)
    ticks = _count(value, "cost_in_usd_ticks")
    return Usage(
        uncached=given - cached - written,
        cached=cached,
        written=written,
        visible=output if beside else output - reasoning,
        reasoning=reasoning,
        reported_cost_nano=divided(ticks, _TICKS_PER_NANO) if ticks else None,
    )


def write_usage(usage: Usage) -> JsonObject:
    """Usage as this format counts it."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def _details(value: JsonObject, key: str) -> JsonObject:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _count(value: JsonObject, key: str) -> int:
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0
