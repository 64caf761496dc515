"""How fast: latency, time to the first token, tokens per second."""

from collections.abc import Sequence

import msgspec

from tiercel.domain.record import DELIVERED, AttemptRecord, Record
from tiercel.measure.quantile import Percentiles, percentiles


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the request's receipt, over delivered answers, every attempt before them included.

    `latency_seconds` ends with the last byte. `ttft_seconds` ends with the first token, reasoning counted, where the
    upstream streamed. `tokens_per_second` is the delivering attempt's own, its waiting time left out.
    """

    latency_seconds: Percentiles
    ttft_seconds: Percentiles
    tokens_per_second: Percentiles


def speed(records: Sequence[Record]) -> Speed:
    """The speed of those of the records that were delivered."""
    delivered = [record for record in records if record.outcome in DELIVERED]
    speeds = (tokens_per_second(record.answer) for record in delivered if record.answer is not None)
    return Speed(
        latency_seconds=percentiles(record.seconds for record in delivered),
        ttft_seconds=percentiles(r.ttft_seconds for r in delivered if r.ttft_seconds is not None),
        tokens_per_second=percentiles(value for value in speeds if value is not None),
    )


def tokens_per_second(attempt: AttemptRecord) -> float | None:
    """Output tokens, reasoning among them, per second after the first one came.

    `None` where that cannot be known: the answer came in one piece, or nobody counted its tokens.
    """
    if attempt.usage is None or attempt.usage.output < 2 or attempt.ttft_seconds is None:
        return None
    seconds = attempt.seconds - attempt.ttft_seconds
    return attempt.usage.output / seconds if seconds > 0 else None
