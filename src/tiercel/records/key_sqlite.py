"""Keys in a small SQLite database beside the records, for a gateway that shares them with nobody.

Commands write here while a server reads, so it has a rollback journal: with it any number of processes may write, which
records, kept by one writer with a write-ahead log, do not need. The standard library alone is used; the server reads
this at every start.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tiercel.domain.errors import ConfigError
from tiercel.records.key_database import Ask, Mark

SCHEMA_VERSION = 1
BUSY_SECONDS = 5.0

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE keys (id TEXT PRIMARY KEY, revoked_at REAL, body TEXT NOT NULL);
CREATE TABLE secrets (
    id INTEGER PRIMARY KEY, key_id TEXT NOT NULL REFERENCES keys (id), hash BLOB NOT NULL,
    created_at REAL NOT NULL, expires_at REAL
);
CREATE INDEX secrets_by_key ON secrets (key_id);
CREATE TABLE projects (name TEXT PRIMARY KEY, budget TEXT NOT NULL);
"""


def keys_path(folder: Path) -> Path:
    return folder / "keys.sqlite3"


class SqliteKeys:
    """See `KeyDatabase`."""

    def __init__(self, folder: Path) -> None:
        self._path = keys_path(folder)
        self.place = str(self._path)
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._opened = 0

    def make(self, witness: bytes) -> None:
        with self._told_plainly():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = self._connect()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                if _has_tables(connection):
                    return
                for statement in TABLES.split(";"):
                    connection.execute(statement)
                entries = (("schema_version", SCHEMA_VERSION), ("witness", witness))
                connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", entries)

    def mark(self) -> Mark | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            if self._connection is not None:
                raise ConfigError(
                    f"{self._path}: gone; restore it, or restart to begin without keys"
                ) from None
            return None
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror}") from error
        if found.st_size == 0:
            return None  # it is just being made
        with self._told_plainly():
            return self._mark((found.st_dev, found.st_ino))

    def _mark(self, file: tuple[int, int]) -> Mark | None:
        if self._connection is None or file != self._file:
            connection = self._connect()
            if not _has_tables(connection):
                self.close()
                return None
            self._file = file
        else:
            connection = self._connection
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        schema = meta.get("schema_version")
        if not isinstance(schema, int) or schema > SCHEMA_VERSION:
            raise ConfigError(
                f"{self._path}: made by a newer Tiercel (its schema is {schema}, this one knows {SCHEMA_VERSION}); "
                "update Tiercel"
            )
        return Mark(version=(self._opened, version), witness=meta.get("witness", b""))

    @contextmanager
    def reading(self) -> Iterator[Ask]:
        with self._told_plainly():
            connection = self._connection or self._connect()
            connection.execute("BEGIN")
            with connection:
                yield _asker(connection)

    @contextmanager
    def changing(self) -> Iterator[Ask]:
        with self._told_plainly():
            connection = self._connection or self._connect()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield _asker(connection)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        self.close()
        uri = f"{self._path.resolve().as_uri()}?mode=rw"
        self._connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._opened += 1
        return self._connection

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ConfigError(f"{self._path}: {error}") from error
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror or error}") from error


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is not None


def _asker(connection: sqlite3.Connection) -> Ask:
    def ask(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return connection.execute(statement, values).fetchall()

    return ask
