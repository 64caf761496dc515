"""The registered comparisons: started and stopped by commands, read by a running server.

They stand in a small SQLite file beside the records, which have one writer alone, or in the PostgreSQL that gateways
share. As with keys, any process may write, and a server looks again several times a second.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.secret import Secret
from tiercel.domain.shadow import ShadowRun, ShadowTerms
from tiercel.records.postgres_link import Ask, Link, LinkError, MissingTableError

ANSWER_SECONDS = 3.0
BUSY_SECONDS = 5.0
MIGRATION_SECONDS = 3600.0
FILE_NAME = "shadow.sqlite3"
COLUMNS = (
    *("id", "rule", "candidate", "share", "margin", "alpha", "budget_nano", "until", "started_at"),
    *("key_id", "project", "stopped_at", "stop_reason", "terms"),
)
TABLE = """
CREATE TABLE IF NOT EXISTS shadow_runs (
    id TEXT PRIMARY KEY, rule TEXT, candidate TEXT NOT NULL, share REAL NOT NULL, margin REAL NOT NULL,
    alpha REAL NOT NULL, budget_nano INTEGER NOT NULL, until REAL, started_at REAL NOT NULL, key_id TEXT,
    project TEXT, stopped_at REAL, stop_reason TEXT, terms TEXT
)
"""
ALL = """
SELECT id, rule, candidate, share, margin, alpha, budget_nano, until, started_at, key_id, project, stopped_at,
    stop_reason, terms
FROM shadow_runs ORDER BY started_at, id
"""
ADD = """
INSERT INTO shadow_runs (
    id, rule, candidate, share, margin, alpha, budget_nano, until, started_at, key_id, project, stopped_at, stop_reason,
    terms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
STOP = "UPDATE shadow_runs SET stopped_at = ?, stop_reason = ? WHERE id = ? AND stopped_at IS NULL"


class _Database(Protocol):
    """Where the table is. Everything raises `ConfigError`, with the place in its words."""

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows; none where the table was never made."""
        ...

    def write(self, statement: str, values: Sequence[Any]) -> None:
        """One statement, all of it or nothing; the table is made where there is none."""
        ...

    def close(self) -> None: ...


class ShadowStore:
    """The registered comparisons of one data folder, or of a PostgreSQL. For one thread at a time."""

    def __init__(self, folder: Path, database_url: Secret | None = None) -> None:
        self._database: _Database = (
            _Sqlite(folder) if database_url is None else _Postgres(folder, database_url)
        )

    def runs(self) -> tuple[ShadowRun, ...]:
        """All of them, in the order in which they were started, stopped ones included. Raises `ConfigError`."""
        return tuple(_run(row) for row in self._database.read(ALL))

    def open_runs(self) -> tuple[ShadowRun, ...]:
        """Those that were not stopped. Raises `ConfigError`."""
        return tuple(run for run in self.runs() if run.stopped_at is None)

    def find(self, run_id: str) -> ShadowRun:
        """One of them. Raises `ConfigError` where there is none of this id."""
        for run in self.runs():
            if run.id == run_id:
                return run
        raise ConfigError(f"{run_id}: there is no shadow run of this id")

    def start(self, run: ShadowRun) -> None:
        """Register it, as it is. Raises `ConfigError`, also where there is one of its id."""
        if any(known.id == run.id for known in self.runs()):
            raise ConfigError(f"{run.id}: there is a shadow run of this id already")
        values = [getattr(run, name) for name in COLUMNS[:-1]]
        self._database.write(ADD, [*values, msgspec.json.encode(run.terms).decode()])

    def stop(self, run_id: str, *, at: float, reason: str) -> ShadowRun:
        """End it at this moment (Unix seconds); one that has ended stays as it is. Raises `ConfigError` where there is
        none of this id."""
        self.find(run_id)
        self._database.write(STOP, (at, reason, run_id))
        return self.find(run_id)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()


def copy_runs(folder: Path, database_url: Secret) -> int:
    """See to it that the PostgreSQL has every comparison registered in this folder; how many that are.

    One that is there stays as it was registered, and is stopped where it was stopped here. Raises `ConfigError`.
    """
    source, target = ShadowStore(folder), ShadowStore(folder, database_url)
    try:
        there = {run.id: run for run in target.runs()}
        copied = source.runs()
        for run in copied:
            if run.id not in there:
                target.start(run)
            elif run.stopped_at is not None:
                target.stop(run.id, at=run.stopped_at, reason=run.stop_reason or "")
    finally:
        source.close()
        target.close()
    return len(copied)


class _Sqlite:
    """A file with a rollback journal, opened for each question: it is small, and mostly it is not there."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            if not self._path.exists() or self._path.stat().st_size == 0:
                return []
            with self._opened() as connection:
                return connection.execute(statement).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"{self._path}: {error}") from error

    def write(self, statement: str, values: Sequence[Any]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            with self._opened() as connection:
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    connection.execute(TABLE)
                    connection.execute(statement, values)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"{self._path}: {error}") from error

    def close(self) -> None:
        """There is nothing open."""

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        # rw also for reading: what a killed writer left half written is taken back first
        uri = f"{self._path.resolve().as_uri()}?mode=rw"
        with closing(
            sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        ) as connection:
            yield connection


class _Postgres:
    """One connection; SQLAlchemy is loaded only where the tables have to be made."""

    def __init__(self, folder: Path, url: Secret) -> None:
        self._folder = folder
        self._url = url
        self._link = Link(url, answer_seconds=ANSWER_SECONDS)

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            return self._link.ask(statement)
        except MissingTableError:
            return []
        except LinkError as error:
            raise ConfigError(str(error)) from error

    def write(self, statement: str, values: Sequence[Any]) -> None:
        try:
            with self._transaction() as ask:
                ask(statement, values)
        except LinkError as error:
            raise ConfigError(str(error)) from error

    def close(self) -> None:
        self._link.close()

    @contextmanager
    def _transaction(self) -> Iterator[Ask]:
        try:
            self._link.ask("SELECT 1 FROM shadow_runs LIMIT 1")
        except MissingTableError:
            self._make()
        with self._link.transaction() as ask:
            yield ask

    def _make(self) -> None:
        from tiercel.records.engines import Database, DatabaseError
        from tiercel.records.migrate import bring_up_to_date

        database = Database.to_write(self._folder, self._url, ANSWER_SECONDS)
        try:
            with database.transaction(within_seconds=MIGRATION_SECONDS) as connection:
                bring_up_to_date(connection)
        except DatabaseError as error:
            raise ConfigError(str(error)) from error
        finally:
            database.close()


def _run(row: Sequence[Any]) -> ShadowRun:
    values = dict(zip(COLUMNS, row, strict=True))
    try:
        terms = msgspec.json.decode(values.pop("terms") or "{}", type=ShadowTerms)
    except msgspec.DecodeError as error:
        raise ConfigError(f"shadow run {values['id']}: its terms cannot be read: {error}") from error
    return ShadowRun(**values, terms=terms)
