"""What each client is to be told of each failure, and whether it was: the oracle of the matrix, written down by hand
from the formats' documentation and from what their SDKs raise."""

from typing import Literal, NamedTuple

from tests.gateway.faults.cases import SPOKEN, Case
from tests.gateway.faults.clients import ClientName
from tests.gateway.faults.matrix import SAVED, Cell
from tiercel.domain.failure import FailureKind
from tiercel.domain.request import Format

Told = Literal[
    "upstream_unreachable",
    "upstream_error",
    "upstream_auth",
    "upstream_bad_response",
    "timeout",
    "rate_limit",
    "quota",
    "overloaded",
    "invalid_request",
    "context_length",
    "content_policy",
]

TOLD: dict[FailureKind, Told] = {
    "unreachable": "upstream_unreachable",
    "reset": "upstream_unreachable",
    "truncated": "upstream_unreachable",
    "timeout": "timeout",
    "rate_limited": "rate_limit",
    "overloaded": "overloaded",
    "server_error": "upstream_error",
    "stream_error": "upstream_error",
    "model_gone": "upstream_error",
    "quota": "quota",
    "auth": "upstream_auth",
    "bad_request": "invalid_request",
    "parameter_refused": "invalid_request",
    "context_too_long": "context_length",
    "content_policy": "content_policy",
    "bad_response": "upstream_bad_response",
    "too_large": "upstream_bad_response",
    "empty": "upstream_bad_response",
    "empty_length": "upstream_bad_response",
}


class Raised(NamedTuple):
    """An SDK's exception: class, HTTP status, and the code, type or status by which the format names it."""

    error: str
    status: int | None
    word: str | None


def _raised(openai: Raised, messages: Raised, gemini: Raised) -> dict[ClientName, Raised]:
    return {"chat": openai, "responses": openai, "messages": messages, "gemini": gemini}


def _server_error(word: str, google: str) -> dict[ClientName, Raised]:
    ours = Raised("InternalServerError", 502, word)
    return _raised(ours, Raised("InternalServerError", 502, "api_error"), Raised("ServerError", 502, google))


def _bad_request(word: str | None, google: str = "INVALID_ARGUMENT") -> dict[ClientName, Raised]:
    ours = Raised("BadRequestError", 400, word)
    theirs = Raised("BadRequestError", 400, "invalid_request_error")
    return _raised(ours, theirs, Raised("ClientError", 400, google))


def _too_many(word: str, anthropic: str) -> dict[ClientName, Raised]:
    ours, theirs = Raised("RateLimitError", 429, word), Raised("RateLimitError", 429, anthropic)
    return _raised(ours, theirs, Raised("ClientError", 429, "RESOURCE_EXHAUSTED"))


RAISED: dict[Told, dict[ClientName, Raised]] = {
    "upstream_unreachable": _server_error("upstream_unreachable", "UNAVAILABLE"),
    "upstream_error": _server_error("upstream_error", "INTERNAL"),
    "upstream_auth": _server_error("upstream_auth", "INTERNAL"),
    "upstream_bad_response": _server_error("upstream_bad_response", "INTERNAL"),
    "timeout": _raised(
        Raised("InternalServerError", 504, "timeout"),
        Raised("GatewayTimeoutError", 504, "timeout_error"),
        Raised("ServerError", 504, "DEADLINE_EXCEEDED"),
    ),
    "rate_limit": _too_many("rate_limit_exceeded", "rate_limit_error"),
    "quota": _too_many("insufficient_quota", "billing_error"),
    "overloaded": _raised(
        Raised("InternalServerError", 503, "server_is_overloaded"),
        Raised("OverloadedError", 529, "overloaded_error"),
        Raised("ServerError", 503, "UNAVAILABLE"),
    ),
    "invalid_request": _bad_request(None),
    "context_length": _bad_request("context_length_exceeded"),
    "content_policy": _bad_request("content_policy_violation", "FAILED_PRECONDITION"),
}
"""Before anything of an answer was sent."""

FINISHES: dict[ClientName, str] = {
    "chat": "stop",
    "responses": "completed",
    "messages": "end_turn",
    "gemini": "STOP",
}
CUT_OFF: dict[ClientName, str] = {
    "chat": "length",
    "responses": "incomplete",
    "messages": "max_tokens",
    "gemini": "MAX_TOKENS",
}
REFUSALS: dict[ClientName, str] = {
    "chat": "content_filter",
    "responses": "incomplete",
    "messages": "refusal",
    "gemini": "SAFETY",
}


