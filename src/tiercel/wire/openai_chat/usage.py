"""Usage: here input includes what came from the cache, and output includes reasoning (at most servers)."""

from decimal import Decimal, InvalidOperation

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.money import nano_from_usd
from tiercel.domain.response import Usage


def read_usage(value: Json) -> Usage | None:
    """The server's counts split so that no token is in two fields; `None` where it counted nothing."""
    if not isinstance(value, dict):
        return None
    prompt = _count(value.get("prompt_tokens"))
    completion = _count(value.get("completion_tokens"))
    if not prompt and not completion:
        return None
    cached = written = reasoning = 0
    details = value.get("prompt_tokens_details")
    if isinstance(details, dict):
        cached = _count(details.get("cached_tokens"))
        written = _count(details.get("cache_write_tokens"))
    # DeepSeek and Moonshot put the cached tokens at the top
    cached = cached or _count(value.get("prompt_cache_hit_tokens")) or _count(value.get("cached_tokens"))
    details = value.get("completion_tokens_details")
    if isinstance(details, dict):
        reasoning = _count(details.get("reasoning_tokens"))
    reasoning = reasoning or _count(value.get("reasoning_tokens"))
    cost = value.get("cost")
    return Usage(
        uncached=max(0, prompt - cached - written),
        cached=cached,
        written=written,
        visible=_visible(prompt, completion, reasoning, _count(value.get("total_tokens"))),
        reasoning=reasoning,
        reported_cost_nano=None if cost is None else _cost(cost),
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


def _count(found: Json) -> int:
    return found if isinstance(found, int) and found > 0 and found is not True else 0


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
