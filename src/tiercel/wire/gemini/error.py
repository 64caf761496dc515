"""What Google's errors say beyond their status word: whether a quota ends with the day or with the minute."""

from collections.abc import Mapping

import msgspec

from tiercel.domain.json import Json
from tiercel.wire.codec import ErrorFacts
from tiercel.wire.error_facts import facts_of, read_error
from tiercel.wire.scan import parse_chunk

QUOTA_PER_DAY = "quota_per_day"
"""Our code for a quota that waiting a moment does not help: Google's own code is 429 for both kinds."""


def read_gemini_error(status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
    """The facts of an error answer, which may stand alone in a list."""
    facts = read_error(status, headers, body)
    source = parse_chunk(body) or parse_chunk(body.strip().removeprefix(b"[").removesuffix(b"]")) or {}
    return _with_quota(facts, source.get("error"))


def error_facts(error: Json) -> ErrorFacts:
    """The facts of an error object inside a 200."""
    return _with_quota(facts_of(error), error)


def _with_quota(facts: ErrorFacts, error: Json) -> ErrorFacts:
    if not _is_daily(error):
        return facts
    return msgspec.structs.replace(facts, code=QUOTA_PER_DAY, retry_after_seconds=None)


def _is_daily(error: Json) -> bool:
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        violations = detail.get("violations") if isinstance(detail, dict) else None
        for violation in violations if isinstance(violations, list) else ():
            quota = violation.get("quotaId") if isinstance(violation, dict) else None
            if isinstance(quota, str) and "PerDay" in quota:
                return True
    return False
