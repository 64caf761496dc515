"""The sums of records in the database, over each minute, hour and day.

Rows of the same span, start and cell add up, so writing is only ever adding rows: servers that share a database do not
wait for each other. Rows are put together for readers' sake: those of a session when another is added, the others from
time to time; what another server has in its hands meanwhile is left as it is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Generic, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.sql.expression import any_

from tiercel.domain.record import Record
from tiercel.records.check_tally import CHECK_COUNTS, CheckCell
from tiercel.records.rows import Row, bounded
from tiercel.records.schema import check_rollups, rollups, session_rollups, use_rollups
from tiercel.records.sketch import Sketch
from tiercel.records.stored import portions
from tiercel.records.sums import Sums
from tiercel.records.tally import (
    COUNTS,
    SESSION_COUNTS,
    SKETCHES,
    Cell,
    Edge,
    Key,
    Name,
    SessionCell,
    SessionTallies,
    Sketched,
    Tally,
    at,
    merge_into,
    merged,
)
from tiercel.records.uses import USE_COUNTS, UseCell

MINUTE, HOUR, DAY = 60, 3_600, 86_400
ROWS_BEFORE_MERGING = 2_000

Put: TypeAlias = Callable[[Connection, Table, list[Row]], None]
Bucket: TypeAlias = tuple[int, int]
"""A span and its start, in seconds."""


@dataclass(frozen=True)
class Family(Generic[Key, Name]):
    """One way to sum up: its table, the cells that stand there, and what of their tallies is kept, over which spans.
    The columns have the names that a cell's fields, edges, sketches and counts have. Where a tally `is_packed`, all its
    counts and sketches stand in one more, `tally`, and the counts that have columns are there to be asked for."""

    table: Table
    cell: Callable[..., Key]
    fields: tuple[str, ...]
    tallies: Callable[[Sums], dict[Key, Tally[Name]]]
    counts: tuple[Name, ...]
    edges: tuple[Edge, ...] = ("first_at", "last_at", "ended_at")
    sketches: tuple[Sketched, ...] = SKETCHES
    is_packed: bool = False
    spans: tuple[int, ...] = (MINUTE, HOUR, DAY)

    @property
    def shortest(self) -> int:
        """What begins or ends within such a span is to be looked at record by record."""
        return self.spans[0]


ANSWERS = Family(rollups, Cell, Cell._fields, lambda sums: sums.answers, COUNTS)
COUNTED = replace(ANSWERS, sketches=())
"""The same without what percentiles are made of, which takes most of the time to read."""
SESSIONS = Family(
    session_rollups,
    SessionCell,
    SessionCell._fields,
    lambda sums: sums.sessions,
    SESSION_COUNTS,
    sketches=(),
    is_packed=True,
    spans=(HOUR, DAY),
)
USES = Family(
    use_rollups, UseCell, UseCell._fields, lambda sums: sums.uses, USE_COUNTS, ("largest_tokens",), ()
)
CHECKS = Family(
    check_rollups,
    CheckCell,
    CheckCell._fields,
    lambda sums: sums.checks,
    CHECK_COUNTS,
    ("first_at", "last_at"),
    (),
)
FAMILIES: tuple[Family[Any, Any], ...] = (ANSWERS, SESSIONS, USES, CHECKS)
MERGED_LATER: tuple[Family[Any, Any], ...] = (ANSWERS, USES, CHECKS)


def floor_to(span: int, at: float) -> int:
    """The start of the minute, hour or UTC day that `at` (Unix seconds) lies in."""
    return int(at // span) * span


def ceil_to(span: int, at: float) -> int:
    """The first start of a minute, hour or UTC day at or after `at`."""
    return -int(-at // span) * span


class Minutes(defaultdict[int, Sums]):
    """Sums by the minute in which requests started."""

    def __init__(self) -> None:
        super().__init__(Sums)

    def of(self, started_at: float) -> Sums:
        return self[floor_to(MINUTE, started_at)]


def by_minute(records: Iterable[Record]) -> Minutes:
    """What these records add."""
    found = Minutes()
    for record in records:
        found.of(record.started_at).add(record)
    return found


class RollupWriter:
    """Adds rows, and remembers where many have gathered."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._gathered: Counter[tuple[Bucket, str]] = Counter()

    def add(self, connection: Connection, minutes: Minutes) -> None:
        """Adds rows to every span, in the caller's transaction."""
        for family in MERGED_LATER:
            self._add(connection, family, minutes)
        self._add_sessions(connection, minutes)
        if self._gathered.total() > ROWS_BEFORE_MERGING:
            self._merge(connection)

    def forget(
        self, connection: Connection, before: int, whose: Callable[[Table], ColumnElement[bool]], left: Sums
    ) -> None:
        """Drops the sums of all minutes before this one. The hour and the day that it lies in are made anew from what
        is left of their parts; an hour of sessions has no parts, and is made of `left`: what is still there of it.

        To be called in a transaction that began with `lock_sums`, after the records are gone.
        """
        for family in FAMILIES:
            table, own = family.table, whose(family.table)
            parts = None if family.shortest == MINUTE else family.tallies(left)
            for span, part in zip(family.spans, (None, *family.spans), strict=False):
                first = floor_to(span, before)
                if part is not None:
                    within = in_spans(table, part, first, first + span)
                    parts = read_tallies(connection, family, and_(within, own))
                ended = table.c.start_at < before
                connection.execute(delete(table).where(is_span(table, span), ended, own))
                if parts is not None and first < before:
                    self._put(connection, table, list(_rows(family, (span, first), parts)))

    def _add(self, connection: Connection, family: Family[Any, Any], minutes: Minutes) -> None:
        rows: list[Row] = []
        for span in family.spans:
            for start, tallies in _in_spans(family, span, minutes).items():
                rows += _rows(family, (span, start), tallies)
                self._gathered[(span, start), family.table.name] += len(tallies)
        self._put(connection, family.table, rows)

    def _add_sessions(self, connection: Connection, minutes: Minutes) -> None:
        """A row for each session, which takes up the one that was there: there are too many to merge them later."""
        rows: list[Row] = []
        for span in SESSIONS.spans:
            for start, tallies in _in_spans(SESSIONS, span, minutes).items():
                # one with a character 0 stands in PostgreSQL under another name, and its rows just add up
                names = sorted({cell.session for cell in tallies if "\0" not in cell.session})
                known: SessionTallies = {}
                for portion in portions(names):
                    same = and_(
                        in_bucket(session_rollups, (span, start)), session_rollups.c.session.in_(portion)
                    )
                    known |= _taken(connection, SESSIONS, same)
                merge_into(known, tallies)
                rows += _rows(SESSIONS, (span, start), known)
        self._put(connection, session_rollups, rows)

    def _merge(self, connection: Connection) -> None:
        for family in MERGED_LATER:
            rows: list[Row] = []
            for bucket, name in self._gathered:
                if name == family.table.name:
                    rows += _rows(family, bucket, _taken(connection, family, in_bucket(family.table, bucket)))
            self._put(connection, family.table, rows)
        self._gathered.clear()


