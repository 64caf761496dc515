"""Reading what happened, also while a server runs: the store, and what of the journal it has not taken in yet.

Never writes, so it may be used by any process. Loads SQLAlchemy: import this only where it is used.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, create_engine, event, inspect, select, true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Feedback, JournalEntry, Record
from tiercel.records.database import check_database, connect_to_read, database_path
from tiercel.records.rows import noun_from, record_from
from tiercel.records.schema import attempts, feedback, ingest_state, records
from tiercel.records.segments import read_from, segments


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Records in the order in which they started, and the latest feedback on each, by record id."""

    records: tuple[Record, ...]
    feedback: dict[str, Feedback]


def load_history(folder: Path, *, since: float | None = None) -> History:
    """Everything that started at or after `since` (Unix seconds; `None`: everything).

    Raises `ConfigError` where nothing was recorded yet, or it cannot be read.
    """
    condition = true() if since is None else records.c.started_at >= since
    with _Snapshot.taken(folder) as snapshot:
        found = {record.id: record for record in snapshot.stored_records(condition)}
        said = list(snapshot.stored_feedback(true()))
        for entry in snapshot.waiting():
            if isinstance(entry, Feedback):
                said.append(entry)
            elif isinstance(entry, Record) and (since is None or entry.started_at >= since):
                found[entry.id] = entry
    in_order = sorted(found.values(), key=lambda record: (record.started_at, record.id))
    known = {key: entry for key, entry in latest(said).items() if key in found}
    return History(records=tuple(in_order), feedback=known)


def is_empty(folder: Path) -> bool:
    """Whether nothing was recorded here yet: there is neither a store nor a journal."""
    return not database_path(folder).exists() and not segments(folder)


def find_record(folder: Path, record_id: str) -> Record | None:
    """One record by its id. Raises `ConfigError` as `load_history` does."""
    with _Snapshot.taken(folder) as snapshot:
        stored = next(snapshot.stored_records(records.c.id == record_id), None)
        if stored is not None and stored.outcome != "interrupted":
            return stored
        waiting = (e for e in snapshot.waiting() if isinstance(e, Record) and e.id == record_id)
        return next(waiting, stored)


def find_feedback(folder: Path, record_id: str) -> Feedback | None:
    """The latest feedback on a record. Raises `ConfigError` as `load_history` does."""
    with _Snapshot.taken(folder) as snapshot:
        said = list(snapshot.stored_feedback(feedback.c.record_id == record_id))
        said += [e for e in snapshot.waiting() if isinstance(e, Feedback) and e.record_id == record_id]
    return latest(said).get(record_id)


def latest(said: Iterable[Feedback]) -> dict[str, Feedback]:
    """Of each record the feedback that counts: the one given last."""
    counting: dict[str, Feedback] = {}
    for entry in said:
        known = counting.get(entry.record_id)
        if known is None or (known.at, known.id) < (entry.at, entry.id):
            counting[entry.record_id] = entry
    return counting


class _Snapshot:
    """Store and journal as they were at one moment.

    The segments are opened before the store is looked at: one that is taken in and deleted meanwhile stays readable,
    and what is then read twice is told apart by its id.
    """

    def __init__(self, files: dict[str, BinaryIO], connection: Connection | None) -> None:
        self._files = files
        self._connection = connection

    @classmethod
    @contextmanager
    def taken(cls, folder: Path) -> Iterator["_Snapshot"]:
        path = database_path(folder)
        with ExitStack() as stack:
            files: dict[str, BinaryIO] = {}
            try:
                for segment in segments(folder):
                    with contextlib.suppress(FileNotFoundError):
                        files[segment.name] = stack.enter_context(segment.open("rb"))
                check_database(folder)
                connection = stack.enter_context(_connected(path)) if path.exists() else None
                if connection is None and not files:
                    raise ConfigError(_nothing_text(folder))
                yield cls(files, connection)
            except (SQLAlchemyError, sqlite3.Error, OSError) as error:
                reason = getattr(error, "orig", None) or error
                raise ConfigError(f"{folder}: cannot read the records: {reason}") from error

    def stored_records(self, condition: ColumnElement[bool]) -> Iterator[Record]:
        """Records that the store has, with their attempts."""
        if self._connection is None:
            return
        rows = self._connection.execute(select(records).where(condition).order_by(records.c.id)).mappings()
        chosen = (
            select(attempts)
            .join_from(attempts, records, attempts.c.record_id == records.c.id)
            .where(condition)
            .order_by(attempts.c.record_id, attempts.c.position)
        )
        by_record = groupby(self._connection.execute(chosen).mappings(), key=lambda row: row["record_id"])
        ahead = next(by_record, None)
        for row in rows:
            own: list[dict[str, object]] = []
            if ahead is not None and ahead[0] == row["id"]:
                own = [dict(attempt) for attempt in ahead[1]]
                ahead = next(by_record, None)
            yield record_from(dict(row), own)

    def stored_feedback(self, condition: ColumnElement[bool]) -> Iterator[Feedback]:
        """Feedback that the store has."""
        if self._connection is not None:
            for row in self._connection.execute(select(feedback).where(condition)).mappings():
                yield noun_from(Feedback, dict(row))

    def waiting(self) -> Iterator[JournalEntry]:
        """What the journal has and the store had not taken in."""
        offsets: dict[str, int] = {}
        if self._connection is not None:
            found = self._connection.execute(select(ingest_state.c.segment, ingest_state.c.offset))
            offsets = {row.segment: row.offset for row in found}
        for name, file in self._files.items():
            yield from read_from(file, offsets.get(name, 0)).entries


@contextmanager
def _connected(path: Path) -> Iterator[Connection | None]:
    """The store for reading, all in one transaction; `None` while a server is still making its tables."""
    with _engine(path).connect() as connection:
        yield connection if inspect(connection).has_table(ingest_state.name) else None


@lru_cache(maxsize=8)
def _engine(path: Path) -> Engine:
    """Holds compiled statements and no connection, so it may be kept."""
    engine = create_engine("sqlite://", creator=lambda: connect_to_read(path), poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _nothing_text(folder: Path) -> str:
    return (
        f"{folder}: nothing was recorded here yet; start `tiercel serve` and send it a request, try `tiercel demo`, "
        "or name the right folder with --data"
    )
