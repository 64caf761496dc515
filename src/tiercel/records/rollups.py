"""Sums of records over each minute, hour and day: of requests and calls in the table `rollups`, of what checks did in
`check_rollups`.

Rows of the same span, start and cell add up, so writing is only ever adding rows: servers that share a database do not
wait for each other, and nothing is read on the way. From time to time rows are put together, for readers' sake.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select

from tiercel.domain.record import Record
from tiercel.records.check_tally import CHECK_COUNTS, CheckCell, CheckTallies, CheckTally, add_checks
from tiercel.records.rows import Row, bounded
from tiercel.records.schema import check_rollups, meta, rollups
from tiercel.records.sketch import Sketch
from tiercel.records.tally import (
    COUNTS,
    SKETCHES,
    Cell,
    Tallies,
    Tally,
    add_record,
    take_back_interrupted,
)

MINUTE, HOUR, DAY = SPANS = (60, 3_600, 86_400)
ROWS_BEFORE_MERGING = 2_000
BACK_FILL_RECORDS = 20_000


class Addable(Protocol):
    """Sums that add up."""

    def merge(self, other: Self) -> None:
        """Adds what the other has."""
        ...


C = TypeVar("C")
T = TypeVar("T", bound=Addable)
Put: TypeAlias = Callable[[Connection, Table, list[Row]], None]
Bucket: TypeAlias = tuple[int, int]
"""A span and its start, in seconds."""


class Kind(Generic[C, T]):
    """One table of sums: the columns that a reader needs, what a row of them says, and what is written for it."""

    def __init__(
        self,
        table: Table,
        columns: tuple[str, ...],
        read: Callable[[Any], tuple[C, T]],
        write: Callable[[C, T], Row],
        new: Callable[[], T],
    ) -> None:
        self.table = table
        self.read = read
        self.write = write
        self.new = new
        self.columns = [table.c[name] for name in columns]

    def merge(self, into: dict[C, T], more: Iterable[tuple[C, T]]) -> None:
        """Adds `more`, which is left as it is."""
        for cell, tally in more:
            known = into.get(cell)
            if known is None:
                known = into[cell] = self.new()
            known.merge(tally)

    def tallies(self, connection: Connection, condition: ColumnElement[bool]) -> dict[C, T]:
        """These rows, those of the same cell put together."""
        return self._together(connection.execute(select(*self.columns).where(condition)).all())

    def taken(self, connection: Connection, condition: ColumnElement[bool]) -> dict[C, T]:
        """The same, and the rows are gone: of two servers only one gets each."""
        if connection.dialect.name == "postgresql":
            gone = delete(self.table).where(condition).returning(*self.columns)
            return self._together(connection.execute(gone))
        # SQLite of old cannot return what it deletes, and has one writer
        found = self.tallies(connection, condition)
        connection.execute(delete(self.table).where(condition))
        return found

    def rows(self, bucket: Bucket, tallies: Mapping[C, T]) -> Iterator[Row]:
        """What is written of these, in this span."""
        span, start = bucket
        for cell, tally in tallies.items():
            yield {"span_seconds": span, "start_at": start, **self.write(cell, tally)}

    def since(self, since: float | None) -> ColumnElement[bool]:
        """The rows that together hold everything from the first whole minute after `since` on: days as far as they
        go."""
        span, start = self.table.c.span_seconds, self.table.c.start_at
        if since is None:
            return span == DAY
        minute = ceil_to(MINUTE, since)
        hour, day = ceil_to(HOUR, minute), ceil_to(DAY, minute)
        return or_(
            and_(span == MINUTE, start >= minute, start < hour),
            and_(span == HOUR, start >= hour, start < day),
            and_(span == DAY, start >= day),
        )

    def _together(self, rows: Iterable[Any]) -> dict[C, T]:
        found: dict[C, T] = {}
        for row in rows:
            cell, tally = self.read(row)
            known = found.setdefault(cell, tally)
            if known is not tally:
                known.merge(tally)
        return found


def floor_to(span: int, at: float) -> int:
    """The start of the minute, hour or UTC day that `at` (Unix seconds) lies in."""
    return int(at // span) * span


def ceil_to(span: int, at: float) -> int:
    """The first start of a minute, hour or UTC day at or after `at`."""
    return -int(-at // span) * span


class _Adder(Generic[C, T]):
    """Adds rows of one kind, and remembers where many have gathered."""

    def __init__(self, put: Put, kind: Kind[C, T]) -> None:
        self._put = put
        self._kind = kind
        self._gathered: Counter[Bucket] = Counter()

    def add(self, connection: Connection, minutes: Mapping[int, dict[C, T]]) -> None:
        """Adds rows to every span, in the caller's transaction."""
        rows: list[Row] = []
        for span in SPANS:
            for start, tallies in self._in_spans(span, minutes).items():
                rows += self._kind.rows((span, start), tallies)
                self._gathered[span, start] += len(tallies)
        self._put(connection, self._kind.table, rows)
        if self._gathered.total() > ROWS_BEFORE_MERGING:
            self._merge(connection)

    def forget(self, connection: Connection, before: int, whose: ColumnElement[bool]) -> None:
        """Drops the sums of all minutes before this one. The hour and the day that it lies in are made anew from what
        is left of their parts. The first in its transaction, because in PostgreSQL it keeps other writers away."""
        table = self._kind.table
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE")
        span, start = table.c.span_seconds, table.c.start_at
        connection.execute(delete(table).where(span == MINUTE, start < before, whose))
        for longer, part in ((HOUR, MINUTE), (DAY, HOUR)):
            first = floor_to(longer, before)
            connection.execute(delete(table).where(span == longer, start <= first, whose))
            parts = and_(span == part, start >= first, start < first + longer, whose)
            rows = list(self._kind.rows((longer, first), self._kind.tallies(connection, parts)))
            self._put(connection, table, rows)

    def _merge(self, connection: Connection) -> None:
        table = self._kind.table
        rows: list[Row] = []
        # in order, so that two servers never wait for each other in a circle
        for span, start in sorted(self._gathered):
            bucket = and_(table.c.span_seconds == span, table.c.start_at == start)
            rows += self._kind.rows((span, start), self._kind.taken(connection, bucket))
        self._put(connection, table, rows)
        self._gathered.clear()

    def _in_spans(self, span: int, minutes: Mapping[int, dict[C, T]]) -> Mapping[int, dict[C, T]]:
        """What lies in each span of this length."""
        if span == MINUTE:
            return minutes
        found: defaultdict[int, dict[C, T]] = defaultdict(dict)
        for start, tallies in minutes.items():
            self._kind.merge(found[floor_to(span, start)], tallies.items())
        return found


