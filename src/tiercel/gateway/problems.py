"""Our own table of errors: which HTTP status each kind has, and whether a client's SDK should try again.

Every text that reaches a client about an error is made here or was sanitised where it arose; it never contains an
exception's text or a provider's body.
"""

import math

import msgspec

from tiercel.domain.errors import ProblemError, ProblemKind
from tiercel.gateway.exchange import Headers
from tiercel.gateway.surfaces import Surface
from tiercel.wire.codec import Problem


class Status(msgspec.Struct, frozen=True):
    """The HTTP status of a kind of problem. `again` is whether trying the same request once more may help."""

    code: int
    again: bool = False


STATUSES: dict[ProblemKind, Status] = {
    "invalid_request": Status(400),
    "invalid_json": Status(400),
    "unsupported_value": Status(400),
    "context_length": Status(400),
    "no_rung": Status(400),
    "auth": Status(401),
    "permission": Status(403),
    "not_found": Status(404),
    "model_not_found": Status(404),
    "method_not_allowed": Status(405),
    "conflict": Status(409, again=True),
    "too_large": Status(413),
    "unprocessable": Status(422),
    "rate_limit": Status(429, again=True),
    "quota": Status(429),
    "content_policy": Status(400),
    "upstream_error": Status(502),
    "upstream_unreachable": Status(502),
    "upstream_bad_response": Status(502),
    # never a 401: the client's own key is fine, the operator's is not
    "upstream_auth": Status(502),
    "overloaded": Status(503, again=True),
    "timeout": Status(504),
    "cost_cap": Status(429),
    "check_failed": Status(502),
    "storage_unavailable": Status(503, again=True),
    "internal": Status(500),
}


def render_problem(error: ProblemError, surface: Surface, request_id: str) -> tuple[int, Headers, bytes]:
    """Status, headers and body of an error answer.

    We have retried and fallen back already, so `x-should-retry: false` keeps SDKs from multiplying that.
    """
    status = STATUSES[error.kind]
    shown_id = request_id.encode("ascii")
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"x-request-id", shown_id),
        (b"x-should-retry", b"true" if status.again and error.retry_after_seconds is not None else b"false"),
    ]
    if surface.id_header != b"x-request-id":
        headers.append((surface.id_header, shown_id))
    if error.retry_after_seconds is not None:
        headers.append((b"retry-after", str(math.ceil(error.retry_after_seconds)).encode("ascii")))
    problem = Problem(kind=error.kind, message=error.message, request_id=request_id, param=error.param)
    code = surface.statuses.get(error.kind, status.code)
    return code, headers, surface.codec.encode_problem(problem)
