"""`done_reason`: what Ollama writes, and what we write. It has no word for tool calls: those end with `stop`."""

from tiercel.domain.json import Json
from tiercel.domain.response import Finish, FinishReason

_READ: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}

_WRITTEN: dict[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "content_filter",
    "error": "error",
    "unknown": "stop",
}


def read_finish(raw: Json, has_calls: bool) -> Finish:
    """Ollama's word as ours. Calls come whole here, so a stop after one is always `tool_calls`."""
    word = raw if isinstance(raw, str) and raw else None
    reason = _READ.get(word or "", "unknown")
    if has_calls and reason in ("stop", "unknown"):
        reason = "tool_calls"
    return Finish(reason=reason, raw=word)


def written_finish(finish: Finish) -> str:
    """The word for a client."""
    return _WRITTEN[finish.reason]