class RollupWriter:
    """Keeps the sums of both kinds."""

    def __init__(self, put: Put) -> None:
        self._requests = _Adder(put, REQUESTS)
        self._checks = _Adder(put, CHECKS)

    def add(self, connection: Connection, records: Iterable[Record], replaced: Iterable[Record] = ()) -> None:
        """Adds these records, in the caller's transaction; `replaced` are interrupted ones in whose place others
        came. Nothing was called in those, so no check did anything."""
        requests: defaultdict[int, Tallies] = defaultdict(dict)
        checks: defaultdict[int, CheckTallies] = defaultdict(dict)
        for record in records:
            minute = floor_to(MINUTE, record.started_at)
            add_record(requests[minute], record)
            add_checks(checks[minute], record)
        for record in replaced:
            take_back_interrupted(requests[floor_to(MINUTE, record.started_at)], record)
        self._requests.add(connection, requests)
        self._checks.add(connection, checks)

    def forget(
        self, connection: Connection, before: int, whose: Callable[[Table], ColumnElement[bool]]
    ) -> None:
        """Drops the sums of all minutes before this one; of the table's rows that `whose` says."""
        self._requests.forget(connection, before, whose(REQUESTS.table))
        self._checks.forget(connection, before, whose(CHECKS.table))


def back_fill(connection: Connection, put: Put, records: Iterable[Record]) -> None:
    """Fills the tables from all records there are, where they came later than they."""
    writer = RollupWriter(put)
    portion: list[Record] = []
    for record in records:
        portion.append(record)
        if len(portion) == BACK_FILL_RECORDS:
            writer.add(connection, portion)
            portion = []
    writer.add(connection, portion)


def take_missing_mark(connection: Connection) -> bool:
    """Whether the tables are still to be filled; it is the caller's from now on."""
    return connection.execute(delete(meta).where(meta.c.key == "rollups")).rowcount > 0


_CELL = len(Cell._fields)


def _request_read(row: Any) -> tuple[Cell, Tally]:
    first_at, last_at, latency, ttft, speed, *counts = row[_CELL:]
    tally = Tally()
    for name, count in zip(COUNTS, counts, strict=True):
        if count:
            tally.counts[name] = count
    tally.first_at, tally.last_at = first_at, last_at
    tally.latency_seconds = Sketch.from_bytes(latency)
    tally.ttft_seconds = Sketch.from_bytes(ttft)
    tally.tokens_per_second = Sketch.from_bytes(speed)
    return Cell(*row[:_CELL]), tally


def _request_row(cell: Cell, tally: Tally) -> Row:
    row: Row = {**cell._asdict(), "first_at": tally.first_at, "last_at": tally.last_at}
    for name in COUNTS:
        row[name] = bounded(tally.counts[name])
    for sketch in SKETCHES:
        row[sketch] = cast(Sketch, getattr(tally, sketch)).to_bytes()
    return row


_CHECK_CELL = len(CheckCell._fields)


def _check_read(row: Any) -> tuple[CheckCell, CheckTally]:
    first_at, last_at, *counts = row[_CHECK_CELL:]
    tally = CheckTally()
    for name, count in zip(CHECK_COUNTS, counts, strict=True):
        if count:
            tally.counts[name] = count
    tally.first_at, tally.last_at = first_at, last_at
    return CheckCell(*row[:_CHECK_CELL]), tally


def _check_row(cell: CheckCell, tally: CheckTally) -> Row:
    row: Row = {**cell._asdict(), "first_at": tally.first_at, "last_at": tally.last_at}
    for name in CHECK_COUNTS:
        row[name] = bounded(tally.counts[name])
    return row


_TIMES = ("first_at", "last_at")
REQUESTS: Kind[Cell, Tally] = Kind(
    rollups, (*Cell._fields, *_TIMES, *SKETCHES, *COUNTS), _request_read, _request_row, Tally
)
CHECKS: Kind[CheckCell, CheckTally] = Kind(
    check_rollups, (*CheckCell._fields, *_TIMES, *CHECK_COUNTS), _check_read, _check_row, CheckTally
)
