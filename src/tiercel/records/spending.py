"""What keys have spent this day and month, read once at the start: from the store, and from what of the journal it has
not taken in yet. Without SQLAlchemy, which the server does not load for this."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Record
from tiercel.records.database import connect_to_read, database_path
from tiercel.records.segments import read_from, segments

STORED = """
SELECT key_id, project, sum(CASE WHEN started_at >= ? THEN cost_nano ELSE 0 END), sum(cost_nano)
FROM records WHERE started_at >= ? AND key_id <> '' GROUP BY key_id, project
"""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a key has spent in the current UTC day and month, in nano-dollars, as records tell."""

    key_id: str
    project: str
    day_nano: int
    month_nano: int


def read_spent(folder: Path, *, day_begin: float, month_begin: float) -> list[Spent]:
    """What was spent since the day and the month began (Unix seconds), by key and project. Raises `ConfigError`."""
    days: Counter[tuple[str, str]] = Counter()
    months: Counter[tuple[str, str]] = Counter()
    try:
        with ExitStack() as stack:
            # opened before the store is looked at: one that is taken in meanwhile is then in both, and told by its id
            files = {segment.name: stack.enter_context(file) for segment, file in _opened(folder)}
            store = _store(folder)
            if store is not None:
                stack.enter_context(closing(store))
                store.execute("BEGIN")
                for key_id, project, day, month in store.execute(STORED, (day_begin, month_begin)):
                    days[key_id, project] += day
                    months[key_id, project] += month
            for record in _waiting(files, store, month_begin):
                owner = (record.key_id, record.project)
                months[owner] += record.cost_nano
                if record.started_at >= day_begin:
                    days[owner] += record.cost_nano
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f"{folder}: cannot read what keys have spent so far: {error}") from error
    return [
        Spent(key_id=key_id, project=project, day_nano=days[key_id, project], month_nano=month)
        for (key_id, project), month in months.items()
    ]


def _opened(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    for segment in segments(folder):
        with suppress(FileNotFoundError):
            yield segment, segment.open("rb")


def _store(folder: Path) -> sqlite3.Connection | None:
    """The database for reading; `None` where it has no keys' records yet."""
    path = database_path(folder)
    if not path.exists():
        return None
    connection = connect_to_read(path)
    columns = {row[1] for row in connection.execute("PRAGMA table_info(records)")}
    if "key_id" in columns:
        return connection
    connection.close()
    return None


def _waiting(files: dict[str, BinaryIO], store: sqlite3.Connection | None, since: float) -> Iterator[Record]:
    """Records of keys that the store has not taken in, each once."""
    offsets: dict[str, int] = {}
    if store is not None:
        offsets = dict(store.execute('SELECT segment, "offset" FROM ingest_state').fetchall())
    seen: set[str] = set()
    for name, file in files.items():
        for entry in read_from(file, offsets.get(name, 0)).entries:
            if not isinstance(entry, Record) or not entry.key_id or entry.started_at < since:
                continue
            if entry.id not in seen and not _has(store, entry.id):
                seen.add(entry.id)
                yield entry


def _has(store: sqlite3.Connection | None, record_id: str) -> bool:
    if store is None:
        return False
    query = "SELECT 1 FROM records WHERE id = ? AND outcome <> 'interrupted'"
    return store.execute(query, (record_id,)).fetchone() is not None
