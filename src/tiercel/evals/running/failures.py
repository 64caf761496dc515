"""What a failed request means for its item and its candidate: a table of what asking again would change."""

from typing import Literal

import msgspec

from tiercel.domain.failure import Failure, FailureKind
from tiercel.evals.asked import Asked
from tiercel.evals.results import Kind

Then = Literal["again", "slower", "never", "out"]
"""Ask the item again, or again and everybody later, or not, or nothing more of this candidate."""

FAILURES: dict[FailureKind, tuple[Kind, Then]] = {
    "unreachable": ("provider", "again"),
    "reset": ("provider", "again"),
    "timeout": ("timeout", "again"),
    "rate_limited": ("rate_limited", "slower"),
    "overloaded": ("provider", "slower"),
    "server_error": ("provider", "again"),
    "quota": ("provider", "out"),
    "auth": ("provider", "out"),
    "model_gone": ("provider", "out"),
    "context_too_long": ("provider", "never"),
    "content_policy": ("refused", "never"),
    "seal_refused": ("provider", "never"),
    "parameter_refused": ("provider", "never"),
    "bad_request": ("provider", "never"),
    "bad_response": ("provider", "again"),
    "too_large": ("provider", "never"),
    "empty": ("empty", "never"),
    "empty_length": ("empty", "never"),
    "truncated": ("provider", "again"),
    "stream_error": ("provider", "again"),
    "cancelled": ("provider", "again"),
    "interrupted": ("provider", "again"),
}
TOO_MANY = frozenset(("rate_limit", "overloaded"))
"""What the gateway says of a model that rests because it was asked too much."""
OWN: frozenset[Kind] = frozenset(("empty", "refused"))
"""The candidate's own failures, and no accident on the way to it."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer. `called` is whether a provider was asked at all: one that rests after failures is not."""

    kind: Kind
    then: Then
    reason: str
    failure: str = ""
    called: bool = True
    wait_seconds: float | None = None

    @property
    def is_own(self) -> bool:
        return self.kind in OWN


def why(asked: Asked) -> Failed | None:
    """Why this was no answer, `None` where it was one."""
    if asked.response is not None or asked.vectors:
        return None
    record = asked.record
    if record is None:
        return Failed(kind="provider", then="again", reason=asked.problem or "nobody answered")
    last = record.attempts[-1] if record.attempts else None
    failure = last.failure if last is not None else None
    if failure is not None:
        return _failed(asked, failure)
    if record.outcome == "rejected":
        return Failed(
            kind="provider", then="never", reason=asked.problem, failure=record.problem or "", called=False
        )
    rests = not record.attempts and record.problem in TOO_MANY
    return Failed(
        kind="rate_limited" if rests else "provider",
        then="slower" if rests else "again",
        reason=asked.problem or "nobody answered",
        called=bool(record.attempts),
        wait_seconds=asked.retry_after_seconds,
    )


def timed_out(seconds: float) -> Failed:
    """We waited so long and no longer."""
    return Failed(kind="timeout", then="again", reason=f"no answer within {seconds:g} s", failure="timeout")


def _failed(asked: Asked, failure: Failure) -> Failed:
    kind, then = FAILURES[failure.kind]
    return Failed(
        kind=kind,
        then=then,
        reason=asked.problem or failure.message,
        failure=failure.kind,
        wait_seconds=asked.retry_after_seconds,
    )
