"""The one table of what can go wrong with a call: statuses, error bodies and exceptions into a `Failure`.

The body's own words come before the status, because providers disagree on statuses and 429 alone has three meanings.
What the ladder does about each kind stands in `ladder/reactions.py`.
"""

import re
from typing import Literal

import msgspec

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.failure import Failure, FailureKind
from tiercel.upstream import errors
from tiercel.upstream.errors import HttpError
from tiercel.upstream.masking import clean_code, clean_message
from tiercel.wire.codec import ErrorFacts, UpstreamReplyError

MESSAGES: dict[FailureKind, str] = {
    "unreachable": "the provider cannot be reached",
    "reset": "the connection to the provider broke before the answer was complete",
    "timeout": "the provider took too long",
    "rate_limited": "the provider's rate limit is reached",
    "overloaded": "the provider is overloaded",
    "server_error": "the provider had an internal error",
    "quota": "the quota or credit at the provider is used up",
    "auth": "the provider refused the gateway's credential",
    "model_gone": "the provider does not serve this model",
    "context_too_long": "the request is too long for the model",
    "content_policy": "the provider's content policy refuses this request",
    "seal_refused": "the provider does not accept the signatures of earlier thinking",
    "parameter_refused": "the provider does not take a parameter of the request",
    "bad_request": "the provider says that the request is not valid",
    "bad_response": "the provider's answer cannot be read",
    "too_large": "the provider's answer is larger than the gateway accepts",
    "empty": "the provider answered with nothing",
    "empty_length": "the provider's answer is empty because the token limit was used up before it began",
    "truncated": "the provider's answer ended without a finish",
    "stream_error": "the provider reported an error while answering",
    "cancelled": "the call was cancelled",
    "interrupted": "the gateway stopped while the call was running",
}
"""What a client may be told of each kind, in our words."""

QUOTED: frozenset[FailureKind] = frozenset(
    ("bad_request", "context_too_long", "content_policy", "seal_refused", "parameter_refused")
)
"""Kinds that are about the client's own request: there the provider's cleaned message is shown too."""


class Wording(msgspec.Struct, frozen=True):
    """A kind, and the codes or the wordings in an error body that mean it, whatever the status."""

    kind: FailureKind
    codes: re.Pattern[str]
    wordings: re.Pattern[str]


def _wording(kind: FailureKind, codes: str, wordings: str) -> Wording:
    return Wording(kind, re.compile(codes, re.IGNORECASE), re.compile(wordings, re.IGNORECASE | re.DOTALL))


_NOTHING = r"(?!)"
WORDINGS: tuple[Wording, ...] = (
    _wording(
        "quota",
        r"insufficient_(quota|credits?|balance|funds)|billing|credit_balance|spend_limit|quota_per_day|payment_required"
        r"|usage_not_included|usage_limit_reached",
        r"insufficient (quota|credits?|balance|funds)|credit balance is too low|spend(ing)? limit"
        r"|billing (hard )?limit|requires more credits|exceeded your current quota|out of credits",
    ),
    _wording(
        "seal_refused",
        r"invalid_encrypted_content|(invalid|bad)_(thinking_|thought_)?signature|thinking_signature_invalid",
        r"invalid .?signature.? in .?thinking|encrypted content.{0,80}could not be (verified|decrypted|parsed|decoded)"
        r"|thought.?signature (is )?(not valid|invalid)|(corrupted|invalid|malformed) thought.?signature"
        r"|thinking.{0,120}blocks.{0,80}cannot be modified",
    ),
    _wording(
        "context_too_long",
        r"context_(length|window)|exceed_context_size|request_too_large|string_above_max_length|prompt_too_long",
        r"prompt is too long|maximum context length|context (length|window|size)|input (is |was )?too long"
        r"|exceeds? the (maximum|model's maximum|max) (number of (input )?tokens|input)|input token count.{0,40}exceeds"
        r"|reduce the length of the (messages|prompt|input)|too many (input )?tokens in",
    ),
    _wording(
        "content_policy",
        r"content_(filter|policy|management)|responsibleaipolicy|moderation|prohibited_content|safety",
        r"content (management|filter(ing)?|usage) polic|flagged (by|for|as|in)|(violat|against).{0,40}polic"
        r"|blocked by .{0,20}(safety|content|moderation)|prohibited_content",
    ),
    _wording(
        "model_gone",
        r"model_not_found|model_(decommissioned|deprecated|unavailable)|not_found_error|deployment_?not_?found",
        r"no endpoints found|not a valid model|model .{0,120}(does not exist|not found|decommissioned|deprecated)",
    ),
    _wording(
        "auth",
        r"invalid_api_key|authentication_error|permission_(error|denied)|unauthenticated|account_deactivated",
        r"(incorrect|invalid|expired|missing) api.key|api.key (is )?(not valid|invalid|expired|missing)",
    ),
    _wording("overloaded", r"overloaded|slow_down|^unavailable$|engine_overloaded", r"(is|are) overloaded"),
    _wording("rate_limited", r"rate_limit|resource_exhausted|too_many_requests|throttl", _NOTHING),
)

