"""Usage: two counts. What came from a cache is inside the first, thinking inside the second, and neither is told."""

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.response import Usage


def read_usage(source: JsonObject) -> Usage | None:
    """The counts of a last line or whole answer; `None` where nothing was counted."""
    prompt = _count(source.get("prompt_eval_count"))
    output = _count(source.get("eval_count"))
    return Usage(uncached=prompt, visible=output) if prompt or output else None


def write_usage(usage: Usage | None) -> JsonObject:
    """Usage as this format counts it."""
    if usage is None:
        return {}
    return {"prompt_eval_count": usage.input, "eval_count": usage.output}


def _count(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
