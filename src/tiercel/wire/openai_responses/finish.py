"""How an answer ended: here a status, and for an incomplete one a reason."""

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.response import Finish, FinishReason

_INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
_REASONS: dict[FinishReason, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
UNANSWERED = ("queued", "in_progress")
FAILED = ("failed", "cancelled")


def read_finish(response: JsonObject, has_calls: bool) -> Finish:
    """The finish of an answer that came to an end. Calls make a tool call's finish of a complete one only."""
    status = response.get("status")
    if status == "incomplete":
        reason = _reason(response.get("incomplete_details"))
        return Finish(reason=_INCOMPLETE.get(reason or "", "unknown"), raw=reason or "incomplete")
    raw = status if isinstance(status, str) else None
    return Finish(reason="tool_calls" if has_calls else "stop", raw=raw)


def _reason(details: Json) -> str | None:
    reason = details.get("reason") if isinstance(details, dict) else None
    return reason if isinstance(reason, str) else None


def written_finish(finish: Finish) -> JsonObject:
    """`status`, `incomplete_details` and `error` for a client."""
    reason = _REASONS.get(finish.reason)
    if finish.reason == "unknown" and finish.raw is not None and finish.raw in ("max_messages", "steered"):
        reason = finish.raw
    if finish.reason == "error":
        error = {"code": "server_error", "message": "the model broke off its answer"}
        return {"status": "failed", "error": error, "incomplete_details": None}
    status = "completed" if reason is None else "incomplete"
    return {
        "status": status,
        "error": None,
        "incomplete_details": None if reason is None else {"reason": reason},
    }
