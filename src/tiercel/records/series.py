"""What happened in a period, whole and step by step: sums for pages and charts, which take no longer for more records.

The database adds up what a chart needs. Loads SQLAlchemy: import this only where it is used.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import msgspec
from sqlalchemy import ColumnElement, and_, func, literal, or_, select, true

from tiercel.domain.record import Feedback, Record
from tiercel.domain.secret import Secret
from tiercel.records.rollups import ANSWERS, COUNTED, DAY, in_spans, read_tallies, spans_between
from tiercel.records.schema import rollups
from tiercel.records.sketch import Sketch
from tiercel.records.snapshot import Snapshot
from tiercel.records.summed import Besides
from tiercel.records.sums import Sums
from tiercel.records.tally import Judged, Tallies, merge_into

Dimension: TypeAlias = Literal["task", "model", "tier", "effort"]
Charted: TypeAlias = Literal["requests", "passed", "cost_nano", "opinions", "accepted"]
CHARTED: tuple[Charted, ...] = get_args(Charted)


class Step(msgspec.Struct, kw_only=True):
    """The sums of one step that began at `start_at` (Unix seconds): counts by group, and the latencies of all."""

    start_at: int
    counts: dict[str, Counter[Charted]] = msgspec.field(default_factory=dict)
    latency: Sketch = msgspec.field(default_factory=Sketch)

    def add(self, group: str, counts: "Counter[Charted]") -> None:
        """Adds to a group."""
        known = self.counts.setdefault(group, Counter())
        for name in CHARTED:
            known[name] += counts[name]


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From `since` on until before `until`, Unix seconds: everything in `answers`, and the same by steps, those without
    a request among them."""

    since: int
    until: int
    step_seconds: int
    answers: Tallies
    steps: tuple[Step, ...]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What of which period. `since`, `until` and `step_seconds` are whole minutes, steps above an hour whole hours and
    above a day whole days; `project` is one, or `None` for all. Without `percentiles` it is there sooner, and where it
    `is_open`, which is to say that `until` is now: the sums of the hour and day that are under way are then taken as
    they are."""

    since: int
    until: int
    step_seconds: int
    by: Dimension = "tier"
    project: str | None = None
    percentiles: bool = True
    is_open: bool = False


def load_period(folder: Path, wanted: Wanted, *, database_url: Secret | None = None) -> Period:
    """The sums of a period. Raises `ConfigError` where nothing was recorded yet, or it cannot be read."""
    steps = {start: Step(start_at=start) for start in _starts(wanted)}
    answers: Tallies = {}
    family = ANSWERS if wanted.percentiles else COUNTED
    with Snapshot.taken(folder, database_url) as snapshot:
        besides = _SumsByStep(wanted)
        Besides(snapshot, family, wanted.since).add_to(besides)
        if snapshot.connection is not None:
            answers = read_tallies(snapshot.connection, family, _within(wanted))
            _add_stored(snapshot, wanted, steps)
    for start, sums in besides.parts.items():
        own = _of_project(sums.answers, wanted.project)
        merge_into(answers, own)
        for cell, tally in own.items():
            steps[start].add(
                getattr(cell, wanted.by), Counter({name: tally.counts[name] for name in CHARTED})
            )
            steps[start].latency.merge(tally.sketch("latency_seconds"))
    return Period(
        since=wanted.since,
        until=wanted.until,
        step_seconds=wanted.step_seconds,
        answers=answers,
        steps=tuple(steps.values()),
    )


def load_answers(
    folder: Path,
    *,
    since: int,
    until: int,
    project: str | None = None,
    model: str | None = None,
    percentiles: bool = True,
    is_open: bool = False,
    database_url: Secret | None = None,
) -> Tallies:
    """The same without its steps, of one `model` or of all, and much sooner where nobody wants `percentiles`.

    Raises as `load_period` does.
    """
    wanted = Wanted(since=since, until=until, step_seconds=until - since, project=project, is_open=is_open)
    family = ANSWERS if percentiles else COUNTED
    own = _within(wanted) if model is None else and_(_within(wanted), rollups.c.model == model)
    answers: Tallies = {}
    with Snapshot.taken(folder, database_url) as snapshot:
        besides = _SumsByStep(wanted)
        Besides(snapshot, family, since).add_to(besides)
        if snapshot.connection is not None:
            answers = read_tallies(snapshot.connection, family, own)
    for sums in besides.parts.values():
        found = _of_project(sums.answers, project)
        merge_into(answers, {cell: tally for cell, tally in found.items() if model in (None, cell.model)})
    return answers


def _of_project(answers: Tallies, project: str | None) -> Tallies:
    return {cell: tally for cell, tally in answers.items() if project in (None, cell.project)}


class _SumsByStep(Sums):
    """Sums that fall apart by when requests began; what lies outside of the period is left out."""

    __slots__ = ("_wanted", "parts")

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self._wanted = wanted
        self.parts: defaultdict[int, Sums] = defaultdict(Sums)

    def add(self, record: Record, said: Feedback | None = None) -> None:
        if self._has(record.started_at):
            self._part(record.started_at).add(record, said)

    def add_opinion(self, about: Judged, said: Feedback) -> None:
        if self._has(about.started_at):
            self._part(about.started_at).add_opinion(about, said)

    def take_back_opinion(self, about: Judged, said: Feedback) -> None:
        if self._has(about.started_at):
            self._part(about.started_at).take_back_opinion(about, said)

    def take_back_interrupted(self, record: Record, said: Feedback | None = None) -> None:
        if self._has(record.started_at):
            self._part(record.started_at).take_back_interrupted(record, said)

    def _has(self, at: float) -> bool:
        return self._wanted.since <= at < self._wanted.until

    def _part(self, at: float) -> Sums:
        wanted = self._wanted
        return self.parts[
            int((at - wanted.since) // wanted.step_seconds) * wanted.step_seconds + wanted.since
        ]


def _starts(wanted: Wanted) -> Iterator[int]:
    yield from range(wanted.since, wanted.until, wanted.step_seconds)


def _within(wanted: Wanted, longest: int = DAY) -> ColumnElement[bool]:
    spans = [span for span in ANSWERS.spans if span <= longest]
    upto = None if wanted.is_open else wanted.until
    parts = [
        in_spans(rollups, span, first, min(until or wanted.until, wanted.until))
        for span, first, until in spans_between(spans, wanted.since, upto)
    ]
    return and_(_own(wanted), or_(*parts))


def _own(wanted: Wanted) -> ColumnElement[bool]:
    return true() if wanted.project is None else rollups.c.project == wanted.project


def _add_stored(snapshot: Snapshot, wanted: Wanted, steps: dict[int, Step]) -> None:
    connection = snapshot.connection
    assert connection is not None
    columns = rollups.c
    longest = max(span for span in ANSWERS.spans if not (wanted.step_seconds % span or wanted.since % span))
    own = _within(wanted, longest)
    # written out: PostgreSQL does not take a parameter for the same as itself where it groups
    since, step = (literal(value, literal_execute=True) for value in (wanted.since, wanted.step_seconds))
    start = (columns.start_at - (columns.start_at - since) % step).label("start")
    group = columns[wanted.by].label("name")
    sums = [func.sum(columns[name]).label(name) for name in CHARTED]
    for row in connection.execute(select(start, group, *sums).where(own).group_by(start, group)):
        counts = {name: int(getattr(row, name)) for name in CHARTED}
        steps[int(row.start)].add(row.name, Counter(counts))
    if not wanted.percentiles:
        return
    latencies: defaultdict[int, list[bytes]] = defaultdict(list)
    for began, data in connection.execute(select(start, columns.latency_seconds).where(own)):
        if data:
            latencies[int(began)].append(data)
    for began, pieces in latencies.items():
        steps[began].latency = Sketch.of_all(pieces)