TYPES: tuple[tuple[str, FailureKind], ...] = (
    ("invalid_request_error", "bad_request"),
    ("invalid_argument", "bad_request"),
    ("bad_request", "bad_request"),
    ("server_error", "server_error"),
    ("api_error", "server_error"),
    ("internal", "server_error"),
    ("timeout", "server_error"),
)
"""What an error says of itself, for errors that come without a status (in the middle of a stream)."""

STATUSES: dict[int, FailureKind] = {
    401: "auth",
    402: "quota",
    403: "auth",
    404: "model_gone",
    405: "model_gone",
    407: "unreachable",
    408: "server_error",
    409: "server_error",
    410: "model_gone",
    413: "context_too_long",
    424: "server_error",
    425: "server_error",
    429: "rate_limited",
    499: "server_error",
    503: "overloaded",
    529: "overloaded",
}

Told = tuple[FailureKind, str, str | None]
"""Kind, our words (empty: those of the kind), code."""

EXCEPTIONS: dict[type[HttpError] | type[UpstreamDataError], Told] = {
    errors.InvalidRequestError: ("auth", "the gateway's settings for this provider cannot be sent", None),
    errors.ResolveError: ("unreachable", "", "name_not_resolved"),
    errors.ConnectError: ("unreachable", "", "no_connection"),
    errors.TlsError: ("unreachable", "", "tls"),
    errors.ProxyError: ("unreachable", "", "proxy"),
    errors.ResetError: ("reset", "", None),
    errors.StaleError: ("reset", "", None),
    errors.ProtocolError: ("bad_response", "", "not_http"),
    errors.EncodedError: ("bad_response", "", "compressed"),
    errors.BodyTooLargeError: ("too_large", "", None),
    errors.UnwantedError: ("cancelled", "the rest of the answer was not wanted", None),
    UpstreamDataError: ("bad_response", "", "unreadable"),
}

TIMEOUTS: dict[errors.Phase | Literal["first_token"], Told] = {
    "connect": ("unreachable", "the provider did not accept a connection in time", "connect_timeout"),
    "first_byte": ("timeout", "the provider did not begin to answer in time", "first_byte"),
    "first_token": ("timeout", "the provider did not begin to answer in time", "first_token"),
    "idle": ("timeout", "the provider stopped in the middle of its answer", "idle"),
    "deadline": ("timeout", "the provider's answer was not complete in time", "deadline"),
}


def failure_of(kind: FailureKind, *, code: str | None = None, detail: str | None = None) -> Failure:
    """A failure of this kind in our own words."""
    return Failure(kind=kind, message=MESSAGES[kind], code=code, detail=detail)


