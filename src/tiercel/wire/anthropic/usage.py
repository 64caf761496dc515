"""Usage: here input excludes what was read from or written to the cache, and output includes thinking."""

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.response import Usage

_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


class UsageMerger:
    """Adds up what a stream says in pieces: counts are cumulative, and a missing or zero one erases nothing."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def add(self, value: Json) -> Usage | None:
        """What has been used so far, `None` where this piece says nothing."""
        if not isinstance(value, dict):
            return None
        for name in _COUNTS:
            self._keep(name, value.get(name))
        details = value.get("output_tokens_details")
        if isinstance(details, dict):
            self._keep("thinking_tokens", details.get("thinking_tokens"))
        seen = self._seen
        if not seen:
            return None
        output = seen.get("output_tokens", 0)
        thinking = min(output, seen.get("thinking_tokens", 0))
        return Usage(
            uncached=seen.get("input_tokens", 0),
            cached=seen.get("cache_read_input_tokens", 0),
            written=seen.get("cache_creation_input_tokens", 0),
            visible=output - thinking,
            reasoning=thinking,
        )

    def _keep(self, name: str, count: Json) -> None:
        if isinstance(count, int) and not isinstance(count, bool) and count > 0:
            self._seen[name] = count


def read_usage(value: Json) -> Usage | None:
    """A whole answer's counts; `None` where it counted nothing."""
    return UsageMerger().add(value)


def write_usage(usage: Usage | None) -> JsonObject:
    """Usage as this format counts it; its clients need the object even where nothing is known."""
    usage = usage or Usage()
    return {
        "input_tokens": usage.uncached,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }
