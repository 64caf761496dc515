"""SQLAlchemy engines for the two databases: how each begins a transaction, and how long it may take."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from tiercel.domain.secret import Secret
from tiercel.records.database import connect_to_read, connect_to_write, database_path

DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error, OSError)
SERVER_LIMITS = "SET LOCAL statement_timeout = {0}; SET LOCAL idle_in_transaction_session_timeout = {0}"


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
        """All of the block or nothing. Raises one of `DATABASE_ERRORS`; `within_seconds` is PostgreSQL's."""
        if not self.is_postgres:
            with self._engine.begin() as connection:
                yield connection
            return
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
                except SQLAlchemyError as error:
                    connection.invalidate(error)
                    if was_cut.is_set():
                        raise TimeoutError(f"no answer within {seconds:g} seconds") from error
                    raise

    def close(self) -> None:
        """Closes what is open; of SQLite that moves its write-ahead log into it."""
        self._engine.dispose()


def reason_of(error: BaseException) -> str:
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
