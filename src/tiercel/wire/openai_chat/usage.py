"""Usage: here input includes what came from the cache, and output includes reasoning (at most servers)."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, TypeAlias

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.money import nano_from_usd
from tiercel.domain.response import Usage

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)] | None


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    """What of the prompt was in the cache or was put there, or what of the completion is reasoning."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None
    reasoning_tokens: Count = None


class _Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A server's counts. DeepSeek and Moonshot put the cached tokens at the top."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_cache_hit_tokens: Count = None
    cached_tokens: Count = None
    reasoning_tokens: Count = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


_NONE = _Details()


def read_usage(value: Json) -> Usage | None:
    """The server's counts split so that no token is in two fields; `None` where it counted nothing."""
    if not isinstance(value, dict):
        return None
    try:
        counted = msgspec.convert(value, _Counted)
    except msgspec.ValidationError:
        counted = msgspec.convert(_counts_in(value), _Counted)
    prompt = counted.prompt_tokens or 0
    completion = counted.completion_tokens or 0
    if not prompt and not completion:
        return None
    details = counted.prompt_tokens_details or _NONE
    cached = details.cached_tokens or counted.prompt_cache_hit_tokens or counted.cached_tokens or 0
    written = details.cache_write_tokens or 0
    details = counted.completion_tokens_details or _NONE
    reasoning = details.reasoning_tokens or counted.reasoning_tokens or 0
    # some servers (xAI) count reasoning beside the completion, not in it; the total tells which
    is_beside = reasoning > completion or (
        reasoning and counted.total_tokens == prompt + completion + reasoning
    )
    cost = value.get("cost")
    return Usage(
        uncached=max(0, prompt - cached - written),
        cached=cached,
        written=written,
        visible=completion if is_beside else completion - reasoning,
        reasoning=reasoning,
        reported_cost_nano=None if cost is None else _cost(cost),
    )


def write_usage(usage: Usage) -> JsonObject:
    """Usage as this format counts it."""
    prompt = usage.uncached + usage.cached + usage.written
    completion = usage.visible + usage.reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _counts_in(value: JsonObject) -> JsonObject:
    """What is a count, where something beside it is none."""
    counts = _whole_numbers(value)
    for place in ("prompt_tokens_details", "completion_tokens_details"):
        details = value.get(place)
        counts[place] = _whole_numbers(details) if isinstance(details, dict) else None
    return counts


def _whole_numbers(source: JsonObject) -> JsonObject:
    return {name: found for name, found in source.items() if found.__class__ is int and found >= 0}


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
