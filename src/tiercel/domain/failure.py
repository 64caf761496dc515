"""Failure: nobody answered. A value, because it is measured.

What the ladder does about each kind stands in `ladder/reactions.py`.
"""

from typing import Literal

import msgspec

FailureKind = Literal[
    "unreachable",  # DNS, connection refused, TLS
    "reset",  # the connection broke before an answer was complete
    "timeout",  # no first token, a stall, or the call's own deadline
    "rate_limited",  # come back later: 429 and its kin
    "overloaded",  # 503, 529
    "server_error",  # other 5xx, and 408, 409, 424
    "quota",  # money or quota is used up: waiting a moment does not help
    "auth",  # the operator's credential was refused
    "model_gone",  # no such model or deployment there
    "context_too_long",  # does not fit this model's window
    "content_policy",  # refused before any answer, by policy
    "seal_refused",  # a signature or encrypted thinking in the conversation is not accepted
    "parameter_refused",  # a parameter of the drawing of tokens is not taken; without it the request may be fine
    "bad_request",  # the provider says that the request itself is wrong
    "bad_response",  # not what its format says: HTML, malformed JSON, wrong shapes
    "too_large",  # the answer exceeded our caps
    "empty",  # a 200 with nothing in it
    "empty_length",  # a 200 with nothing in it because thinking used up the budget
    "truncated",  # a stream that ended without a finish
    "stream_error",  # an error inside the stream, of no kind above
    "cancelled",  # we stopped it: the client left, or another answer won
    "interrupted",  # the process ended while it ran
]


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt has no answer.

    `message` is ours or sanitised, fit for a client; `detail` is for the operator's record only and never quotes
    prompts. `retry_after_seconds` is what the provider asked us to wait.
    """

    kind: FailureKind
    message: str
    status: int | None = None
    code: str | None = None
    detail: str | None = None
    retry_after_seconds: float | None = None
