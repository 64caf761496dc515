"""Errors as a provider of each format words them: as the body of an answer, and as the last event of a stream. Pure."""

import re

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Format

NO_QUOTA = "insufficient_quota"
"""OpenAI's word for money that is used up; the other formats have their own for the same code."""

_OPENAI_TYPES = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_GOOGLE_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_NUMBERS = {"RESOURCE_EXHAUSTED": 429, "INTERNAL": 500, "DEADLINE_EXCEEDED": 504}
_GOOGLE_TYPES = "type.googleapis.com/google.rpc."
_PER_DAY = "GenerateRequestsPerDayPerProjectPerModel"
_SECONDS = re.compile(r"\d+(\.\d+)?")


def error_body(
    format: Format,
    status: int,
    message: str,
    *,
    code: str | None = None,
    type: str | None = None,
    retry_after: str | None = None,
) -> bytes:
    """The body of an error answer as a provider of this format sends it. Only Google says there when to come back."""
    match format:
        case "anthropic":
            kind = type or _ANTHROPIC_TYPES.get(status, "api_error")
            return msgspec.json.encode(_anthropic_error(kind, message, code))
        case "gemini":
            return msgspec.json.encode({"error": _google_error(status, message, code, type, retry_after)})
        case "ollama":
            return msgspec.json.encode({"error": message})
        case _:
            error = {
                "message": message,
                "type": type or _openai_type(status, code),
                "param": None,
                "code": code,
            }
            return msgspec.json.encode({"error": error})


def in_body(format: Format, retry_after: str | None) -> bool:
    """Whether a provider of this format tells this time in the error's body, and so not in a header."""
    return format == "gemini" and retry_after is not None and _SECONDS.fullmatch(retry_after) is not None


def error_event(format: Format, message: str, code: str | None = None) -> bytes:
    """The end with which a provider of this format breaks off a stream that it cannot finish."""
    match format:
        case "anthropic":
            error = _anthropic_error(code or "overloaded_error", message, None)
            return b"event: error\ndata: " + msgspec.json.encode(error) + b"\n\n"
        case "gemini":
            word = code or "UNAVAILABLE"
            said = {"error": {"code": _NUMBERS.get(word, 503), "message": message, "status": word}}
            return b"data: " + msgspec.json.encode(said) + b"\n\n"
        case "ollama":
            return msgspec.json.encode({"error": message}) + b"\n"
        case "openai_responses":
            return _responses_failure(message, code or "server_error")
        case _:
            body = {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
            return b"data: " + msgspec.json.encode(body) + b"\n\n"


def too_long(format: Format, tokens: int, window: int) -> bytes:
    """The body of a 400 for a request that does not fit, in the words that clients of each format look for."""
    match format:
        case "anthropic":
            return error_body(format, 400, f"prompt is too long: {tokens} tokens > {window} maximum")
        case "gemini":
            message = (
                f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window})."
            )
            return error_body(format, 400, message)
        case "ollama":
            return error_body(
                format, 400, f"the input length ({tokens}) exceeds the context length ({window})"
            )
        case "openai_responses":
            message = (
                "Your input exceeds the context window of this model. Please adjust your input and try again."
            )
            return error_body(format, 400, message, code="context_length_exceeded")
        case _:
            message = (
                f"This model's maximum context length is {window} tokens. However, your messages resulted in "
            )
            return error_body(format, 400, f"{message}{tokens} tokens.", code="context_length_exceeded")


def _openai_type(status: int, code: str | None) -> str:
    if code == NO_QUOTA:
        return NO_QUOTA
    return _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")


def _anthropic_error(kind: str, message: str, code: str | None) -> JsonObject:
    error: JsonObject = {"type": kind, "message": message}
    if code == NO_QUOTA:
        error["details"] = {"error_code": "enforced_spend_limit_reached"}
    return {"type": "error", "error": error, "request_id": "req_simulated"}


def _google_error(
    status: int, message: str, code: str | None, type: str | None, retry_after: str | None
) -> JsonObject:
    error: JsonObject = {
        "code": status,
        "message": message,
        "status": type or _GOOGLE_STATUSES.get(status, "INTERNAL"),
    }
    details: list[JsonObject] = []
    if code == NO_QUOTA:
        details.append({"@type": f"{_GOOGLE_TYPES}QuotaFailure", "violations": [{"quotaId": _PER_DAY}]})
    if in_body("gemini", retry_after):
        details.append({"@type": f"{_GOOGLE_TYPES}RetryInfo", "retryDelay": f"{retry_after}s"})
    return {**error, "details": details} if details else error


def _responses_failure(message: str, code: str) -> bytes:
    """As OpenAI's own servers end one: an error event with the error inside, then the failed response."""
    error = {
        "type": "error",
        "error": {"type": "server_error", "code": code, "message": message, "param": None},
    }
    response = {
        "id": "resp_simulated",
        "object": "response",
        "created_at": 0,
        "model": "simulated",
        "status": "failed",
        "error": {"code": code, "message": message},
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    events: list[JsonObject] = [
        {**error, "sequence_number": 1_000_000},
        {"type": "response.failed", "response": response, "sequence_number": 1_000_001},
    ]
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), msgspec.json.encode(event))
        for event in events
    )
