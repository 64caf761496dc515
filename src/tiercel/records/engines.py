"""SQLAlchemy engines for the two databases: how each begins a transaction, and how long it may take."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, Pool, StaticPool
from sqlalchemy.sql.compiler import SQLCompiler

from tiercel.domain.errors import TiercelError
from tiercel.domain.secret import Secret
from tiercel.records.database import ANSWER_SECONDS, connect_to_read, connect_to_write, database_path
from tiercel.records.revisions import UnusableDatabaseError
from tiercel.records.rows import NUL_SHOWN, Values

if TYPE_CHECKING:
    import psycopg

SERVER_LIMITS = "SET LOCAL statement_timeout = {0}; SET LOCAL idle_in_transaction_session_timeout = {0}"


_DRIVEN: ContextVar["psycopg.Connection"] = ContextVar("driven")
"""The connection that SQLAlchemy is to take: made by us, so that it asks nothing of it while nobody watches."""


class DatabaseError(TiercelError):
    """The database did not do what it was asked: away, full, locked, damaged, of another version … Nothing was half
    written. The message names it and never its password."""


class Database:
    """The database of a data folder, or the one at `url`: its transactions, and its name in messages."""

    def __init__(self, place: str, engine: Engine, url: Secret | None, answer_seconds: float) -> None:
        self.place = place
        self._engine = engine
        self._url = url
        self._answer_seconds = answer_seconds
        self._keeps = False
        self._driven: psycopg.Connection | None = None

    @property
    def is_postgres(self) -> bool:
        return self._url is not None

    @classmethod
    def to_write(cls, folder: Path, url: Secret | None, answer_seconds: float = ANSWER_SECONDS) -> "Database":
        """One connection, kept open. Raises `ConfigError` for a URL that is none."""
        if url is None:
            path = database_path(folder)
            engine = create_engine("sqlite://", creator=lambda: connect_to_write(path), poolclass=StaticPool)
            event.listen(engine, "begin", _statement("BEGIN IMMEDIATE"))
            return cls(str(path), engine, None, answer_seconds)
        database = cls(_described(url), _postgres_engine(StaticPool), url, answer_seconds)
        database._keeps = True
        return database

    @classmethod
    def to_read(cls, folder: Path, url: Secret | None) -> "Database":
        """A connection for each transaction, which sees the database as it was at one moment."""
        if url is None:
            return cls(str(database_path(folder)), _sqlite_to_read(folder), None, ANSWER_SECONDS)
        return cls(_described(url), _postgres_to_read(), url, ANSWER_SECONDS)

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

        from tiercel.records.postgres import cut_off_after

        seconds = self._answer_seconds if within_seconds is None else within_seconds
        was_cut = threading.Event()
        try:
            driven = self._connected()
            with (
                cut_off_after(driven, seconds, was_cut),
                _sql_transaction(self._engine, driven) as connection,
            ):
                connection.exec_driver_sql(SERVER_LIMITS.format(round(seconds * 1000)))
                yield connection
        except (SQLAlchemyError, psycopg.Error) as error:
            self._driven = None
            reason = f"no answer within {seconds:g} seconds" if was_cut.is_set() else _reason(error)
            raise DatabaseError(f"{self.place}: {reason}") from error

    def _connected(self) -> "psycopg.Connection":
        """The connection that is kept, or a new one. Raises `psycopg.Error`."""
        from tiercel.records.postgres import CONNECT_SECONDS, connect

        assert self._url is not None
        if not self._keeps:
            return connect(self._url)
        if self._driven is None or self._driven.closed:
            self._driven = connect(self._url, within_seconds=min(CONNECT_SECONDS, ceil(self._answer_seconds)))
        return self._driven

    def close(self) -> None:
        """Closes what is open; of SQLite that moves its write-ahead log into it."""
        self._engine.dispose()


def put_in(connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Values]) -> None:
    """Inserts rows whose values stand in the order of these columns, past SQLAlchemy, which takes as long for a row as
    the database.

    PostgreSQL gets them by COPY, which costs it a fraction of statements with values.
    """
    columns = _columns(names, rows)
    if not columns:
        return
    if connection.dialect.name == "sqlite":
        statement, order = _compiled(table, tuple(columns))
        values = list(zip(*[_plain(columns[name]) for name in order], strict=True))
        connection.exec_driver_sql(statement, values)
        return
    import psycopg

    driven = connection.connection.driver_connection
    assert isinstance(driven, psycopg.Connection)
    listed = ", ".join(f'"{name}"' for name in columns)
    with (
        driven.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN".encode()) as copy,
    ):
        for row in zip(*map(_without_nul, columns.values()), strict=True):
            copy.write_row(row)


@lru_cache(maxsize=100)
def _compiled(table: Table, names: tuple[str, ...]) -> tuple[str, Sequence[str]]:
    """SQLite's statement that inserts a row, and the order in which it takes the values; to make it takes longer than
    to run it."""
    compiled = insert(table).compile(dialect=sqlite.dialect(), column_keys=list(names))
    assert isinstance(compiled, SQLCompiler)
    return str(compiled), compiled.positiontup or ()


def _columns(names: Sequence[str], rows: Iterable[Values]) -> dict[str, Values]:
    """The columns that are not null in all rows: Python's SQLite takes longer for a null than for any value."""
    return {
        name: column
        for name, column in zip(names, zip(*rows, strict=True), strict=False)  # without rows there are none
        if column[0] is not None or column.count(None) < len(column)
    }