def lock_sums(connection: Connection) -> None:
    """Keeps other servers of the same PostgreSQL from adding sums until this transaction ends. The first in it."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(family.table.name for family in FAMILIES)
        connection.exec_driver_sql(f"LOCK TABLE {names} IN EXCLUSIVE MODE")


def is_span(table: Table, span: int) -> ColumnElement[bool]:
    """Rows of spans of this length; written out, because indices are kept of one length."""
    return table.c.span_seconds == literal(span, literal_execute=True)


def in_bucket(table: Table, bucket: Bucket) -> ColumnElement[bool]:
    """The rows of one span."""
    return and_(is_span(table, bucket[0]), table.c.start_at == bucket[1])


def since_condition(family: Family[Any, Any], since: float | None) -> ColumnElement[bool]:
    """The rows that together hold everything from the first whole span after `since` on: days as far as they go."""
    return or_(false(), *since_parts(family, since).values())


def since_parts(family: Family[Any, Any], since: float | None) -> dict[int, ColumnElement[bool]]:
    """The same rows by the length of their spans."""
    table = family.table
    if since is None:
        return {DAY: is_span(table, DAY)}
    begin = ceil_to(family.shortest, since)
    return {
        span: in_spans(table, span, first, until)
        for span, first, until in spans_between(family.spans, begin, None)
    }


def spans_between(
    spans: Sequence[int], since: int, until: int | None
) -> Iterator[tuple[int, int, int | None]]:
    """Spans of these lengths, the shortest first, that together hold exactly this period of whole shortest ones, or
    everything from `since` on: their length, the first start, and the end."""
    at = since
    for span, longer in pairwise(spans):
        upto = ceil_to(longer, at) if until is None else min(ceil_to(longer, at), floor_to(span, until))
        if at < upto:
            yield span, at, upto
            at = upto
    if until is None:
        yield spans[-1], at, None
        return
    for span in reversed(spans):
        upto = floor_to(span, until)
        if at < upto:
            yield span, at, upto
            at = upto


def in_spans(table: Table, span: int, first: int, until: int | None) -> ColumnElement[bool]:
    """The rows of spans of this length that begin at or after `first`, and before `until` if there is one."""
    own = and_(is_span(table, span), table.c.start_at >= first)
    return own if until is None else and_(own, table.c.start_at < until)


def read_tallies(
    connection: Connection, family: Family[Key, Name], condition: ColumnElement[bool]
) -> dict[Key, Tally[Name]]:
    """These rows, those of the same cell put together."""
    return _tallies(family, connection.execute(select(*_columns(family)).where(condition)).all())


def _columns(family: Family[Any, Any]) -> list[ColumnElement[Any]]:
    rest = ("tally",) if family.is_packed else (*family.sketches, *family.counts)
    return [family.table.c[name] for name in (*family.fields, *family.edges, *rest)]


def _taken(
    connection: Connection, family: Family[Key, Name], condition: ColumnElement[bool]
) -> dict[Key, Tally[Name]]:
    """The same, and the rows are gone: of two servers only one gets each, and none waits for the other."""
    table = family.table
    if connection.dialect.name == "postgresql":
        place: ColumnElement[Any] = literal_column("ctid")
        free = select(place).select_from(table).where(condition).with_for_update(skip_locked=True)
        ours = place == any_(func.array(free.scalar_subquery()))
        return _tallies(family, connection.execute(delete(table).where(ours).returning(*_columns(family))))
    # SQLite of old cannot return what it deletes, and has one writer
    found = read_tallies(connection, family, condition)
    if found:
        connection.execute(delete(table).where(condition))
    return found


def _tallies(family: Family[Key, Name], rows: Iterable[Any]) -> dict[Key, Tally[Name]]:
    found: dict[Key, Tally[Name]] = {}
    edges_from = len(family.fields)
    sketches_from = edges_from + len(family.edges)
    counts_from = sketches_from + len(family.sketches)
    pieces: defaultdict[tuple[Key, Sketched], list[bytes]] = defaultdict(list)
    for row in rows:
        cell = family.cell(*row[:edges_from])
        tally = at(found, cell)
        for edge, value in zip(family.edges, row[edges_from:sketches_from], strict=True):
            if value is not None:
                tally.widen(edge, value)
        if family.is_packed:
            tally.unpack(row[-1])
            continue
        for kind, data in zip(family.sketches, row[sketches_from:counts_from], strict=True):
            if data:
                pieces[cell, kind].append(data)
        tally.count((name, n) for name, n in zip(family.counts, row[counts_from:], strict=True) if n)
    for (cell, kind), own in pieces.items():
        found[cell].sketches[kind] = Sketch.of_all(own)
    return found


def _in_spans(family: Family[Key, Name], span: int, minutes: Minutes) -> dict[int, dict[Key, Tally[Name]]]:
    """What lies in each span of this length; to be left as it is."""
    parts: defaultdict[int, list[dict[Key, Tally[Name]]]] = defaultdict(list)
    for start, sums in minutes.items():
        parts[floor_to(span, start)].append(family.tallies(sums))
    return {start: own[0] if len(own) == 1 else merged(own) for start, own in parts.items()}


def _rows(family: Family[Key, Name], bucket: Bucket, tallies: Mapping[Key, Tally[Name]]) -> Iterator[Row]:
    span, start = bucket
    # most of a row is nothing
    nothing: Row = {"span_seconds": span, "start_at": start, **dict.fromkeys(family.edges)}
    nothing |= dict.fromkeys(family.sketches, b"") | dict.fromkeys(family.counts, 0)
    for cell, tally in tallies.items():
        row = nothing | dict(zip(family.fields, cell, strict=True)) | tally.edges
        if family.is_packed:
            row["tally"] = tally.packed()
            row |= {name: bounded(tally.counts[name]) for name in family.counts}
        else:
            row |= {kind: sketch.to_bytes() for kind, sketch in tally.sketches.items()}
            row |= {name: bounded(count) for name, count in tally.counts.items() if count}
        yield row
