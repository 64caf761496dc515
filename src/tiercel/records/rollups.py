"""Sums of records over each minute, hour and day, in the table `rollups`.

Rows of the same span, start and cell add up, so writing is only ever adding rows: servers that share a database do not
wait for each other, and nothing is read on the way. From time to time rows are put together, for readers' sake.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select

from tiercel.domain.record import Record
from tiercel.records.rows import Row, bounded
from tiercel.records.schema import meta, rollups
from tiercel.records.sketch import Sketch
from tiercel.records.tally import (
    COUNTS,
    SKETCHES,
    Cell,
    Tallies,
    Tally,
    add_record,
    merge_into,
    take_back_interrupted,
)

MINUTE, HOUR, DAY = SPANS = (60, 3_600, 86_400)
ROWS_BEFORE_MERGING = 2_000
BACK_FILL_RECORDS = 20_000

Put: TypeAlias = Callable[[Connection, Table, list[Row]], None]
ByMinute: TypeAlias = dict[int, Tallies]
Bucket: TypeAlias = tuple[int, int]
"""A span and its start, in seconds."""


def floor_to(span: int, at: float) -> int:
    """The start of the minute, hour or UTC day that `at` (Unix seconds) lies in."""
    return int(at // span) * span


def ceil_to(span: int, at: float) -> int:
    """The first start of a minute, hour or UTC day at or after `at`."""
    return -int(-at // span) * span


def by_minute(records: Iterable[Record], replaced: Iterable[Record] = ()) -> ByMinute:
    """What these records add; `replaced` are interrupted ones in whose place others came."""
    found: defaultdict[int, Tallies] = defaultdict(dict)
    for record in records:
        add_record(found[floor_to(MINUTE, record.started_at)], record)
    for record in replaced:
        take_back_interrupted(found[floor_to(MINUTE, record.started_at)], record)
    return found


class RollupWriter:
    """Adds rows, and remembers where many have gathered."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._gathered: Counter[Bucket] = Counter()

    def add(self, connection: Connection, minutes: ByMinute) -> None:
        """Adds rows to every span, in the caller's transaction."""
        rows: list[Row] = []
        for span in SPANS:
            for start, tallies in _in_spans(span, minutes).items():
                rows += _rows((span, start), tallies)
                self._gathered[span, start] += len(tallies)
        self._put(connection, rollups, rows)
        if self._gathered.total() > ROWS_BEFORE_MERGING:
            self._merge(connection)

    def forget(self, connection: Connection, before: int, whose: ColumnElement[bool]) -> None:
        """Drops the sums of all minutes before this one. The hour and the day that it lies in are made anew from what
        is left of their parts. The first in its transaction, because in PostgreSQL it keeps other writers away."""
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE rollups IN EXCLUSIVE MODE")
        span, start = rollups.c.span_seconds, rollups.c.start_at
        connection.execute(delete(rollups).where(span == MINUTE, start < before, whose))
        for longer, part in ((HOUR, MINUTE), (DAY, HOUR)):
            first = floor_to(longer, before)
            connection.execute(delete(rollups).where(span == longer, start <= first, whose))
            parts = and_(span == part, start >= first, start < first + longer, whose)
            rows = list(_rows((longer, first), read_tallies(connection, parts)))
            self._put(connection, rollups, rows)

    def _merge(self, connection: Connection) -> None:
        rows: list[Row] = []
        # in order, so that two servers never wait for each other in a circle
        for span, start in sorted(self._gathered):
            bucket = and_(rollups.c.span_seconds == span, rollups.c.start_at == start)
            rows += _rows((span, start), _taken(connection, bucket))
        self._put(connection, rollups, rows)
        self._gathered.clear()


def back_fill(connection: Connection, put: Put, records: Iterable[Record]) -> None:
    """Fills the table from all records there are, where it came later than they."""
    writer = RollupWriter(put)
    portion: list[Record] = []
    for record in records:
        portion.append(record)
        if len(portion) == BACK_FILL_RECORDS:
            writer.add(connection, by_minute(portion))
            portion = []
    writer.add(connection, by_minute(portion))


def take_missing_mark(connection: Connection) -> bool:
    """Whether the table is still to be filled; it is the caller's from now on."""
    return connection.execute(delete(meta).where(meta.c.key == "rollups")).rowcount > 0


def since_condition(since: float | None) -> ColumnElement[bool]:
    """The rows that together hold everything from the first whole minute after `since` on: days as far as they go."""
    span = rollups.c.span_seconds
    if since is None:
        return span == DAY
    minute = ceil_to(MINUTE, since)
    hour, day = ceil_to(HOUR, minute), ceil_to(DAY, minute)
    start = rollups.c.start_at
    return or_(
        and_(span == MINUTE, start >= minute, start < hour),
        and_(span == HOUR, start >= hour, start < day),
        and_(span == DAY, start >= day),
    )


def read_tallies(connection: Connection, condition: ColumnElement[bool]) -> Tallies:
    """These rows, those of the same cell put together."""
    columns = [rollups.c[name] for name in _READ]
    return _tallies(connection.execute(select(*columns).where(condition)).all())


_READ = (*Cell._fields, "first_at", "last_at", *SKETCHES, *COUNTS)
_CELL = len(Cell._fields)


def _taken(connection: Connection, condition: ColumnElement[bool]) -> Tallies:
    """The same, and the rows are gone: of two servers only one gets each."""
    columns = [rollups.c[name] for name in _READ]
    if connection.dialect.name == "postgresql":
        return _tallies(connection.execute(delete(rollups).where(condition).returning(*columns)))
    found = read_tallies(
        connection, condition
    )  # SQLite of old cannot return what it deletes, and has one writer
    connection.execute(delete(rollups).where(condition))
    return found


def _tallies(rows: Iterable[Any]) -> Tallies:
    found: Tallies = {}
    for row in rows:
        cell = Cell(*row[:_CELL])
        first_at, last_at, latency, ttft, speed, *counts = row[_CELL:]
        tally = found.get(cell)
        if tally is None:
            tally = found[cell] = Tally()
        for name, count in zip(COUNTS, counts, strict=True):
            if count:
                tally.counts[name] += count
        for at in (first_at, last_at):
            if at is not None:
                tally.saw(at)
        tally.latency_seconds.merge(Sketch.from_bytes(latency))
        tally.ttft_seconds.merge(Sketch.from_bytes(ttft))
        tally.tokens_per_second.merge(Sketch.from_bytes(speed))
    return found


def _in_spans(span: int, minutes: ByMinute) -> Mapping[int, Tallies]:
    """What lies in each span of this length."""
    if span == MINUTE:
        return minutes
    found: defaultdict[int, Tallies] = defaultdict(dict)
    for start, tallies in minutes.items():
        merge_into(found[floor_to(span, start)], tallies)
    return found


def _rows(bucket: Bucket, tallies: Tallies) -> Iterator[Row]:
    span, start = bucket
    for cell, tally in tallies.items():
        row: Row = {"span_seconds": span, "start_at": start, **cell._asdict()}
        row["first_at"], row["last_at"] = tally.first_at, tally.last_at
        counts = tally.counts
        for name in COUNTS:
            row[name] = bounded(counts[name])
        for sketch in SKETCHES:
            row[sketch] = cast(Sketch, getattr(tally, sketch)).to_bytes()
        yield row
