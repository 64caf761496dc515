"""What can be read off one record, or one call of it. Numbers of many are sums and percentiles of these."""

from typing import Literal

from tiercel.domain.record import AttemptRecord, Record

FORMAT_CHECKS = frozenset(("json_schema", "length", "python", "regex", "table"))
"""Checks of an answer's form. Their score is 1 when the form is right."""
GOOD_FINISHES = frozenset(("stop", "tool_calls"))
EMPTY_FAILURES = frozenset(("empty", "empty_length"))


def is_priced(record: Record) -> bool:
    """Whether every attempt that was answered, or used tokens, has a cost."""
    for attempt in record.attempts:
        if attempt.cost_nano is None and (attempt.state == "answered" or attempt.usage is not None):
            return False
    return True


def tokens_per_second(attempt: AttemptRecord) -> float | None:
    """Output tokens, reasoning among them, per second after the first one came.

    `None` where that cannot be known: the answer came in one piece, or nobody counted its tokens.
    """
    if attempt.usage is None or attempt.ttft_seconds is None:
        return None
    output, seconds = attempt.usage.output, attempt.seconds - attempt.ttft_seconds
    return output / seconds if output >= 2 and seconds > 0 else None


def is_empty(attempt: AttemptRecord) -> bool:
    """Whether a 200 had nothing in it."""
    return attempt.empty or (attempt.failure is not None and attempt.failure.kind in EMPTY_FAILURES)


def form_of(attempt: AttemptRecord) -> Literal["as_is", "repaired", "invalid"] | None:
    """How the answer's form was found; `None` where no check measured it."""
    form: Literal["as_is", "repaired"] | None = None
    for verdict in attempt.verdicts:
        if verdict.check in FORMAT_CHECKS and verdict.error is None:
            if verdict.score < 1:
                return "invalid"
            form = "repaired" if verdict.repairs or form == "repaired" else "as_is"
    return form
