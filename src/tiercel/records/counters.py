"""Counts since the process began, folded from records, for a metrics page and for exporters.

Labels are never the caller's text: task, rule, tier, model and deployment are words of the operator's own files, and
there are at most `MAX_SERIES` sets of them; what comes beyond is counted under `other`. One record takes two to three
microseconds, which is why a cell holds everything that is counted under one set of labels.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from tiercel.domain.record import AttemptRecord, Record

NONE = "none"
"""The label where there is nothing to name: no answer was delivered, its rung is of no tier, nothing failed."""
OTHER = "other"
MAX_SERIES = 1_000
"""Sets of labels of requests, and as many of attempts."""
FULL_SCORE = 1.0

# the boundaries that OpenTelemetry's conventions for generative AI name, so that both ways out show the same
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TTFT_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TOKENS = tuple(4**power for power in range(14))

RequestLabels: TypeAlias = tuple[str, str, str, str, str]
"""Task, rule, tier, model, outcome; tier and model are the delivered answer's."""
AttemptLabels: TypeAlias = tuple[str, str, str, str, str, str]
"""Deployment, provider, model, why, failure, operation."""
EMBEDDINGS = "embeddings"
CHAT = "chat"
"""What OpenTelemetry calls every other operation."""


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """How many values fell between each two bounds, and their sum. `counts` has one more than there are bounds; a
    value that is a bound belongs below it."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float

    def plus(self, other: "Histogram") -> "Histogram":
        """Both together; they have the same bounds."""
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Histogram(bounds=self.bounds, counts=counts, sum=self.sum + other.sum)


class RequestCell:
    """Requests of one set of labels."""

    __slots__ = ("count", "seconds_counts", "seconds_sum", "ttft_counts", "ttft_sum")

    def __init__(self) -> None:
        self.count = 0
        self.seconds_counts = [0] * (len(SECONDS) + 1)
        self.seconds_sum = 0.0
        self.ttft_counts = [0] * (len(TTFT_SECONDS) + 1)
        self.ttft_sum = 0.0

    @property
    def seconds(self) -> Histogram:
        return Histogram(bounds=SECONDS, counts=tuple(self.seconds_counts), sum=self.seconds_sum)

    @property
    def ttft(self) -> Histogram:
        return Histogram(bounds=TTFT_SECONDS, counts=tuple(self.ttft_counts), sum=self.ttft_sum)


class AttemptCell(RequestCell):
    """Attempts of one set of labels. `unpriced` counts those that used tokens whose price is unknown."""

    __slots__ = (
        "cached",
        "cost_nano",
        "input_counts",
        "output_counts",
        "reasoning",
        "uncached",
        "unpriced",
        "visible",
        "written",
    )

    def __init__(self) -> None:
        super().__init__()
        self.unpriced = self.cost_nano = 0
        self.uncached = self.cached = self.written = self.visible = self.reasoning = 0
        self.input_counts = [0] * (len(TOKENS) + 1)
        self.output_counts = [0] * (len(TOKENS) + 1)

    @property
    def input(self) -> Histogram:
        total = self.uncached + self.cached + self.written
        return Histogram(bounds=TOKENS, counts=tuple(self.input_counts), sum=total)

    @property
    def output(self) -> Histogram:
        total = self.visible + self.reasoning
        return Histogram(bounds=TOKENS, counts=tuple(self.output_counts), sum=total)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """A summary. `requests_*` add up to `requests`, `attempts_*` to `attempts`; tier and model are the delivered
    answer's for requests, the called one's for attempts. `unrecorded` counts records that were not written: they wait
    in memory, or are lost."""

    started: int
    requests: int
    requests_by_outcome: dict[str, int]
    requests_by_task: dict[str, int]
    requests_by_tier: dict[str, int]
    requests_by_model: dict[str, int]
    attempts: int
    attempts_by_why: dict[str, int]
    attempts_by_model: dict[str, int]
    failures_by_kind: dict[str, int]
    input_tokens: int
    output_tokens: int
    cost_nano: int
    feedback_by_verdict: dict[str, int]
    unrecorded: int


class Counters:
    """Folds records as they come. Written by one thread; any may look, and sees whole numbers of about now."""

    def __init__(self) -> None:
        self.started = 0
        self.unrecorded = 0
        self._requests: dict[RequestLabels, RequestCell] = {}
        self._attempts: dict[AttemptLabels, AttemptCell] = {}
        self._checks: Counter[tuple[str, str]] = Counter()
        self._missed: Counter[str] = Counter()
        self._feedback: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Counts one finished request with its attempts."""
        tier = model = NONE
        delivered = record.delivered
        operation = EMBEDDINGS if record.format == EMBEDDINGS else CHAT
        for attempt in record.attempts:
            self._add_attempt(attempt, operation)
            if attempt.number == delivered:
                tier, model = attempt.tier or NONE, attempt.model
        labels = (record.task, record.rule or NONE, tier, model, record.outcome)
        cell = self._requests.get(labels) or self._request_cell(labels)
        seconds, ttft = record.seconds, record.ttft_seconds
        cell.count += 1
        cell.seconds_counts[bisect_left(SECONDS, seconds)] += 1
        cell.seconds_sum += seconds
        if ttft is not None:
            cell.ttft_counts[bisect_left(TTFT_SECONDS, ttft)] += 1
            cell.ttft_sum += ttft

    def add_feedback(self, verdict: str | None) -> None:
        self._feedback[verdict or NONE] += 1

    def requests(self) -> list[tuple[RequestLabels, RequestCell]]:
        """What was counted of requests, by task, rule, tier, model, outcome."""
        return list(self._requests.items())

    def attempts(self) -> list[tuple[AttemptLabels, AttemptCell]]:
        """What was counted of attempts, by deployment, provider, model, why, failure, operation."""
        return list(self._attempts.items())

    def checks(self) -> dict[tuple[str, str], int]:
        """How often each check measured what: `full`, `partial` or `zero` score, `repaired` to full, or `error`."""
        return dict(self._checks)

    def missed(self) -> dict[str, int]:
        """How often an answer did not pass the gate of which check."""
        return dict(self._missed)

    def feedback(self) -> dict[str, int]:
        """How often users said what."""
        return dict(self._feedback)

    def snapshot(self) -> Counts:
        requests, attempts = self.requests(), self.attempts()
        cells = [cell for _, cell in attempts]
        whys = _summed(attempts, 3)
        outcomes = _summed(requests, 4)
        failures = _summed(attempts, 4)
        failures.pop(NONE, None)
        return Counts(
            started=self.started,
            requests=sum(outcomes.values()),
            requests_by_outcome=outcomes,
            requests_by_task=_summed(requests, 0),
            requests_by_tier=_summed(requests, 2),
            requests_by_model=_summed(requests, 3),
            attempts=sum(whys.values()),
            attempts_by_why=whys,
            attempts_by_model=_summed(attempts, 2),
            failures_by_kind=failures,
            input_tokens=sum(cell.uncached + cell.cached + cell.written for cell in cells),
            output_tokens=sum(cell.visible + cell.reasoning for cell in cells),
            cost_nano=sum(cell.cost_nano for cell in cells),
            feedback_by_verdict=self.feedback(),
            unrecorded=self.unrecorded,
        )

    def _add_attempt(self, attempt: AttemptRecord, operation: str) -> None:
        failure = attempt.failure
        labels = (
            attempt.deployment,
            attempt.provider,
            attempt.model,
            attempt.why,
            NONE if failure is None else failure.kind,
            operation,
        )
        cell = self._attempts.get(labels) or self._attempt_cell(labels)
        seconds, ttft = attempt.seconds, attempt.ttft_seconds
        cell.count += 1
        cell.seconds_counts[bisect_left(SECONDS, seconds)] += 1
        cell.seconds_sum += seconds
        if ttft is not None and ttft < seconds:  # an answer that came whole has no first token to speak of
            cell.ttft_counts[bisect_left(TTFT_SECONDS, ttft)] += 1
            cell.ttft_sum += ttft
        usage = attempt.usage
        if usage is not None:
            cell.uncached += usage.uncached
            cell.cached += usage.cached
            cell.written += usage.written
            cell.visible += usage.visible
            cell.reasoning += usage.reasoning
            cell.input_counts[bisect_left(TOKENS, usage.uncached + usage.cached + usage.written)] += 1
            cell.output_counts[bisect_left(TOKENS, usage.visible + usage.reasoning)] += 1
            if attempt.cost_nano is None:
                cell.unpriced += 1
            else:
                cell.cost_nano += attempt.cost_nano
        if attempt.missed is not None:
            self._missed[attempt.missed] += 1
        for verdict in attempt.verdicts:
            if verdict.error is not None:
                self._checks[verdict.check, "error"] += 1
            elif verdict.score >= FULL_SCORE:
                self._checks[verdict.check, "repaired" if verdict.repairs else "full"] += 1
            else:
                self._checks[verdict.check, "partial" if verdict.score > 0 else "zero"] += 1

    def _request_cell(self, labels: RequestLabels) -> RequestCell:
        if len(self._requests) >= MAX_SERIES:
            labels = (OTHER, OTHER, OTHER, OTHER, labels[4])
        return self._requests.setdefault(labels, RequestCell())

    def _attempt_cell(self, labels: AttemptLabels) -> AttemptCell:
        if len(self._attempts) >= MAX_SERIES:
            labels = (OTHER, OTHER, OTHER, *labels[3:])
        return self._attempts.setdefault(labels, AttemptCell())


def _summed(
    cells: Iterable[tuple[tuple[str, ...], RequestCell | AttemptCell]], position: int
) -> dict[str, int]:
    """How many there are by one of the labels."""
    sums: Counter[str] = Counter()
    for labels, cell in cells:
        sums[labels[position]] += cell.count
    return dict(sums)
