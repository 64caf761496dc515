"""What can be read off one record, or one call of it. Numbers of many are sums and percentiles of these."""

from typing import Literal

from tiercel.domain.record import AttemptRecord, Record

FORMAT_CHECKS = frozenset(("json_schema", "length", "python", "regex", "table"))
"""Checks of an answer's form. Their score is 1 when the form is right."""
GOOD_FINISHES = frozenset(("stop", "tool_calls"))
EMPTY_FAILURES = frozenset(("empty", "empty_length"))


def is_priced(record: Record) -> bool:
    """Whether every attempt that was answered, or used tokens, has a cost."""
    answered = (attempt for attempt in record.attempts if attempt.state == "answered")
    return record.cost_known and all(attempt.cost_nano is not None for attempt in answered)


def tokens_per_second(attempt: AttemptRecord) -> float | None:
    """Output tokens, reasoning among them, per second after the first one came.

    `None` where that cannot be known: the answer came in one piece, or nobody counted its tokens.
    """
    if attempt.usage is None or attempt.usage.output < 2 or attempt.ttft_seconds is None:
        return None
    seconds = attempt.seconds - attempt.ttft_seconds
    return attempt.usage.output / seconds if seconds > 0 else None


def is_empty(attempt: AttemptRecord) -> bool:
    """Whether a 200 had nothing in it."""
    return attempt.empty or (attempt.failure is not None and attempt.failure.kind in EMPTY_FAILURES)


def form_of(attempt: AttemptRecord) -> Literal["as_is", "repaired", "invalid"] | None:
    """How the answer's form was found; `None` where no check measured it."""
    verdicts = [v for v in attempt.verdicts if v.check in FORMAT_CHECKS and v.error is None]
    if not verdicts:
        return None
    if any(verdict.score < 1 for verdict in verdicts):
        return "invalid"
    return "repaired" if any(verdict.repairs for verdict in verdicts) else "as_is"
