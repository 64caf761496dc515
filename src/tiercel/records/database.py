"""Where the database lies, and whether this version can use it: asked at start, without loading SQLAlchemy."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tiercel.domain.errors import ConfigError

SCHEMA_VERSION = 1
"""The version this code writes; `schema.MIGRATIONS` has one step for each."""


def database_path(folder: Path) -> Path:
    return folder / "records.sqlite"


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that can neither write nor checkpoint: only the writer may (SQLite's WAL-reset bug)."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def connect_to_write(path: Path) -> sqlite3.Connection:
    """The writer's connection; the file is made with mode 0600, which its side files inherit."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    # transactions are begun by `store`, so that changes to tables are part of them
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def check_database(folder: Path) -> None:
    """Raises `ConfigError` when the database of `folder` is none, or one of a newer version."""
    path = database_path(folder)
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(connect_to_read(path)) as connection:
            has_meta = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
            query = "SELECT value FROM meta WHERE key = 'schema_version'"
            row = connection.execute(query).fetchone() if has_meta else None
    except sqlite3.Error as error:
        raise ConfigError(
            f"{path}: cannot be read as a database: {error}; restore it from a backup, "
            "or move it away to begin with a new one"
        ) from error
    version = int(row[0]) if row else 0
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"{path}: made by a newer Tiercel (its schema is {version}, this one knows {SCHEMA_VERSION}); "
            "update Tiercel, or give this one its own [storage] folder in tiercel.toml"
        )
