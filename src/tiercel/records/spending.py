"""What keys have spent this day and month, read once at the start: from the store, and from what of the journal it has
not taken in yet. SQLite is asked without SQLAlchemy, which the server does not load for this."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import msgspec

from tiercel.domain.errors import ConfigError, TiercelError
from tiercel.domain.record import Record
from tiercel.domain.secret import Secret
from tiercel.records.database import connect_to_read, database_path
from tiercel.records.segments import read_from, segments

Ask: TypeAlias = Callable[[str, dict[str, Any]], list[Any]]
"""Rows for a query with `:named` values."""

STORED = """
SELECT key_id, project, sum(CASE WHEN started_at >= :day THEN cost_nano ELSE 0 END), sum(cost_nano)
FROM records WHERE started_at >= :month AND started_at < :before AND key_id <> '' GROUP BY key_id, project
"""
OFFSETS = 'SELECT segment, "offset" FROM ingest_state'
KNOWN = "SELECT 1 FROM records WHERE id = :id AND outcome <> 'interrupted'"
POSTGRES_COLUMN = """
SELECT 1 FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = 'records' AND column_name = 'key_id'
"""
SQLITE_COLUMN = "SELECT 1 FROM pragma_table_info('records') WHERE name = 'key_id'"


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a key has spent in the current UTC day and month, in nano-dollars, as records tell."""

    key_id: str
    project: str
    day_nano: int
    month_nano: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The day and the month from their beginning until `before`, in Unix seconds."""

    day: float
    month: float
    before: float


def read_spent(folder: Path, span: Span, database_url: Secret | None = None) -> list[Spent]:
    """What requests that began in this span have cost, by key and project. Raises `ConfigError`."""
    days: Counter[tuple[str, str]] = Counter()
    months: Counter[tuple[str, str]] = Counter()
    try:
        with ExitStack() as stack:
            # opened before the store is looked at: one that is taken in meanwhile is then in both, and told by its id
            files = {segment.name: stack.enter_context(file) for segment, file in _opened(folder)}
            ask = stack.enter_context(_postgres(folder, database_url) if database_url else _sqlite(folder))
            if ask is not None:
                values = {"day": span.day, "month": span.month, "before": span.before}
                for key_id, project, day, month in ask(STORED, values):
                    days[key_id, project] += int(day)
                    months[key_id, project] += int(month)
            for record in _waiting(files, ask, span):
                owner = (record.key_id, record.project)
                months[owner] += record.cost_nano
                if record.started_at >= span.day:
                    days[owner] += record.cost_nano
    except (sqlite3.Error, OSError, TiercelError) as error:
        raise ConfigError(f"{folder}: cannot read what keys have spent so far: {error}") from error
    return [
        Spent(key_id=key_id, project=project, day_nano=days[key_id, project], month_nano=month)
        for (key_id, project), month in months.items()
    ]


def _opened(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    for segment in segments(folder):
        with suppress(FileNotFoundError):
            yield segment, segment.open("rb")


@contextmanager
def _sqlite(folder: Path) -> Iterator[Ask | None]:
    """The database for reading; `None` where it has no keys' records yet."""
    path = database_path(folder)
    if not path.exists():
        yield None
        return
    with closing(connect_to_read(path)) as connection:
        connection.execute("BEGIN")
        has_keys = connection.execute(SQLITE_COLUMN).fetchone() is not None
        yield (lambda query, values: connection.execute(query, values).fetchall()) if has_keys else None


@contextmanager
def _postgres(folder: Path, url: Secret) -> Iterator[Ask | None]:
    """The same of PostgreSQL; SQLAlchemy and the driver are loaded where one is configured."""
    from sqlalchemy import text

    from tiercel.records.engines import Database

    with Database.to_read(folder, url).transaction() as connection:
        has_keys = connection.execute(text(POSTGRES_COLUMN)).first() is not None
        yield (lambda query, values: list(connection.execute(text(query), values))) if has_keys else None


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
            if not span.month <= entry.started_at < span.before or entry.id in seen:
                continue
            if ask is None or not ask(KNOWN, {"id": entry.id}):
                seen.add(entry.id)
                yield entry
