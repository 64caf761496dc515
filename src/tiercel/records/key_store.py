"""Where keys and the budgets of projects are kept: a small SQLite database beside the records.

Commands write here while a server reads, so it has a rollback journal: with it any number of processes may write, which
records, kept by one writer with a write-ahead log, do not need. The standard library alone is used; the server reads
this at every start.
"""

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.keys import AccessKey, Budget
from tiercel.records.key_secrets import (
    hash_of,
    make_pepper,
    new_key_id,
    new_key_text,
    pepper_path,
    read_pepper,
)

SCHEMA_VERSION = 1
BUSY_SECONDS = 5.0
WITNESS = "tiercel keys"
"""Hashed when the database is made: tells later whether the pepper is still the same."""

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


class StoredSecret(msgspec.Struct, frozen=True):
    """The keyed hash of a secret, and until when it is taken (Unix seconds)."""

    hash: bytes
    expires_at: float | None = None


class StoredKey(msgspec.Struct, frozen=True):
    """A key with its secrets: one, or during a rotation several."""

    key: AccessKey
    secrets: tuple[StoredSecret, ...] = ()


class StoredKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in the store, as it was at one moment."""

    keys: dict[str, StoredKey] = {}
    projects: dict[str, Budget] = {}


class IssuedKey(msgspec.Struct, frozen=True):
    """A key with its text, which nobody can read again."""

    key: AccessKey
    text: str


def keys_path(folder: Path) -> Path:
    return folder / "keys.sqlite3"


def has_keys(folder: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether any key was ever made in this data folder. Raises `ConfigError` where that cannot be read."""
    reader = KeyReader(folder, environ)
    try:
        stored = reader.poll()
    finally:
        reader.close()
    return stored is not None and bool(stored.keys)


