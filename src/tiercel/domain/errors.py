"""The exceptions, split by whose fault it is. What a provider fails at is a value (`failure.py`).

TiercelError
├── CallerError        the client asked for something that cannot be done; becomes a 4xx
├── ConfigError        the operator's files, environment or machine; names file, key and fix
├── UnavailableError   nobody could answer, or we may not; becomes a 5xx or 429
├── UpstreamDataError  a provider's bytes could not be read; the engine turns it into a Failure
└── CheckError         a check crashed, timed out or is misconfigured; recorded, never a 500
"""

from typing import Literal

ProblemKind = Literal[
    "invalid_request",
    "invalid_json",
    "unsupported_value",
    "context_length",
    "no_rung",
    "auth",
    "permission",
    "not_found",
    "model_not_found",
    "method_not_allowed",
    "conflict",
    "too_large",
    "unprocessable",
    "rate_limit",
    "quota",
    "content_policy",
    "upstream_error",
    "upstream_unreachable",
    "upstream_bad_response",
    "upstream_auth",
    "overloaded",
    "timeout",
    "cost_cap",
    "check_failed",
    "storage_unavailable",
    "internal",
]


class TiercelError(Exception):
    """Base of every exception that we raise on purpose."""


class ProblemError(TiercelError):
    """Something that is told to the client, in its own format, from our own table."""

    def __init__(
        self,
        kind: ProblemKind,
        message: str,
        *,
        param: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: ProblemKind = kind
        self.message = message
        self.param = param
        self.retry_after_seconds = retry_after_seconds


class CallerError(ProblemError):
    """The client's fault: the request cannot be served as it is."""


class UnavailableError(ProblemError):
    """Not the client's fault: nobody answered well enough, or we must not go on."""


class ConfigError(TiercelError):
    """The operator's fault. `problems` holds one line each, with file, key and fix."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UpstreamDataError(TiercelError):
    """A provider's bytes are not what its format says. The message never quotes them."""


class CheckError(TiercelError):
    """A check could not do its work: it crashed, ran out of time, or its settings are wrong."""
