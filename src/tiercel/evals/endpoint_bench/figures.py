"""The figures of a load: percentiles with order-statistic intervals, and beside them what failed and how often."""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from tiercel.evals.endpoint_bench.call import Call
from tiercel.evals.endpoint_bench.load import Loaded
from tiercel.evals.statistics.latency import QuantileEstimate, quantile_interval

QUANTILES = (0.5, 0.95, 0.99)
CLOCKS: dict[str, Callable[[Call], float | None]] = {
    "first_token": lambda call: call.first_token_seconds,
    "first_answer": lambda call: call.first_answer_seconds,
    "whole": lambda call: call.seconds,
    "queue": lambda call: call.sent_seconds,
    "tokens_per_second": lambda call: call.tokens_per_second,
}
"""Seconds since a call was due, but for the last."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one load. Clocks are those of answers alone; `failures` has the rest by kind, each with one example's words.

    `output_tokens_per_second` is of all answers together over the load's whole time; `None` where one had no usage.
    """

    concurrency: int
    rate: float | None
    calls: int
    answers: int
    failures: dict[str, int]
    examples: dict[str, str]
    seconds: float
    answers_per_second: float
    output_tokens_per_second: float | None
    input_tokens: QuantileEstimate | None
    output_tokens: QuantileEstimate | None
    without_usage: int
    finishes: dict[str, int]
    cpu_share: float
    clocks: dict[str, tuple[QuantileEstimate, ...]]


def figures(loaded: Loaded) -> Figures:
    """What its calls came to."""
    answers = [call for call in loaded.calls if not call.failure]
    failed = [call for call in loaded.calls if call.failure]
    tokens = [call.output_tokens for call in answers if call.output_tokens is not None]
    complete = bool(answers) and len(tokens) == len(answers)
    return Figures(
        concurrency=loaded.load.concurrency,
        rate=loaded.load.rate,
        calls=len(loaded.calls),
        answers=len(answers),
        failures=dict(Counter(call.failure for call in failed)),
        examples={call.failure: call.detail for call in reversed(failed)},
        seconds=loaded.seconds,
        answers_per_second=len(answers) / loaded.seconds,
        output_tokens_per_second=sum(tokens) / loaded.seconds if complete else None,
        input_tokens=_median([call.input_tokens for call in answers]),
        output_tokens=_median([call.output_tokens for call in answers]),
        without_usage=len(answers) - len(tokens),
        finishes=dict(Counter(call.finish for call in answers)),
        cpu_share=loaded.cpu_share,
        clocks={name: _estimates([clock(call) for call in answers]) for name, clock in CLOCKS.items()},
    )


def _median(values: Sequence[int | None]) -> QuantileEstimate | None:
    known = [float(value) for value in values if value is not None]
    return quantile_interval(known, 0.5) if known else None


def _estimates(values: Sequence[float | None]) -> tuple[QuantileEstimate, ...]:
    known = [value for value in values if value is not None]
    return tuple(quantile_interval(known, q) for q in QUANTILES) if known else ()
