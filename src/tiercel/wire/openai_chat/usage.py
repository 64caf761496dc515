"""Usage: here input includes what came from the cache, and output includes reasoning (at most servers)."""

from decimal import Decimal, InvalidOperation

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.money import nano_from_usd
from tiercel.domain.response import Usage


def read_usage(value: Json) -> Usage | None:
    """The server's counts split so that no token is in two fields; `None` where it counted nothing."""
    if not isinstance(value, dict):
        return None
    prompt = _count(value, "prompt_tokens")
    completion = _count(value, "completion_tokens")
    if not prompt and not completion:
        return None
    prompt_details = _details(value, "prompt_tokens_details")
    # DeepSeek and Moonshot put the cached tokens at the top
    cached = (
        _count(prompt_details, "cached_tokens")
        or _count(value, "prompt_cache_hit_tokens")
        or _count(value, "cached_tokens")
    )
    written = _count(prompt_details, "cache_write_tokens")
    reasoning = _count(_details(value, "completion_tokens_details"), "reasoning_tokens") or _count(
        value, "reasoning_tokens"
    )
    return Usage(
        uncached=max(0, prompt - cached - written),
        cached=cached,
        written=written,
        visible=_visible(prompt, completion, reasoning, _count(value, "total_tokens")),
        reasoning=reasoning,
        reported_cost_nano=_cost(value.get("cost")),
    )


def write_usage(usage: Usage) -> JsonObject:
    """Usage as this format counts it."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _visible(prompt: int, completion: int, reasoning: int, total: int) -> int:
    """Some servers (xAI) count reasoning beside the completion, not in it; the total tells which."""
    if reasoning > completion or (reasoning and total == prompt + completion + reasoning):
        return completion
    return completion - reasoning


def _details(value: JsonObject, key: str) -> JsonObject:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _count(value: JsonObject, key: str) -> int:
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def _cost(value: Json) -> int | None:
    """OpenRouter's `cost` in dollars; Perplexity's is an object with a `total_cost`."""
    if isinstance(value, dict):
        value = value.get("total_cost")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return nano_from_usd(Decimal(str(value)))
    except (InvalidOperation, ValueError, OverflowError):
        return None