def raised_in_stream(told: Told, client: ClientName) -> Raised:
    """The exception for the same in the middle of a stream, whose status was 200."""
    _, status, word = RAISED[told][client]
    match client:
        case "chat" | "responses":
            return Raised("APIError", None, word)
        case "messages":
            return Raised("APIStatusError", 200, word)
        case "gemini":
            return Raised(RAISED[told][client].error, status, word)


def complaints(case: Case, upstream: Format, cell: Cell) -> list[str]:
    """What is not as it should be in this cell; empty where all is."""
    kind = case.failure(upstream, cell.stream)
    found = cell.record.attempts[0].failure
    wrong = _unequal("failure", found.kind if found else None, kind)
    match case.when(cell.stream):
        case "good":
            return wrong + _answered(cell, SPOKEN, attempts=1)
        case "refused":
            return wrong + _unequal("finish", cell.seen.finish, REFUSALS[cell.client])
        case "before" if cell.backed and case.elsewhere:
            return wrong + _answered(cell, SAVED, attempts=2)
        case "before" if case.delivered:
            return wrong + _marked(cell)
        case "after" if kind is not None:
            return wrong + _broken(cell, TOLD[kind])
        case _ if kind is not None:
            return wrong + _refused(cell, TOLD[kind], case.wait(upstream, cell.stream))
        case _:
            return [f"{case.name} expects nothing of this cell"]


def _answered(cell: Cell, text: str, *, attempts: int) -> list[str]:
    seen, record = cell.seen, cell.record
    whys = tuple(attempt.why for attempt in record.attempts)
    return [
        *_unequal("error", (seen.error, seen.message), (None, "")),
        *_unequal("text", seen.text, text),
        *_unequal("finish", seen.finish, FINISHES[cell.client]),
        *_unequal("outcome", record.outcome, "passed"),
        *_unequal("attempts", whys, ("first", "fallback")[:attempts]),
        *_unequal("tries of the SDK", seen.tries, 1),
    ]


def _marked(cell: Cell) -> list[str]:
    """The empty answer as it is, with the finish that says why, and marked."""
    seen = cell.seen
    return [
        *_unequal("error", (seen.error, seen.message), (None, "")),
        *_unequal("text", seen.text, ""),
        *_unequal("finish", seen.finish, CUT_OFF[cell.client]),
        *_unequal("outcome", cell.record.outcome, "marked"),
        *_unequal("marked", seen.headers.get("x-tiercel-outcome"), "marked"),
        *_unequal("tries of the SDK", seen.tries, 1),
    ]


def _refused(cell: Cell, told: Told, wait: str | None) -> list[str]:
    seen = cell.seen
    answer = (seen.headers.get("x-should-retry"), seen.headers.get("retry-after"))
    return [
        *_unequal("error", Raised(seen.error or "", seen.status, seen.word), RAISED[told][cell.client]),
        *_unequal("text", seen.text, ""),
        *_unequal("outcome", cell.record.outcome, "failed"),
        *_unequal("problem", cell.record.problem, told),
        *_unequal("attempts", len(cell.record.attempts), 1),
        *_unequal("x-should-retry, retry-after", answer, ("true" if wait else "false", wait)),
        *_unequal("tries of the SDK", seen.tries, 1),
        *_indiscreet(cell),
    ]


def _broken(cell: Cell, told: Told) -> list[str]:
    """The client got a part, then an exception and no finish; the part is paid for in the record."""
    seen, usage = cell.seen, cell.record.attempts[0].usage
    paid = usage is not None and usage.source == "partial" and usage.output > 0
    return [
        *_unequal(
            "error", Raised(seen.error or "", seen.status, seen.word), raised_in_stream(told, cell.client)
        ),
        *([] if seen.text.startswith("one") else [f"text: {seen.text!r}"]),
        *_unequal("finish", seen.finish, None),
        *_unequal("outcome", cell.record.outcome, "broken"),
        *_unequal("attempts", len(cell.record.attempts), 1),
        *_unequal("partial usage in the record", paid, True),
        *_unequal("tries of the SDK", seen.tries, 1),
        *_indiscreet(cell),
    ]


def _indiscreet(cell: Cell) -> list[str]:
    """Nothing of the provider's address or of its pages is told to a client."""
    message = cell.seen.message
    told = [word for word in ("127.0.0.1", "invalid/", "DOCTYPE", "sk-scripted", "SSH-2") if word in message]
    return [f"the message tells {word}" for word in told] if message else ["no message"]


def _unequal(what: str, found: object, expected: object) -> list[str]:
    return [] if found == expected else [f"{what}: {found!r} instead of {expected!r}"]
