"""SQLAlchemy engines for the two databases: how each begins a transaction, and how long it may take."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from tiercel.domain.errors import TiercelError
from tiercel.domain.secret import Secret
from tiercel.records.database import connect_to_read, connect_to_write, database_path
from tiercel.records.revisions import UnusableDatabaseError

SERVER_LIMITS = "SET LOCAL statement_timeout = {0}; SET LOCAL idle_in_transaction_session_timeout = {0}"


class DatabaseError(TiercelError):
    """The database did not do what it was asked: away, full, locked, damaged, of another version … Nothing was half
    written. The message names it and never its password."""


class Database:
    """The database of a data folder, or the one at `url`: its transactions, and its name in messages."""

    def __init__(self, place: str, engine: Engine, is_postgres: bool) -> None:
        self.place = place
        self.is_postgres = is_postgres
        self._engine = engine

    @classmethod
    def to_write(cls, folder: Path, url: Secret | None) -> "Database":
        """One connection, kept open. Raises `ConfigError` for a URL that is none."""
        if url is not None:
            return cls(*_postgres(url, to_write=True), True)
        path = database_path(folder)
        engine = create_engine("sqlite://", creator=lambda: connect_to_write(path), poolclass=StaticPool)
        event.listen(engine, "begin", _statement("BEGIN IMMEDIATE"))
        return cls(str(path), engine, False)

    @classmethod
    def to_read(cls, folder: Path, url: Secret | None) -> "Database":
        """A connection for each transaction, which sees the database as it was at one moment."""
        return cls(*_postgres_to_read(url), True) if url is not None else cls(*_sqlite_to_read(folder), False)

    @contextmanager
    def transaction(self, *, within_seconds: float | None = None) -> Iterator[Connection]:
        """All of the block or nothing. Raises `DatabaseError`; `within_seconds` is PostgreSQL's."""
        try:
            if self.is_postgres:
                with self._postgres_transaction(within_seconds) as connection:
                    yield connection
            else:
                with self._engine.begin() as connection:
                    yield connection
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise DatabaseError(f"{self.place}: {_reason(error)}") from error
        except UnusableDatabaseError as error:
            raise DatabaseError(f"{self.place}: {error}") from error

    @contextmanager
    def _postgres_transaction(self, within_seconds: float | None) -> Iterator[Connection]:
        import psycopg

        from tiercel.records.postgres import ANSWER_SECONDS, cut_off_after

        seconds = ANSWER_SECONDS if within_seconds is None else within_seconds
        with self._engine.connect() as connection:
            driven = connection.connection.driver_connection
            assert isinstance(driven, psycopg.Connection)
            with cut_off_after(driven, seconds) as was_cut:
                try:
                    with connection.begin():
                        connection.exec_driver_sql(SERVER_LIMITS.format(round(seconds * 1000)))
                        yield connection
                except (SQLAlchemyError, psycopg.Error) as error:
                    connection.invalidate(error)
                    reason = f"no answer within {seconds:g} seconds" if was_cut.is_set() else _reason(error)
                    raise DatabaseError(f"{self.place}: {reason}") from error

    def close(self) -> None:
        """Closes what is open; of SQLite that moves its write-ahead log into it."""
        self._engine.dispose()


def copy_in(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts the rows by PostgreSQL's COPY, which costs it a fraction of statements with values."""
    import psycopg
    from psycopg import sql

    driven = connection.connection.driver_connection
    assert isinstance(driven, psycopg.Connection)
    names = tuple(rows[0])
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    values = itemgetter(*names)
    with driven.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(values(row))


def _reason(error: BaseException) -> str:
    """The driver's own words: SQLAlchemy's would quote the statement with its values."""
    reason = getattr(error, "orig", None) or error
    text = next(iter(str(reason).splitlines()), "")
    return f"{type(reason).__name__}: {text}"


def _postgres(url: Secret, *, to_write: bool) -> tuple[str, Engine]:
    from tiercel.records.postgres import connect, describe

    place = describe(url)
    if to_write:
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: connect(url), pool_size=1, max_overflow=0
        )
    else:
        engine = create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
        event.listen(engine, "begin", _statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    return place, engine


# engines hold compiled statements and, for reading, no connection: they may be kept
@lru_cache(maxsize=8)
def _postgres_to_read(url: Secret) -> tuple[str, Engine]:
    return _postgres(url, to_write=False)


@lru_cache(maxsize=8)
def _sqlite_to_read(folder: Path) -> tuple[str, Engine]:
    path = database_path(folder)
    engine = create_engine("sqlite://", creator=lambda: connect_to_read(path), poolclass=NullPool)
    event.listen(engine, "begin", _statement("BEGIN"))
    return str(path), engine


def _statement(text: str) -> Callable[[Connection], None]:
    def run(connection: Connection) -> None:
        connection.exec_driver_sql(text)

    return run
