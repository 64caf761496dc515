"""Counts since the process began, folded from records, for a metrics page. Labels are never the caller's text."""

from collections import Counter

import msgspec

from tiercel.domain.record import AttemptRecord, Record

NONE = "none"
"""The label where there is nothing to name: no answer was delivered, or its rung is of no tier."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot. `requests_*` add up to `requests`, `attempts_*` to `attempts`; tier and model are the delivered
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
    """Folds records as they come. Written by one thread; any may take a snapshot."""

    def __init__(self) -> None:
        self.started = 0
        self.unrecorded = 0
        self._outcomes: Counter[str] = Counter()
        self._tasks: Counter[str] = Counter()
        self._tiers: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._whys: Counter[str] = Counter()
        self._called: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._feedback: Counter[str] = Counter()
        self._input_tokens = 0
        self._output_tokens = 0
        self._cost_nano = 0

    def add(self, record: Record) -> None:
        """Counts one finished request with its attempts."""
        answer = record.answer
        self._outcomes[record.outcome] += 1
        self._tasks[record.task] += 1
        self._tiers[(answer.tier if answer else None) or NONE] += 1
        self._models[answer.model if answer else NONE] += 1
        for attempt in record.attempts:
            self._add_attempt(attempt)

    def add_feedback(self, verdict: str | None) -> None:
        self._feedback[verdict or NONE] += 1

    def snapshot(self) -> Counts:
        outcomes, whys = self._outcomes.copy(), self._whys.copy()
        return Counts(
            started=self.started,
            requests=outcomes.total(),
            requests_by_outcome=dict(outcomes),
            requests_by_task=dict(self._tasks),
            requests_by_tier=dict(self._tiers),
            requests_by_model=dict(self._models),
            attempts=whys.total(),
            attempts_by_why=dict(whys),
            attempts_by_model=dict(self._called),
            failures_by_kind=dict(self._failures),
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            cost_nano=self._cost_nano,
            feedback_by_verdict=dict(self._feedback),
            unrecorded=self.unrecorded,
        )

    def _add_attempt(self, attempt: AttemptRecord) -> None:
        self._whys[attempt.why] += 1
        self._called[attempt.model] += 1
        if attempt.failure is not None:
            self._failures[attempt.failure.kind] += 1
        if attempt.usage is not None:
            self._input_tokens += attempt.usage.input
            self._output_tokens += attempt.usage.output
        self._cost_nano += attempt.cost_nano or 0
