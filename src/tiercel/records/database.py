"""Where the database lies, and whether this version can use it: asked at start, without loading SQLAlchemy."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.secret import Secret
from tiercel.records.revisions import SQLITE_TABLES, UnusableDatabaseError, revision_of

ANSWER_SECONDS = 10.0
"""A transaction of PostgreSQL that takes longer is cut off and tried again."""


def database_path(folder: Path) -> Path:
    return folder / "records.sqlite"


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that can neither write nor checkpoint: only the writer may (SQLite's WAL-reset bug)."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def connect_to_write(path: Path) -> sqlite3.Connection:
    """The writer's connection; the file is made with mode 0600, which its side files inherit."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    # transactions are begun by `engines`, so that changes to tables are part of them
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def check_database(folder: Path, url: Secret | None = None) -> None:
    """Raises `ConfigError` when the database of `folder`, or the one at `url`, is none or one of a newer version.

    A PostgreSQL that does not answer is no error: records wait in the journal until it does.
    """
    if url is not None:
        from tiercel.records.postgres import check_postgres  # its driver is loaded only where it is used

        check_postgres(url)
        return
    path = database_path(folder)
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(connect_to_read(path)) as connection:
            revision_of(lambda query: connection.execute(query).fetchall(), SQLITE_TABLES)
    except sqlite3.Error as error:
        raise ConfigError(
            f"{path}: cannot be read as a database: {error}; restore it from a backup, "
            "or move it away to begin with a new one"
        ) from error
    except UnusableDatabaseError as error:
        raise ConfigError(f"{path}: {error}") from error
