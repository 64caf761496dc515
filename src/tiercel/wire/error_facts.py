"""What an upstream's error says, whichever of the known shapes it has. It is read here and judged elsewhere."""

import re
from collections.abc import Mapping

from tiercel.domain.failure import Failure
from tiercel.domain.json import Json, JsonObject
from tiercel.wire.codec import ErrorFacts
from tiercel.wire.scan import parse_chunk

MAX_MESSAGE = 500
_SECONDS = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*s?\s*$")
_TRY_AGAIN = re.compile(r"try again in (\d+(?:\.\d+)?)(ms|s)\b")


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
    """The facts of an error answer; an unreadable body (HTML, nothing) gives none but status and waiting time."""
    source = parse_chunk(body) or parse_chunk(body.strip().removeprefix(b"[").removesuffix(b"]")) or {}
    facts = facts_of(source.get("error", source))
    return ErrorFacts(
        message=facts.message,
        type=facts.type,
        code=facts.code,
        status=status,
        retry_after_seconds=_from_headers(headers) or facts.retry_after_seconds,
    )


def facts_of(error: Json) -> ErrorFacts:
    """The facts of an `error` value: an object in any of the vendors' shapes, or a bare string."""
    if isinstance(error, str):
        return ErrorFacts(message=error[:MAX_MESSAGE])
    if not isinstance(error, dict):
        return ErrorFacts()
    message = _text(error, "message") or _text(error, "detail") or _text(error, "error") or ""
    details = error.get("details")
    code = error.get("code")
    if isinstance(details, dict) and isinstance(details.get("error_code"), str):
        code = details["error_code"]  # Anthropic's finer word
    return ErrorFacts(
        message=message[:MAX_MESSAGE],
        type=_text(error, "type") or _text(error, "status"),
        code=str(code) if isinstance(code, str | int) and not isinstance(code, bool) else None,
        status=code if isinstance(code, int) and 400 <= code <= 599 else None,
        retry_after_seconds=_retry_delay(details) or _from_words(message),
    )


def stream_failure(error: Json) -> Failure:
    """An error that a stream carried. The provider's words are for the operator only."""
    facts = facts_of(error)
    return Failure(
        kind="stream_error",
        message="the provider reported an error in the middle of its answer",
        status=facts.status,
        code=facts.code or facts.type,
        detail=facts.message or None,
        retry_after_seconds=facts.retry_after_seconds,
    )


def _text(source: JsonObject, key: str) -> str | None:
    value = source.get(key)
    return value if isinstance(value, str) else None


def _from_headers(headers: Mapping[str, str]) -> float | None:
    """`retry-after` as a date would need a clock; those who send one send seconds elsewhere too."""
    milliseconds = _SECONDS.match(headers.get("retry-after-ms", ""))
    if milliseconds:
        return float(milliseconds[1]) / 1000
    seconds = _SECONDS.match(headers.get("retry-after", ""))
    return float(seconds[1]) if seconds else None


def _retry_delay(details: Json) -> float | None:
    """Google's `RetryInfo`, with a delay such as `34.4s`."""
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        match = _SECONDS.match(delay) if isinstance(delay, str) else None
        if match:
            return float(match[1])
    return None


def _from_words(message: str) -> float | None:
    match = _TRY_AGAIN.search(message)
    if match is None:
        return None
    return float(match[1]) / (1000 if match[2] == "ms" else 1)
