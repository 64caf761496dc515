"""How fast: latency, time to the first token, tokens per second."""

from collections.abc import Sequence

import msgspec

from tiercel.domain.measured import tokens_per_second
from tiercel.domain.record import DELIVERED, Record
from tiercel.measure.quantile import Percentiles, percentiles, sketched
from tiercel.records.tally import RequestTally


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


def speed_of(tally: RequestTally) -> Speed:
    """The same from sums, within the error of their sketches."""
    return Speed(
        latency_seconds=sketched(tally.sketch("latency_seconds")),
        ttft_seconds=sketched(tally.sketch("ttft_seconds")),
        tokens_per_second=sketched(tally.sketch("tokens_per_second")),
    )
