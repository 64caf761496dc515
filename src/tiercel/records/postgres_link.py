"""One kept connection to PostgreSQL for short transactions in plain SQL: of keys, and of budgets' slices.

Each has a time limit and is cut off beyond it, because a frozen server says nothing. For one thread at a time; the
driver is loaded when it first connects.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any, TypeAlias

from tiercel.domain.errors import TiercelError
from tiercel.domain.secret import Secret

if TYPE_CHECKING:
    import psycopg

Ask: TypeAlias = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""The rows that a statement with `?` for each value gives; none for one that gives no rows."""

LIMIT = "SET LOCAL statement_timeout = {0}; SET LOCAL idle_in_transaction_session_timeout = {0}"
UNDEFINED_TABLE = "42P01"


class LinkError(TiercelError):
    """The database did not do what it was asked; nothing was half written, and whether it was written at all is not
    known where the connection was lost. The message names the database, never its password."""


class MissingTableError(LinkError):
    """A table is not there."""


class Link:
    """The database at `url`, connected when it is first asked, and anew after each failure."""

    def __init__(self, url: Secret, *, answer_seconds: float) -> None:
        self._url = url
        self._answer_seconds = answer_seconds
        self._connection: psycopg.Connection | None = None

    @property
    def place(self) -> str:
        """The database in words without its password. Raises `ConfigError` for a URL that is none."""
        from tiercel.records.postgres import describe

        return describe(self._url)

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """One statement, in a transaction of its own: one way there and back. Raises `LinkError`."""
        with self._watched() as connection:
            return _asker(connection)(statement, values)

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Ask]:
        """All of the block or nothing; with `snapshot` it sees the database as it was at one moment. Raises
        `LinkError`."""
        with self._watched() as connection, connection.transaction():
            if snapshot:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute(LIMIT.format(round(self._answer_seconds * 1000)).encode())
            yield _asker(connection)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _watched(self) -> Iterator["psycopg.Connection"]:
        import psycopg

        from tiercel.records.postgres import connect, cut_off_after, first_line

        try:
            if self._connection is None:
                self._connection = connect(self._url, within_seconds=ceil(self._answer_seconds))
                self._connection.autocommit = True
            with cut_off_after(self._connection, self._answer_seconds):
                yield self._connection
        except psycopg.Error as error:
            if self._connection is not None and (self._connection.closed or self._connection.broken):
                self.close()
            kind = MissingTableError if error.sqlstate == UNDEFINED_TABLE else LinkError
            raise kind(f"{self.place}: {first_line(error)}") from error


def _asker(connection: "psycopg.Connection") -> Ask:
    def ask(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        cursor = connection.execute(statement.replace("?", "%s").encode(), values)
        return cursor.fetchall() if cursor.description else []

    return ask
