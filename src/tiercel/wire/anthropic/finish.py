"""Stop reasons: Anthropic's words and ours."""

from tiercel.domain.response import Finish, FinishReason

_READ: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

_WRITTEN: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "end_turn",
    "unknown": "end_turn",
}


def read_finish(raw: object, stop_sequence: object = None) -> Finish:
    word = raw if isinstance(raw, str) and raw else None
    return Finish(
        reason=_READ.get(word, "unknown") if word else "unknown",
        raw=word,
        stop_sequence=stop_sequence if isinstance(stop_sequence, str) else None,
    )


def written_finish(finish: Finish) -> str:
    """The word for a client: Anthropic's own finer one where the answer came with it."""
    if finish.raw is not None and _READ.get(finish.raw) == finish.reason:
        return finish.raw
    if finish.reason == "stop" and finish.stop_sequence is not None:
        return "stop_sequence"
    return _WRITTEN[finish.reason]
