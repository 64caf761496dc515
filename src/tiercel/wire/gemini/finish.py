"""Finish reasons: Gemini's words and ours. Calls end with STOP, too; a blocked prompt has no candidate at all."""

from tiercel.domain.response import Finish, FinishReason

_READ: dict[str, FinishReason] = {
    "STOP": "stop",
    "CONTINUATION": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "UNEXPECTED_TOOL_CALL": "error",
}

_WRITTEN: dict[FinishReason, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "error": "OTHER",
    "unknown": "OTHER",
}

_OTHERS = frozenset(
    ("LANGUAGE", "OTHER", "IMAGE_OTHER", "NO_IMAGE", "ESCALATION", "FINISH_REASON_UNSPECIFIED")
)


def read_finish(raw: object, has_calls: bool) -> Finish:
    """The word as ours; only a stop is read as tool calls, a cut or filtered answer stays one."""
    word = raw if isinstance(raw, str) and raw else None
    reason = _READ.get(word, "unknown") if word else "unknown"
    if has_calls and reason == "stop":
        reason = "tool_calls"
    return Finish(reason=reason, raw=word)


def blocked_finish(raw: object) -> Finish:
    """The finish of a prompt that was refused before any answer; `raw` is the `blockReason`."""
    return Finish(reason="content_filter", raw=raw if isinstance(raw, str) else None)


def written_finish(finish: Finish) -> str:
    """The word for a client: Gemini's own finer one where the answer came with it."""
    raw = finish.raw
    if raw is not None and _READ.get(raw) == finish.reason:
        return raw
    if raw in _OTHERS and finish.reason == "unknown":
        return raw
    return _WRITTEN[finish.reason]
