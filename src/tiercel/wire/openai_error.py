"""Errors of ours in OpenAI's shape, which two of its formats share: what went wrong as `type` and `code`."""

import msgspec

from tiercel.domain.errors import ProblemKind
from tiercel.domain.json import JsonObject
from tiercel.wire.codec import Problem

_INVALID = "invalid_request_error"
_SERVER = "server_error"

_WORDS: dict[ProblemKind, tuple[str, str | None]] = {
    "invalid_request": (_INVALID, None),
    "invalid_json": (_INVALID, "invalid_json"),
    "unsupported_value": (_INVALID, "unsupported_value"),
    "context_length": (_INVALID, "context_length_exceeded"),
    "no_rung": (_INVALID, "no_model_can_take_this"),
    "auth": ("authentication_error", "invalid_api_key"),
    "permission": ("permission_error", None),
    "not_found": (_INVALID, "not_found"),
    "model_not_found": (_INVALID, "model_not_found"),
    "method_not_allowed": (_INVALID, "method_not_allowed"),
    "conflict": ("conflict_error", "request_in_progress"),
    "too_large": (_INVALID, "request_too_large"),
    "unprocessable": (_INVALID, "idempotency_key_reused"),
    "rate_limit": ("rate_limit_error", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "content_policy": (_INVALID, "content_policy_violation"),
    "upstream_error": (_SERVER, "upstream_error"),
    "upstream_unreachable": (_SERVER, "upstream_unreachable"),
    "upstream_bad_response": (_SERVER, "upstream_bad_response"),
    "upstream_auth": (_SERVER, "upstream_auth"),
    "overloaded": (_SERVER, "server_is_overloaded"),
    "timeout": (_SERVER, "timeout"),
    "cost_cap": ("insufficient_quota", "cost_cap_reached"),
    "check_failed": (_SERVER, "response_check_failed"),
    "storage_unavailable": (_SERVER, "storage_unavailable"),
    "internal": (_SERVER, "internal_error"),
}


def error_object(problem: Problem) -> JsonObject:
    """The `error` itself."""
    error_type, code = _WORDS[problem.kind]
    return {
        "message": problem.message,
        "type": error_type,
        "param": problem.param,
        "code": code,
        "request_id": problem.request_id,
    }


def encode_problem(problem: Problem) -> bytes:
    """The body of an error answer, also the data of an error inside a stream."""
    return msgspec.json.encode({"error": error_object(problem)})
