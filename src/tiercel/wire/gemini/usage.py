"""Usage: here the prompt includes what came from the cache, and the candidates exclude their thoughts."""

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.response import Usage

_READ = frozenset(
    (
        "promptTokenCount",
        "toolUsePromptTokenCount",
        "cachedContentTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
    )
)


def read_usage(value: Json) -> Usage | None:
    """The counts split so that no token is in two fields; `None` where nothing was counted yet."""
    if not isinstance(value, dict):
        return None
    prompt = _count(value, "promptTokenCount") + _count(value, "toolUsePromptTokenCount")
    visible = _count(value, "candidatesTokenCount")
    reasoning = _count(value, "thoughtsTokenCount")
    if not (prompt or visible or reasoning):
        return None
    cached = min(prompt, _count(value, "cachedContentTokenCount"))
    return Usage(uncached=prompt - cached, cached=cached, visible=visible, reasoning=reasoning)


def unread_usage(value: Json) -> JsonObject:
    """What else stands beside the counts: the same split by modality, and the kind of traffic."""
    if not isinstance(value, dict):
        return {}
    return {key: item for key, item in value.items() if key not in _READ}


def write_usage(usage: Usage) -> JsonObject:
    """Usage as this format counts it; its own clients leave out what is zero."""
    written = {"promptTokenCount": usage.input}
    if usage.cached:
        written["cachedContentTokenCount"] = usage.cached
    written["candidatesTokenCount"] = usage.visible
    if usage.reasoning:
        written["thoughtsTokenCount"] = usage.reasoning
    written["totalTokenCount"] = usage.input + usage.output
    return written


def _count(value: JsonObject, key: str) -> int:
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0
