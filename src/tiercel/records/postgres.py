"""PostgreSQL: connecting, and letting go of a server that says nothing. Loads the driver: import only where configured.

A frozen server answers no more and closes nothing, and its own time limits are frozen with it. So the connection is
cut from this side.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec

from tiercel.domain.errors import ConfigError
from tiercel.domain.secret import Secret
from tiercel.records.revisions import POSTGRES_TABLES, UnusableDatabaseError, revision_of

if find_spec("psycopg") is None:
    raise ConfigError(
        "[storage] database_url_env names a PostgreSQL database, and its driver is not installed; "
        "pip install 'tiercel[postgres]'"
    )

import psycopg
from psycopg.conninfo import conninfo_to_dict

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5
CHECK_SECONDS = 3


def connect(url: Secret, *, within_seconds: int = CONNECT_SECONDS) -> psycopg.Connection:
    """A connection; no statement of it is kept in the server, because a pooler in between may not know it later.

    Raises `psycopg.Error` where nobody answers.
    """
    return psycopg.connect(
        url.reveal(),
        connect_timeout=within_seconds,
        prepare_threshold=None,
        application_name="tiercel",
        client_encoding="utf-8",
    )


def describe(url: Secret) -> str:
    """The database in words that may stand in a log: no user, no password. Raises `ConfigError` for no URL."""
    try:
        parts = conninfo_to_dict(url.reveal())
    except psycopg.Error:  # whose words quote the URL
        raise ConfigError(
            "[storage] database_url_env: its variable holds no valid URL; "
            "write postgresql://user:password@host:port/name, with special characters as %XX"
        ) from None
    host, port = parts.get("host") or "localhost", parts.get("port") or "5432"
    return f"PostgreSQL at {host}:{port}/{parts.get('dbname') or ''}"


def check_postgres(url: Secret) -> None:
    """Raises `ConfigError` when the database is one of a newer version; one that does not answer is told to the log."""
    place = describe(url)
    try:
        with (
            closing(connect(url, within_seconds=CHECK_SECONDS)) as connection,
            cut_off_after(connection, CHECK_SECONDS),
        ):
            revision_of(lambda query: connection.execute(query.encode()).fetchall(), POSTGRES_TABLES)
    except psycopg.Error as error:
        logger.warning("%s does not answer, so records wait in the journal: %s", place, first_line(error))
    except UnusableDatabaseError as error:
        raise ConfigError(f"{place}: {error}") from error


@contextmanager
def cut_off_after(
    connection: psycopg.Connection, seconds: float, was_cut: threading.Event | None = None
) -> Iterator[None]:
    """Cuts the connection if the block takes longer, and tells `was_cut`."""
    is_over = False
    lock = threading.Lock()

    def cut() -> None:
        with lock:
            if not is_over and not connection.closed:
                if was_cut is not None:
                    was_cut.set()
                _shut(connection.fileno())

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            is_over = True
        timer.cancel()


def first_line(error: BaseException) -> str:
    """What the driver says, without the lines that point into a statement."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _shut(fd: int) -> None:
    """Ends the connection below the driver, whose wait for an answer then comes to an end."""
    try:
        with closing(socket.fromfd(fd, socket.AF_INET, socket.SOCK_STREAM)) as twin:
            twin.shutdown(socket.SHUT_RDWR)
    except OSError as error:  # gone already
        logger.debug("a connection to PostgreSQL could not be cut: %s", error)
