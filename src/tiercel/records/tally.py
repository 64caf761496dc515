"""What many records come to: counts, sums and sketches, which add up, by what reports ask for. Arithmetic only.

A new counter is a name in `Count` and the line that counts it; a new way to look at it is a field of `Cell`. Either
needs its column and a migration after which the sums are made anew (`migrations/versions/v0008_sums.py` is one).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast, get_args

import msgspec

from tiercel.domain.measured import GOOD_FINISHES, form_of, is_empty, is_priced, tokens_per_second
from tiercel.domain.record import DELIVERED, AttemptRecord, Feedback, Outcome, Record
from tiercel.records.sketch import Sketch

Count = Literal[
    # of requests, which stand where their answer came from
    "requests",
    "called",
    "simulated_called",
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
    # of what users said last of a request
    "opinions",
    "accepted",
    "rejected_passed",
    "rejected_verified",
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
Sketched = Literal["latency_seconds", "ttft_seconds", "tokens_per_second"]
SKETCHES: tuple[Sketched, ...] = get_args(Sketched)
Edge = Literal["first_at", "last_at", "ended_at", "largest_tokens"]
"""The smallest or the largest of what was seen: the first start, the last one, the last end, the largest answer."""
_CLIMBED = frozenset(("retry", "fallback", "re_ask", "escalation", "hedge"))
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
Amounts: TypeAlias = list[tuple[Count, int]]
Name = TypeVar("Name", bound=str)
"""What is counted."""
Key = TypeVar("Key", bound=tuple[Any, ...])


class Cell(NamedTuple):
    """What is counted together. `tier`, `model` and `effort` are the answer's, or the called one's; empty where there
    is none."""

    project: str
    task: str
    rule: str
    tier: str
    model: str
    effort: str
    in_session: bool
    simulated: bool


class SessionCell(NamedTuple):
    """The requests of a session, the calls they made with them. The same name under two keys is two sessions."""

    session: str
    project: str
    key_id: str


NO_SESSION = SessionCell("", "", "")
"""Where requests that name none are counted where there is a line for each session."""


class Judged(NamedTuple):
    """What is to be known of a record to count the feedback on it. `verified` only where it `passed`."""

    record_id: str
    started_at: float
    cell: Cell
    session: SessionCell | None
    passed: bool
    verified: bool


LARGEST_COUNT = 2**63 - 1
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[dict[str, int], dict[Sketched, dict[int, int]]]).decode


class Tally(Generic[Name]):
    """Counts, sums, sketches and edges: times are Unix seconds, and `largest_tokens` is the most that one answer took,
    what was asked included."""

    __slots__ = ("counts", "edges", "sketches")

    def __init__(self) -> None:
        self.counts: Counter[Name] = Counter()
        self.edges: dict[Edge, float] = {}
        self.sketches: dict[Sketched, Sketch] = {}

    def merge(self, other: "Tally[Name]") -> None:
        """Adds what the other has, which is left as it is."""
        counts = self.counts
        for name, count in other.counts.items():
            counts[name] += count
        for kind, sketch in other.sketches.items():
            self.sketch(kind).merge(sketch)
        for edge, value in other.edges.items():
            self.widen(edge, value)

    def widen(self, edge: Edge, value: float) -> None:
        """Makes sure that the edge takes in this value."""
        known = self.edges.get(edge)
        if known is None or (value < known if edge == "first_at" else value > known):
            self.edges[edge] = value

    def saw(self, started_at: float) -> None:
        """Makes sure that the edges take in a request that started then."""
        edges = self.edges
        if started_at < edges.get("first_at", math.inf):
            edges["first_at"] = started_at
        if started_at > edges.get("last_at", -math.inf):
            edges["last_at"] = started_at

    def sketch(self, kind: Sketched) -> Sketch:
        """The sketch of that kind, empty where nothing was added yet."""
        found = self.sketches.get(kind)
        if found is None:
            found = self.sketches[kind] = Sketch()
        return found

    def count(self, amounts: Iterable[tuple[Name, int]]) -> None:
        """Adds to the counts."""
        counts = self.counts
        for name, amount in amounts:
            counts[name] += amount

    def packed(self) -> bytes:
        """Counts and sketches as MessagePack, whose integers have 64 bits."""
        counts = {name: min(count, LARGEST_COUNT) for name, count in self.counts.items() if count}
        return _pack((counts, {kind: sketch.buckets for kind, sketch in self.sketches.items()}))

    def unpack(self, data: bytes) -> None:
        """Adds what `packed` wrote."""
        counts, sketches = _unpack(data)
        if self.counts:
            self.count(cast(Iterable[tuple[Name, int]], counts.items()))
        else:
            self.counts.update(cast(dict[Name, int], counts))
        for kind, buckets in sketches.items():
            if kind in self.sketches:
                self.sketches[kind].merge(Sketch(buckets))
            else:
                self.sketches[kind] = Sketch(buckets)


RequestTally: TypeAlias = Tally[Count]
SESSION_COUNTS: tuple[Count, ...] = (
    "requests",
    "passed",
    "rejected_passed",
    "escalation",
    "calls",
    "cost_nano",
    "unpriced",
)
"""What of a session can be asked for in SQL; all of it is packed."""
Tallies: TypeAlias = dict[Cell, RequestTally]
SessionTallies: TypeAlias = dict[SessionCell, RequestTally]


def add_record(tallies: Tallies, sessions: SessionTallies, record: Record) -> None:
    """Adds one record, its calls included, to where its answer and its calls stand, and to its session, if any."""
    answer = record.answer
    own = at(tallies, cell_of(record, answer))
    own_session = session_of(record)
    session = None if own_session is None else at(sessions, own_session)
    ended_at = record.started_at + record.seconds
    for tally in (own,) if session is None else (own, session):
        _count_request(tally.counts, record)
        tally.saw(record.started_at)
        tally.widen("ended_at", ended_at)
        if record.outcome in DELIVERED:
            _sketch_times(tally, record, answer)
    for attempt in record.attempts:
        _count_call((own if attempt is answer else at(tallies, cell_of(record, attempt))).counts, attempt)
        if session is not None:
            _count_call(session.counts, attempt)


def judged(record: Record) -> Judged:
    """What feedback on this record is counted by."""
    passed = record.outcome == "passed"
    cell = cell_of(record, record.answer)
    verified = passed and record.verified
    return Judged(record.id, record.started_at, cell, session_of(record), passed, verified)


def opinion_amounts(about: Judged, said: Feedback) -> Amounts:
    """What the feedback that counts of a record adds."""
    found: Amounts = []
    if said.verdict is not None:
        found.append(("opinions", 1))
    if said.verdict == "accepted":
        found.append(("accepted", 1))
    if said.verdict == "rejected" and about.passed:
        found.append(("rejected_passed", 1))
    if said.verdict == "rejected" and about.verified:
        found.append(("rejected_verified", 1))
    return found


def merge_into(tallies: dict[Key, Tally[Name]], more: Mapping[Key, Tally[Name]]) -> None:
    """Adds `more`, which is left as it is."""
    for cell, tally in more.items():
        at(tallies, cell).merge(tally)


def merged(parts: Iterable[Mapping[Key, Tally[Name]]]) -> dict[Key, Tally[Name]]:
    """All of them together."""
    found: dict[Key, Tally[Name]] = {}
    for part in parts:
        merge_into(found, part)
    return found


def at(tallies: dict[Key, Tally[Name]], cell: Key) -> Tally[Name]:
    """The tally of this cell, an empty one where there was none."""
    tally = tallies.get(cell)
    if tally is None:
        tally = tallies[cell] = Tally()
    return tally


def cell_of(record: Record, call: AttemptRecord | None) -> Cell:
    """Where a request with this answer, or this call of it, is counted."""
    tier, model, effort = ("", "", "") if call is None else (call.tier or "", call.model, call.effort or "")
    in_session = bool(record.session)
    return Cell(record.project, record.task, record.rule, tier, model, effort, in_session, record.simulated)


def session_of(record: Record) -> SessionCell | None:
    """Which session a request belongs to, if any."""
    return SessionCell(record.session, record.project, record.key_id) if record.session else None


def _count_request(counts: Counter[Count], record: Record) -> None:
    counts["requests"] += 1
    counts[record.outcome] += 1
    counts["cost_nano"] += record.cost_nano
    if record.attempts:
        counts["called"] += 1
        if record.simulated:
            counts["simulated_called"] += 1
    if not is_priced(record):
        counts["unpriced"] += 1
    if record.verified and record.outcome == "passed":
        counts["verified"] += 1
    for why in {attempt.why for attempt in record.attempts} & _CLIMBED:
        counts[cast(Count, why)] += 1


def _sketch_times(tally: RequestTally, record: Record, answer: AttemptRecord | None) -> None:
    """Counts in which intervals of the sketches the times of a delivered answer lie."""
    tally.sketch("latency_seconds").add(record.seconds)
    if record.ttft_seconds is not None:
        tally.sketch("ttft_seconds").add(record.ttft_seconds)
    speed = None if answer is None else tokens_per_second(answer)
    if speed is not None:
        tally.sketch("tokens_per_second").add(speed)


def _count_call(counts: Counter[Count], call: AttemptRecord) -> None:
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
    if call.state == "failed":
        counts["calls_failed"] += 1
    if is_empty(call):
        counts["calls_empty"] += 1
    if call.finish_reason is not None:
        counts["calls_finished"] += 1
        if call.finish_reason not in GOOD_FINISHES:
            counts["calls_non_stop"] += 1
    if call.missed is not None:
        counts["calls_missed"] += 1
    if call.verdicts:
        counts["calls_measured"] += 1
        form = form_of(call)
        if form is not None:
            counts["forms"] += 1
            if form != "invalid":
                counts["forms_valid"] += 1
            if form == "as_is":
                counts["forms_as_is"] += 1
