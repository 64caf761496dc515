"""The one writer of the SQL store. Everything it is told twice, it keeps once: by record, by feedback, by offset.

Loads SQLAlchemy: import this only where it is used.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Table, create_engine, delete, event, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from tiercel.domain.errors import TiercelError
from tiercel.domain.record import Feedback, JournalEntry, Record, Started
from tiercel.records.database import connect_to_write, database_path
from tiercel.records.rows import attempt_rows, interrupted, noun_from, plain_row, record_row
from tiercel.records.schema import attempts, feedback, ingest_state, migrate, pending, records

PlainNoun = TypeVar("PlainNoun", Feedback, Started)
IDS_PER_STATEMENT = 500
"""SQLite of old takes at most 999 values."""


class StoreError(TiercelError):
    """The database did not take what it was given: full, locked, read-only or damaged. Nothing was half written."""


class Store:
    """The database of one data folder. One thread at a time; the folder's lock must be held."""

    def __init__(self, folder: Path) -> None:
        """Opens the database and brings it to the present schema. Raises `StoreError`."""
        path = database_path(folder)
        self._path = path
        self._engine = create_engine(
            "sqlite://", creator=lambda: connect_to_write(path), poolclass=StaticPool
        )
        event.listen(self._engine, "begin", _begin)
        with self._transaction() as connection:
            migrate(connection)

    def offsets(self) -> dict[str, int]:
        """How far each segment was read, by its file name."""
        with self._transaction() as connection:
            found = connection.execute(select(ingest_state.c.segment, ingest_state.c.offset))
            return {row.segment: row.offset for row in found}

    def insert(self, entries: Iterable[JournalEntry], segment: str, offset: int) -> None:
        """Takes in `entries`, and that `segment` was read up to `offset`: both, or neither with `StoreError`."""
        begun, done, said = _sorted_out(entries)
        with self._transaction() as connection:
            _insert_records(connection, done)
            _insert_new(connection, feedback, said)
            finished = _outcomes(connection, list(begun))
            _insert_new(connection, pending, {key: begun[key] for key in begun if key not in finished})
            connection.execute(delete(ingest_state).where(ingest_state.c.segment == segment))
            connection.execute(insert(ingest_state).values(segment=segment, offset=offset))

    def interrupt_pending(self) -> int:
        """Gives every request that is still under way the outcome `interrupted`. Returns how many there were.

        Only right when no process that could finish them is alive: after the lock was taken anew.
        """
        with self._transaction() as connection:
            rows = connection.execute(select(pending)).mappings().all()
            left = [interrupted(noun_from(Started, dict(row))) for row in rows]
            _insert_records(connection, {record.id: record for record in left})
        return len(rows)

    def forget_segments(self, names: Collection[str]) -> None:
        """Drops the reading state of segments that are gone."""
        with self._transaction() as connection:
            connection.execute(delete(ingest_state).where(ingest_state.c.segment.in_(names)))

    def forget_before(self, unix_seconds: float) -> int:
        """Deletes records that started before, with their attempts and feedback. Returns how many records."""
        old = select(records.c.id).where(records.c.started_at < unix_seconds)
        with self._transaction() as connection:
            connection.execute(delete(attempts).where(attempts.c.record_id.in_(old)))
            connection.execute(delete(feedback).where(feedback.c.record_id.in_(old)))
            return connection.execute(delete(records).where(records.c.started_at < unix_seconds)).rowcount

    def close(self) -> None:
        """Closes the database, which moves its write-ahead log into it."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            # the driver's own words: SQLAlchemy's would quote the statement with its values
            reason = getattr(error, "orig", None) or error
            raise StoreError(f"{self._path}: {type(reason).__name__}: {reason}") from error


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sorted_out(
    entries: Iterable[JournalEntry],
) -> tuple[dict[str, Started], dict[str, Record], dict[str, Feedback]]:
    """What began and did not end within these entries, what ended, and what was said about it; by id."""
    begun: dict[str, Started] = {}
    done: dict[str, Record] = {}
    said: dict[str, Feedback] = {}
    for entry in entries:
        match entry:
            case Started():
                if entry.id not in done:
                    begun[entry.id] = entry
            case Record():
                done.setdefault(entry.id, entry)
                begun.pop(entry.id, None)
            case Feedback():
                said.setdefault(entry.id, entry)
    return begun, done, said


def _insert_records(connection: Connection, done: dict[str, Record]) -> None:
    """Inserts those not there yet. A real record takes the place of an `interrupted` one, never the reverse."""
    outcomes = _outcomes(connection, list(done))
    replaced = [key for key, outcome in outcomes.items() if outcome == "interrupted"]
    fresh = [record for key, record in done.items() if key not in outcomes or key in replaced]
    for ids in _portions(replaced):
        connection.execute(delete(attempts).where(attempts.c.record_id.in_(ids)))
        connection.execute(delete(records).where(records.c.id.in_(ids)))
    if fresh:
        connection.execute(insert(records), [record_row(record) for record in fresh])
    if rows := [row for record in fresh for row in attempt_rows(record)]:
        connection.execute(insert(attempts), rows)
    for ids in _portions(list(done)):
        connection.execute(delete(pending).where(pending.c.id.in_(ids)))


def _outcomes(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The outcomes of those of these records that are there."""
    found: dict[str, str] = {}
    for portion in _portions(ids):
        rows = connection.execute(select(records.c.id, records.c.outcome).where(records.c.id.in_(portion)))
        found.update((row.id, row.outcome) for row in rows)
    return found


def _insert_new(connection: Connection, table: Table, nouns: dict[str, PlainNoun]) -> None:
    """Inserts those whose id the table does not have."""
    known: set[str] = set()
    for portion in _portions(list(nouns)):
        known.update(connection.execute(select(table.c.id).where(table.c.id.in_(portion))).scalars())
    if rows := [plain_row(noun) for key, noun in nouns.items() if key not in known]:
        connection.execute(insert(table), rows)


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]