def _plain(column: Values) -> Values:
    """The column with numbers for true and false, which Python's SQLite takes sooner."""
    return tuple(map(int, column)) if isinstance(column[0], bool) and None not in column else column


def _without_nul(column: Values) -> Values:
    """The column as PostgreSQL can take it: its text has no character 0, for which its picture stands then."""
    text = next((value for value in column if value is not None), None)
    if not isinstance(text, str) or "\0" not in "".join(filter(None, column)):
        return column
    return tuple([value and value.replace("\0", NUL_SHOWN) for value in column])


def _reason(error: BaseException) -> str:
    """The driver's own words: SQLAlchemy's would quote the statement with its values."""
    reason = getattr(error, "orig", None) or error
    text = next(iter(str(reason).splitlines()), "")
    return f"{type(reason).__name__}: {text}"


@contextmanager
def _sql_transaction(engine: Engine, driven: "psycopg.Connection") -> Iterator[Connection]:
    """A transaction of SQLAlchemy on a connection of ours."""
    token = _DRIVEN.set(driven)
    try:
        with engine.connect() as connection:
            is_whole = False
            try:
                with connection.begin():
                    yield connection
                is_whole = True
            finally:
                if not is_whole:  # or it would be tidied up, in vain
                    connection.invalidate()
    finally:
        _DRIVEN.reset(token)


def _described(url: Secret) -> str:
    from tiercel.records.postgres import describe

    return describe(url)


# engines hold compiled statements and, for reading, no connection: they may be kept
@lru_cache(maxsize=1)
def _postgres_to_read() -> Engine:
    engine = _postgres_engine(NullPool)
    event.listen(engine, "begin", _statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    return engine


def _postgres_engine(pool: type[Pool]) -> Engine:
    return create_engine(
        "postgresql+psycopg://", creator=_DRIVEN.get, poolclass=pool, use_native_hstore=False
    )


@lru_cache(maxsize=8)
def _sqlite_to_read(folder: Path) -> Engine:
    path = database_path(folder)
    engine = create_engine("sqlite://", creator=lambda: connect_to_read(path), poolclass=NullPool)
    event.listen(engine, "begin", _statement("BEGIN"))
    return engine


def _statement(text: str) -> Callable[[Connection], None]:
    def run(connection: Connection) -> None:
        connection.exec_driver_sql(text)

    return run
