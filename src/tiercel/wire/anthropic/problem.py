"""Errors of ours in Anthropic's shape."""

import msgspec

from tiercel.domain.errors import ProblemKind
from tiercel.domain.json import JsonObject
from tiercel.wire.codec import Problem

_INVALID = "invalid_request_error"

_TYPES: dict[ProblemKind, str] = {
    "invalid_request": _INVALID,
    "invalid_json": _INVALID,
    "unsupported_value": _INVALID,
    "context_length": _INVALID,
    "no_rung": _INVALID,
    "auth": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "model_not_found": "not_found_error",
    "method_not_allowed": _INVALID,
    "conflict": _INVALID,
    "too_large": "request_too_large",
    "unprocessable": _INVALID,
    "rate_limit": "rate_limit_error",
    "quota": "billing_error",
    "content_policy": _INVALID,
    "upstream_error": "api_error",
    "upstream_unreachable": "api_error",
    "upstream_bad_response": "api_error",
    "upstream_auth": "api_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
    "cost_cap": "billing_error",
    "check_failed": "api_error",
    "storage_unavailable": "api_error",
    "internal": "api_error",
}

TOO_LONG = "prompt is too long"
"""Agents look for these words in the message, to shorten their conversation and try again."""


def problem_object(problem: Problem) -> JsonObject:
    message = problem.message
    if problem.kind == "context_length" and TOO_LONG not in message:
        message = f"{TOO_LONG}: {message}"
    error = {"type": _TYPES[problem.kind], "message": message}
    return {"type": "error", "error": error, "request_id": problem.request_id}


def encode_problem(problem: Problem) -> bytes:
    """The body of an error answer, also the data of an `error` event."""
    return msgspec.json.encode(problem_object(problem))