def classify_status(status: int, facts: ErrorFacts, *, html: bool = False, credential: str = "") -> Failure:
    """The failure that an answer with this status and error body is. `html` says that the body is a web page.

    `facts.retry_after_seconds` must already hold what `wait_seconds` found. `credential` is what was sent, so that an
    answer quoting it is masked.
    """
    effective = _effective_status(status, facts)
    kind = _kind_of(effective, facts, html)
    said = clean_message(facts.message, credential) if not html else ""
    message = MESSAGES[kind]
    if said and kind in QUOTED:
        message = f"{message}: {said}"
    waits = kind in ("rate_limited", "overloaded", "server_error", "quota")
    return Failure(
        kind=kind,
        message=message,
        status=effective if effective >= 300 else None,
        code=clean_code(facts.code or facts.type, credential),
        detail=said or None,
        retry_after_seconds=facts.retry_after_seconds if waits else None,
    )


def classify_exception(exc: HttpError | UpstreamDataError, *, credential: str = "") -> Failure:
    """The failure that an exception of a call is; for an error in the body of a 200, what that error says."""
    if isinstance(exc, errors.TimedOutError):
        return timed_out(exc.phase)
    if isinstance(exc, UpstreamReplyError):
        return classify_status(200, exc.facts, credential=credential)
    kind, message, code = EXCEPTIONS[type(exc)]
    return Failure(kind=kind, message=message or MESSAGES[kind], code=code, detail=str(exc) or None)


def timed_out(phase: errors.Phase | Literal["first_token"]) -> Failure:
    """The failure that running out of this clock is."""
    kind, message, code = TIMEOUTS[phase]
    return Failure(kind=kind, message=message, code=code)


def as_refused_parameter(failure: Failure) -> Failure:
    """A request that is wrong for nothing but a parameter that may be left out."""
    kind: FailureKind = "parameter_refused"
    said = f": {failure.detail}" if failure.detail else ""
    return msgspec.structs.replace(failure, kind=kind, message=MESSAGES[kind] + said)


def refine(failure: Failure, *, credential: str = "") -> Failure:
    """What an error inside a stream really is, by its code and status; any other failure stays what it is.

    The decoder's message and detail are the provider's words: they are cleaned here.
    """
    if failure.kind != "stream_error":
        return failure
    facts = ErrorFacts(
        message=failure.detail or failure.message,
        code=failure.code,
        status=failure.status,
        retry_after_seconds=failure.retry_after_seconds,
    )
    return classify_status(200, facts, credential=credential)


def _kind_of(status: int, facts: ErrorFacts, html: bool) -> FailureKind:
    if html and not (status >= 500 or status in (401, 403, 407, 408, 429)):
        return "bad_response"
    if 300 <= status < 400:
        return "bad_response"
    names = f"{facts.code or ''} {facts.type or ''}".strip()
    for wording in WORDINGS:
        if wording.codes.search(names) or _says(wording, facts, status):
            return wording.kind
    if status in STATUSES:
        return STATUSES[status]
    if status >= 400:
        return "server_error" if status >= 500 else "bad_request"
    lowered = names.lower()
    return next((kind for word, kind in TYPES if word in lowered), "stream_error")


def _effective_status(status: int, facts: ErrorFacts) -> int:
    """An error inside a 200 carries its status in the body, or as a numeric code."""
    if status >= 300:
        return status
    if facts.status is not None and facts.status >= 300:
        return facts.status
    code = facts.code or ""
    return int(code) if code.isascii() and code.isdigit() and len(code) == 3 else status


def _says(wording: Wording, facts: ErrorFacts, status: int) -> bool:
    if not wording.wordings.search(facts.message):
        return False
    match wording.kind:
        case "quota":
            # "exceeded your current quota" with a short wait is how Gemini words a limit per minute
            return facts.retry_after_seconds is None
        case "context_too_long" | "content_policy" | "seal_refused":
            # the same words under a 429 or a 5xx speak of tokens per minute, or of the server
            return status < 429
        case _:
            return True
