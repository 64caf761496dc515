"""What keys and projects have spent this day and month, read once at the start: from the sums that ingest keeps, and
from what of the journal it has not taken in yet. SQLite is asked without SQLAlchemy, which the server does not load
for this."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import msgspec

from tiercel.domain.errors import ConfigError, TiercelError
from tiercel.domain.record import Record
from tiercel.domain.secret import Secret
from tiercel.records.database import connect_to_read, database_path
from tiercel.records.instance import instance_of
from tiercel.records.owners import owners_of
from tiercel.records.segments import read_from, segments

Ask: TypeAlias = Callable[[str, dict[str, Any]], list[Any]]
"""Rows for a query with `:named` values."""

EVERYBODY = """
SELECT owner, sum(CASE WHEN day_at >= :day THEN cost_nano ELSE 0 END), sum(cost_nano)
FROM spendings WHERE day_at >= :month GROUP BY owner
"""
MINE = """
SELECT owner, sum(CASE WHEN day_at >= :day THEN cost_nano ELSE 0 END), sum(cost_nano)
FROM spendings WHERE day_at >= :month AND instance = :instance GROUP BY owner
"""
BEFORE_THERE_WERE_SUMS = """
SELECT 'key:' || key_id, sum(CASE WHEN started_at >= :day THEN cost_nano ELSE 0 END), sum(cost_nano)
FROM records WHERE started_at >= :month AND key_id <> '' GROUP BY key_id
UNION ALL
SELECT 'project:' || project, sum(CASE WHEN started_at >= :day THEN cost_nano ELSE 0 END), sum(cost_nano)
FROM records WHERE started_at >= :month AND key_id <> '' AND project <> '' GROUP BY project
"""
OFFSETS = 'SELECT segment, "offset" FROM ingest_state'
KNOWN = "SELECT 1 FROM records WHERE id = :id AND outcome <> 'interrupted'"
POSTGRES_SUMS = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'spendings'"
SQLITE_SUMS = "SELECT 1 FROM sqlite_master WHERE name = 'spendings'"
SQLITE_KEYS = "SELECT 1 FROM pragma_table_info('records') WHERE name = 'key_id'"


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a key or project has spent in the current UTC day and month, in nano-dollars, as records tell."""

    owner: str
    day_nano: int
    month_nano: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """When the present day and month began, in Unix seconds."""

    day: float
    month: float


class _Sums:
    """What was spent since the day began, and since the month did, by owner."""

    def __init__(self, day: float) -> None:
        self._day = day
        self._days: Counter[str] = Counter()
        self._months: Counter[str] = Counter()

    def add(self, owner: str, day_nano: int, month_nano: int) -> None:
        self._days[owner] += day_nano
        self._months[owner] += month_nano

    def add_record(self, record: Record) -> None:
        of_day = record.cost_nano if record.started_at >= self._day else 0
        for owner in owners_of(record.key_id, record.project):
            self.add(owner, of_day, record.cost_nano)

    def all(self) -> list[Spent]:
        return [
            Spent(owner=owner, day_nano=self._days[owner], month_nano=month)
            for owner, month in sorted(self._months.items())
        ]


class _Source(NamedTuple):
    """A database that can be asked, and the query for its sums."""

    ask: Ask
    sums: str


def read_spent(folder: Path, span: Span, database_url: Secret | None = None) -> list[Spent]:
    """What requests that began in this span have cost, by key and project: all of them, or in a PostgreSQL those that
    came through the server of this folder. Raises `ConfigError`."""
    sums = _Sums(span.day)
    try:
        with ExitStack() as stack:
            # opened before the store is looked at: one that is taken in meanwhile is then in both, and told by its id
            files = {segment.name: stack.enter_context(file) for segment, file in _opened(folder)}
            source = stack.enter_context(_postgres(folder, database_url) if database_url else _sqlite(folder))
            if source is not None:
                values: dict[str, Any] = {"day": span.day, "month": span.month}
                if database_url:
                    values["instance"] = instance_of(folder)
                for owner, day, month in source.ask(source.sums, values):
                    sums.add(owner, int(day), int(month))
            for record in _waiting(files, None if source is None else source.ask, span):
                sums.add_record(record)
    except (sqlite3.Error, OSError, TiercelError) as error:
        raise ConfigError(f"{folder}: cannot read what keys have spent so far: {error}") from error
    return sums.all()


def _opened(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    for segment in segments(folder):
        with suppress(FileNotFoundError):
            yield segment, segment.open("rb")


@contextmanager
def _sqlite(folder: Path) -> Iterator[_Source | None]:
    """The database for reading; `None` where it has no keys' records yet."""
    path = database_path(folder)
    if not path.exists():
        yield None
        return
    with closing(connect_to_read(path)) as connection:
        connection.execute("BEGIN")

        def ask(query: str, values: dict[str, Any]) -> list[Any]:
            return connection.execute(query, values).fetchall()

        if ask(SQLITE_SUMS, {}):
            yield _Source(ask, EVERYBODY)
        else:  # of an older version, which ingest is about to bring up to date
            yield _Source(ask, BEFORE_THERE_WERE_SUMS) if ask(SQLITE_KEYS, {}) else None


@contextmanager
def _postgres(folder: Path, url: Secret) -> Iterator[_Source | None]:
    """The same of PostgreSQL; SQLAlchemy and the driver are loaded where one is configured."""
    from sqlalchemy import text

    from tiercel.records.engines import Database

    with Database.to_read(folder, url).transaction() as connection:

        def ask(query: str, values: dict[str, Any]) -> list[Any]:
            return list(connection.execute(text(query), values))

        # of an older version nobody could say through which server the money went, and budgets wait for the newer
        yield _Source(ask, MINE) if ask(POSTGRES_SUMS, {}) else None


def _waiting(files: dict[str, BinaryIO], ask: Ask | None, span: Span) -> Iterator[Record]:
    """Records of keys that the store has not taken in, each once."""
    offsets: dict[str, int] = {}
    if ask is not None:
        offsets = {segment: offset for segment, offset in ask(OFFSETS, {})}
    seen: set[str] = set()
    for name, file in files.items():
        for entry in read_from(file, offsets.get(name, 0)).entries:
            if not isinstance(entry, Record) or not entry.key_id:
                continue
            if entry.started_at < span.month or entry.id in seen:
                continue
            if ask is None or not ask(KNOWN, {"id": entry.id}):
                seen.add(entry.id)
                yield entry
