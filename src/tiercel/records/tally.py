"""What many records come to: counts, sums and sketches, which add up, by what reports ask for. Arithmetic only."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from tiercel.domain.measured import GOOD_FINISHES, form_of, is_empty, is_priced, tokens_per_second
from tiercel.domain.record import DELIVERED, AttemptRecord, Feedback, Outcome, Record
from tiercel.records.sketch import Sketch

Count = Literal[
    # of requests, which stand where their answer came from
    "requests",
    "called",
    "passed",
    "marked",
    "refused",
    "failed",
    "withheld",
    "broken",
    "cancelled",
    "rejected",
    "interrupted",
    "verified",
    "unpriced",
    "cost_nano",
    "retry",
    "fallback",
    "re_ask",
    "escalation",
    "hedge",
    # of calls, which stand where they went
    "calls",
    "calls_cancelled",
    "calls_failed",
    "calls_empty",
    "calls_finished",
    "calls_non_stop",
    "calls_measured",
    "calls_missed",
    "forms",
    "forms_valid",
    "forms_as_is",
    "tokens_uncached",
    "tokens_cached",
    "tokens_written",
    "tokens_visible",
    "tokens_reasoning",
]
"""What is counted and kept. An outcome counts requests, `verified` those that passed and were verified; `forms` are
answers whose form was checked, `calls_measured` those that any check measured, `calls_missed` those that missed a gate;
`cost_nano` is of all attempts of the requests, in nano-dollars."""
COUNTS: tuple[Count, ...] = get_args(Count)
Said = Literal["opinions", "accepted", "rejected_passed", "rejected_verified"]
"""What feedback adds. It may come at any time after the record, so it is counted when it is asked for."""
SKETCHES = ("latency_seconds", "ttft_seconds", "tokens_per_second")
_CLIMBED = frozenset(("retry", "fallback", "re_ask", "escalation", "hedge"))
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Cell(NamedTuple):
    """What is counted together. `tier`, `model` and `effort` are the answer's, or the called one's; empty where there
    is none."""

    project: str
    task: str
    rule: str
    tier: str
    model: str
    effort: str
    simulated: bool


class Judged(NamedTuple):
    """What is to be known of a record to count the feedback on it. `verified` only where it `passed`."""

    record_id: str
    cell: Cell
    passed: bool
    verified: bool


class Tally:
    """Counts, sums, sketches, and the first and the last start in Unix seconds."""

    __slots__ = ("counts", "first_at", "last_at", "latency_seconds", "tokens_per_second", "ttft_seconds")

    def __init__(self) -> None:
        self.counts: Counter[Count | Said] = Counter()
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.latency_seconds = Sketch()
        self.ttft_seconds = Sketch()
        self.tokens_per_second = Sketch()

    def merge(self, other: "Tally") -> None:
        """Adds what the other has."""
        counts = self.counts
        for name, count in other.counts.items():
            counts[name] += count
        self.latency_seconds.merge(other.latency_seconds)
        self.ttft_seconds.merge(other.ttft_seconds)
        self.tokens_per_second.merge(other.tokens_per_second)
        for at in (other.first_at, other.last_at):
            if at is not None:
                self.saw(at)

    def saw(self, at: float) -> None:
        """A request started then."""
        if self.first_at is None or at < self.first_at:
            self.first_at = at
        if self.last_at is None or at > self.last_at:
            self.last_at = at


Tallies: TypeAlias = dict[Cell, Tally]


def add_record(tallies: Tallies, record: Record) -> None:
    """Adds one record, its calls included."""
    answer = record.answer
    tally = _at(tallies, record, answer)
    counts = tally.counts
    counts["requests"] += 1
    counts[record.outcome] += 1
    counts["called"] += bool(record.attempts)
    counts["unpriced"] += not is_priced(record)
    counts["cost_nano"] += record.cost_nano
    if record.verified and record.outcome == "passed":
        counts["verified"] += 1
    tally.saw(record.started_at)
    if record.outcome in DELIVERED:
        tally.latency_seconds.add(record.seconds)
        if record.ttft_seconds is not None:
            tally.ttft_seconds.add(record.ttft_seconds)
        speed = None if answer is None else tokens_per_second(answer)
        if speed is not None:
            tally.tokens_per_second.add(speed)
    for why in {attempt.why for attempt in record.attempts} & _CLIMBED:
        counts[cast(Count, why)] += 1
    for attempt in record.attempts:
        _add_call((tally if attempt is answer else _at(tallies, record, attempt)).counts, attempt)


def judged(record: Record) -> Judged:
    """What feedback on this record is counted by."""
    passed = record.outcome == "passed"
    return Judged(record.id, _cell(record, record.answer), passed, passed and record.verified)


def add_feedback(tallies: Tallies, about: Judged, said: Feedback) -> None:
    """Adds the feedback that counts of a record."""
    tally = tallies.setdefault(about.cell, Tally())
    if said.verdict is not None:
        tally.counts["opinions"] += 1
        tally.counts["accepted"] += said.verdict == "accepted"
    if said.verdict == "rejected":
        tally.counts["rejected_passed"] += about.passed
        tally.counts["rejected_verified"] += about.verified


def take_back_interrupted(tallies: Tallies, record: Record) -> None:
    """Takes away a record that was only known as interrupted, and so has nothing in a sketch."""
    alone: Tallies = {}
    add_record(alone, record)
    for cell, tally in alone.items():
        tallies.setdefault(cell, Tally()).counts.subtract(tally.counts)


def tally_records(records: Iterable[Record]) -> Tallies:
    """The tallies of these records."""
    tallies: Tallies = {}
    for record in records:
        add_record(tallies, record)
    return tallies


def _at(tallies: Tallies, record: Record, call: AttemptRecord | None) -> Tally:
    cell = _cell(record, call)
    tally = tallies.get(cell)
    if tally is None:
        tally = tallies[cell] = Tally()
    return tally


def _cell(record: Record, call: AttemptRecord | None) -> Cell:
    tier, model, effort = ("", "", "") if call is None else (call.tier or "", call.model, call.effort or "")
    return Cell(record.project, record.task, record.rule, tier, model, effort, record.simulated)


def _add_call(counts: Counter[Count | Said], call: AttemptRecord) -> None:
    counts["calls"] += 1
    usage = call.usage
    if usage is not None:
        counts["tokens_uncached"] += usage.uncached
        counts["tokens_cached"] += usage.cached
        counts["tokens_written"] += usage.written
        counts["tokens_visible"] += usage.visible
        counts["tokens_reasoning"] += usage.reasoning
    if call.state == "cancelled":
        counts["calls_cancelled"] += 1
        return
    counts["calls_failed"] += call.state == "failed"
    counts["calls_empty"] += is_empty(call)
    if call.finish_reason is not None:
        counts["calls_finished"] += 1
        counts["calls_non_stop"] += call.finish_reason not in GOOD_FINISHES
    counts["calls_measured"] += bool(call.verdicts)
    counts["calls_missed"] += call.missed is not None
    form = form_of(call)
    if form is not None:
        counts["forms"] += 1
        counts["forms_valid"] += form != "invalid"
        counts["forms_as_is"] += form == "as_is"
