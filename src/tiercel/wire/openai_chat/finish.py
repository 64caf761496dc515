"""Finish reasons: what servers of this format write, and what we write."""

from tiercel.domain.response import Finish, FinishReason

_READ: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "complete": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "error": "error",
    "abort": "error",
    "insufficient_system_resource": "error",
}

WRITTEN: dict[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
    "unknown": "stop",
}
"""The word for a client."""


def read_finish(raw: object, has_complete_calls: bool) -> Finish:
    """The server's word as ours. A plain `stop` after complete tool calls is `tool_calls`, as some servers say it.

    Only a stop is corrected so: a cut or filtered answer stays one.
    """
    word = raw if isinstance(raw, str) and raw else None
    reason = _READ.get(word.lower(), "unknown") if word else "unknown"
    if has_complete_calls and reason in ("stop", "unknown"):
        reason = "tool_calls"
    return Finish(reason=reason, raw=word)