class KeyStore:
    """The keys of one data folder. Open it where keys are changed; every change is one transaction."""

    def __init__(self, connection: sqlite3.Connection, path: Path, pepper: bytes) -> None:
        self._connection = connection
        self._path = path
        self._pepper = pepper

    @classmethod
    @contextmanager
    def open(
        cls, folder: Path, environ: Mapping[str, str] = os.environ, *, make: bool = False
    ) -> Iterator["KeyStore"]:
        """The store, with `make` made where there is none. Raises `ConfigError` where it cannot be used."""
        path = keys_path(folder)
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise ConfigError(f"{path}: there are no keys yet; `tiercel keys create` makes one")
        pepper = read_pepper(folder, environ)
        if pepper is None:
            if path.exists() and path.stat().st_size > 0:
                raise ConfigError(_no_pepper_text(folder))
            make_pepper(folder)
            pepper = read_pepper(folder, environ)
        assert pepper is not None, "it has just been made"
        with _told_plainly(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = _connect(path)
            try:
                _prepare(connection, pepper)
                _check(connection, path, pepper)
                yield cls(connection, path, pepper)
            finally:
                connection.close()

    def read(self) -> StoredKeys:
        """Everything there is."""
        return _read(self._connection)

    def create(self, key: AccessKey) -> IssuedKey:
        """A new key like this one, with an id and a secret of its own."""
        now = time.time()
        issued = msgspec.structs.replace(key, id=new_key_id(), created_at=now)
        text = new_key_text(issued.id)
        with self._changing() as connection:
            connection.execute("INSERT INTO keys (id, body) VALUES (?, ?)", (issued.id, _text(issued)))
            self._add_secret(connection, issued.id, text, now)
        return IssuedKey(issued, text)

    def revoke(self, key_id: str) -> AccessKey:
        """Let nobody in with this key any more. Raises `ConfigError` where there is none of this id."""
        with self._changing() as connection:
            key = self._one(connection, key_id)
            if key.revoked_at is None:
                key = msgspec.structs.replace(key, revoked_at=time.time())
                connection.execute("UPDATE keys SET revoked_at = ? WHERE id = ?", (key.revoked_at, key_id))
            return key

    def rotate(self, key_id: str, overlap_seconds: float) -> IssuedKey:
        """A new secret for this key; those before it are taken for so long still. Raises `ConfigError` for a key that
        is not there, or is over."""
        now = time.time()
        with self._changing() as connection:
            key = self._one(connection, key_id)
            if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
                raise ConfigError(
                    f"{key_id}: revoked or expired, so there is nothing to rotate; create a new key"
                )
            connection.execute(
                "UPDATE secrets SET expires_at = min(coalesce(expires_at, ?1), ?1) WHERE key_id = ?2",
                (now + overlap_seconds, key_id),
            )
            connection.execute("DELETE FROM secrets WHERE key_id = ? AND expires_at <= ?", (key_id, now))
            text = new_key_text(key_id)
            self._add_secret(connection, key_id, text, now)
        return IssuedKey(key, text)

    def change(self, key_id: str, **changes: object) -> AccessKey:
        """Replace fields of a key. Raises `ConfigError` where there is none of this id."""
        with self._changing() as connection:
            key = msgspec.structs.replace(self._one(connection, key_id), **changes)
            connection.execute("UPDATE keys SET body = ? WHERE id = ?", (_text(key), key_id))
            return key

    def set_project_budget(self, project: str, budget: Budget) -> None:
        """What a project's keys may spend together."""
        with self._changing() as connection:
            connection.execute(
                "INSERT INTO projects (name, budget) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET budget = excluded.budget",
                (project, _text(budget)),
            )

    def _add_secret(self, connection: sqlite3.Connection, key_id: str, text: str, now: float) -> None:
        connection.execute(
            "INSERT INTO secrets (key_id, hash, created_at) VALUES (?, ?, ?)",
            (key_id, hash_of(self._pepper, text), now),
        )

    def _one(self, connection: sqlite3.Connection, key_id: str) -> AccessKey:
        row = connection.execute("SELECT body, revoked_at FROM keys WHERE id = ?", (key_id,)).fetchone()
        if row is None:
            raise ConfigError(f"{key_id}: there is no key of this id; `tiercel keys list` shows them")
        return _key(row[0], row[1])

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with _told_plainly(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield self._connection


class KeyReader:
    """The server's view of the store: reads it again when another process has changed it. For one thread."""

    def __init__(self, folder: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._path = keys_path(folder)
        self._environ = environ
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._version = -1
        self.pepper = secrets.token_bytes(32)
        """Until there is a store: something that no key was hashed with."""

    def poll(self) -> StoredKeys | None:
        """What is there, if it changed since the last call; `None` otherwise. Raises `ConfigError` where the store
        cannot be read, or is gone after it had been there."""
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
        with _told_plainly(self._path):
            return self._poll((found.st_dev, found.st_ino))

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _poll(self, file: tuple[int, int]) -> StoredKeys | None:
        if self._connection is None or file != self._file:
            self.close()
            connection = _connect(self._path)
            if not _has_tables(connection):
                connection.close()
                return None
            self._connection, self._file, self._version = connection, file, -1
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return None
        pepper = read_pepper(self._folder, self._environ)
        if pepper is None:
            raise ConfigError(_no_pepper_text(self._folder))
        _check(self._connection, self._path, pepper)
        stored = _read(self._connection)
        self.pepper, self._version = pepper, version
        return stored


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is not None


def _prepare(connection: sqlite3.Connection, pepper: bytes) -> None:
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        if _has_tables(connection):
            return
        for statement in TABLES.split(";"):
            connection.execute(statement)
        entries = (("schema_version", SCHEMA_VERSION), ("witness", hash_of(pepper, WITNESS)))
        connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", entries)


def _check(connection: sqlite3.Connection, path: Path, pepper: bytes) -> None:
    meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    version = meta.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise ConfigError(
            f"{path}: made by a newer Tiercel (its schema is {version}, this one knows {SCHEMA_VERSION}); "
            "update Tiercel"
        )
    if meta.get("witness") != hash_of(pepper, WITNESS):
        raise ConfigError(
            f"{path}: its keys were hashed with another pepper than {pepper_path(path.parent)} or the environment "
            "holds now; restore the one they were made with"
        )


def _read(connection: sqlite3.Connection) -> StoredKeys:
    connection.execute("BEGIN")
    with connection:
        hashes: dict[str, list[StoredSecret]] = {}
        for key_id, digest, expires_at in connection.execute(
            "SELECT key_id, hash, expires_at FROM secrets ORDER BY id"
        ):
            hashes.setdefault(key_id, []).append(StoredSecret(digest, expires_at))
        keys = {
            key_id: StoredKey(_key(body, revoked_at), tuple(hashes.get(key_id, ())))
            for key_id, body, revoked_at in connection.execute(
                "SELECT id, body, revoked_at FROM keys ORDER BY rowid"
            )
        }
        projects = {
            name: msgspec.json.decode(text, type=Budget)
            for name, text in connection.execute("SELECT name, budget FROM projects ORDER BY name")
        }
    return StoredKeys(keys=keys, projects=projects)


def _key(body: str, revoked_at: float | None) -> AccessKey:
    return msgspec.structs.replace(msgspec.json.decode(body, type=AccessKey), revoked_at=revoked_at)


def _text(value: AccessKey | Budget) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def _no_pepper_text(folder: Path) -> str:
    return (
        f"{keys_path(folder)}: there are keys, but {pepper_path(folder)} with which they were hashed is gone; "
        "restore it from a backup, or move the keys away and make new ones"
    )


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
