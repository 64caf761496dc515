"""Errors of ours in Google's shape: a status word with its number, and the request's id among the details."""

import msgspec

from tiercel.domain.errors import ProblemKind
from tiercel.domain.json import JsonObject
from tiercel.wire.codec import Problem

_INVALID = (400, "INVALID_ARGUMENT")

_STATUSES: dict[ProblemKind, tuple[int, str]] = {
    "invalid_request": _INVALID,
    "invalid_json": _INVALID,
    "unsupported_value": _INVALID,
    "context_length": _INVALID,
    "no_rung": _INVALID,
    "auth": (401, "UNAUTHENTICATED"),
    "permission": (403, "PERMISSION_DENIED"),
    "not_found": (404, "NOT_FOUND"),
    "model_not_found": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "UNIMPLEMENTED"),
    "conflict": (409, "ABORTED"),
    "unprocessable": (422, "INVALID_ARGUMENT"),
    "too_large": (413, "INVALID_ARGUMENT"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "content_policy": (400, "FAILED_PRECONDITION"),
    "upstream_error": (502, "INTERNAL"),
    "upstream_unreachable": (502, "UNAVAILABLE"),
    "upstream_bad_response": (502, "INTERNAL"),
    "upstream_auth": (502, "INTERNAL"),
    "overloaded": (503, "UNAVAILABLE"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
    "cost_cap": (429, "RESOURCE_EXHAUSTED"),
    "check_failed": (502, "INTERNAL"),
    "storage_unavailable": (503, "UNAVAILABLE"),
    "internal": (500, "INTERNAL"),
}


def problem_object(problem: Problem) -> JsonObject:
    """The error object; `error` must stay its first key, by which Google's SDK knows one inside a stream."""
    code, status = _STATUSES[problem.kind]
    details: list[JsonObject] = [
        {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": problem.request_id}
    ]
    if problem.param is not None:
        violation = {"field": problem.param, "description": problem.message}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    return {"error": {"code": code, "message": problem.message, "status": status, "details": details}}


def encode_problem(problem: Problem) -> bytes:
    """The body of an error answer, also the data of an error inside a stream."""
    return msgspec.json.encode(problem_object(problem))
