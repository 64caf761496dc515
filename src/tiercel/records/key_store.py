"""The keys and the budgets of projects: made, changed and read; in which database, `key_sqlite.py` or
`key_postgres.py` knows. With a PostgreSQL several gateways have the same keys."""

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.keys import AccessKey, Budget
from tiercel.domain.secret import Secret
from tiercel.records.key_database import Ask, KeyDatabase, Mark
from tiercel.records.key_secrets import (
    PEPPER_VARIABLE,
    hash_of,
    make_pepper,
    new_key_id,
    new_key_text,
    pepper_path,
    read_pepper,
)
from tiercel.records.key_seen import Seen, keep_seen, read_seen
from tiercel.records.key_sqlite import SqliteKeys, keys_path

Noun = TypeVar("Noun", AccessKey, Budget)
WITNESS = "tiercel keys"
"""Hashed when the database is made: tells later whether the pepper is still the same."""


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


class StoredRows(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in the store as its tables have it, to be put into another."""

    witness: bytes
    keys: tuple[tuple[str, float | None, str], ...]
    secrets: tuple[tuple[str, bytes, float, float | None], ...]
    projects: tuple[tuple[str, str], ...]


def has_keys(
    folder: Path, environ: Mapping[str, str] = os.environ, *, database_url: Secret | None = None
) -> bool:
    """Whether any key was ever made here. Raises `ConfigError` where that cannot be read."""
    reader = KeyReader(folder, environ, database_url=database_url)
    try:
        stored = reader.poll()
    finally:
        reader.close()
    return stored is not None and bool(stored.keys)


class KeyStore:
    """The keys of one data folder, or of a PostgreSQL. Open it where keys are changed; every change is one
    transaction."""

    def __init__(self, database: KeyDatabase, pepper: bytes) -> None:
        self._database = database
        self._pepper = pepper

    @classmethod
    @contextmanager
    def open(
        cls,
        folder: Path,
        environ: Mapping[str, str] = os.environ,
        *,
        make: bool = False,
        database_url: Secret | None = None,
    ) -> Iterator["KeyStore"]:
        """The store, with `make` made where there is none. Raises `ConfigError` where it cannot be used."""
        database = _database(folder, database_url)
        try:
            mark = database.mark()
            if mark is None:
                _check_none_left_behind(folder, database_url)
                if not make:
                    raise ConfigError(
                        f"{database.place}: there are no keys yet; `tiercel keys create` makes one"
                    )
            pepper = read_pepper(folder, environ)
            if pepper is None:
                pepper = _new_pepper(folder, environ, database, mark)
            if mark is None:
                database.make(_witness(pepper))
                mark = database.mark()
            _check_pepper(folder, database, mark, pepper)
            yield cls(database, pepper)
        finally:
            database.close()

    def read(self) -> StoredKeys:
        """Everything there is."""
        return _read(self._database)

    def create(self, key: AccessKey) -> IssuedKey:
        """A new key like this one, with an id and a secret of its own."""
        now = time.time()
        issued = msgspec.structs.replace(key, id=new_key_id(), created_at=now)
        text = new_key_text(issued.id)
        with self._database.changing() as ask:
            ask("INSERT INTO keys (id, body) VALUES (?, ?)", (issued.id, _text(issued)))
            self._add_secret(ask, issued.id, text, now)
        return IssuedKey(issued, text)

    def revoke(self, key_id: str) -> AccessKey:
        """Let nobody in with this key any more. Raises `ConfigError` where there is none of this id."""
        with self._database.changing() as ask:
            key = self._one(ask, key_id)
            if key.revoked_at is None:
                key = msgspec.structs.replace(key, revoked_at=time.time())
                ask("UPDATE keys SET revoked_at = ? WHERE id = ?", (key.revoked_at, key_id))
            return key

    def rotate(self, key_id: str, overlap_seconds: float) -> IssuedKey:
        """A new secret for this key; those before it are taken for so long still. Raises `ConfigError` for a key that
        is not there, or is over."""
        now = time.time()
        with self._database.changing() as ask:
            key = self._one(ask, key_id)
            if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
                raise ConfigError(
                    f"{key_id}: revoked or expired, so there is nothing to rotate; create a new key"
                )
            end = now + overlap_seconds
            ask(
                "UPDATE secrets SET expires_at = ? WHERE key_id = ? AND (expires_at IS NULL OR expires_at > ?)",
                (end, key_id, end),
            )
            ask("DELETE FROM secrets WHERE key_id = ? AND expires_at <= ?", (key_id, now))
            text = new_key_text(key_id)
            self._add_secret(ask, key_id, text, now)
        return IssuedKey(key, text)

    def change(self, key_id: str, **changes: object) -> AccessKey:
        """Replace fields of a key. Raises `ConfigError` where there is none of this id."""
        with self._database.changing() as ask:
            key = msgspec.structs.replace(self._one(ask, key_id), **changes)
            ask("UPDATE keys SET body = ? WHERE id = ?", (_text(key), key_id))
            return key

    def set_project_budget(self, project: str, budget: Budget) -> None:
        """What a project's keys may spend together."""
        with self._database.changing() as ask:
            ask(
                "INSERT INTO projects (name, budget) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET budget = excluded.budget",
                (project, _text(budget)),
            )

    def _add_secret(self, ask: Ask, key_id: str, text: str, now: float) -> None:
        ask(
            "INSERT INTO secrets (key_id, hash, created_at) VALUES (?, ?, ?)",
            (key_id, hash_of(self._pepper, text), now),
        )

    def _one(self, ask: Ask, key_id: str) -> AccessKey:
        # no id has a character 0, which PostgreSQL would not even look for
        rows = [] if "\0" in key_id else ask("SELECT body, revoked_at FROM keys WHERE id = ?", (key_id,))
        if not rows:
            raise ConfigError(f"{key_id}: there is no key of this id; `tiercel keys list` shows them")
        return _key(self._database, rows[0][0], rows[0][1])


class KeyReader:
    """The server's view of the store: reads it again when another process has changed it. For one thread."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str] = os.environ,
        *,
        database_url: Secret | None = None,
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._url = database_url
        self._database = _database(folder, database_url)
        self._mark: Mark | None = None
        self.pepper = secrets.token_bytes(32)
        """Until there is a store: something that no key was hashed with."""

    @property
    def may_be_away(self) -> bool:
        """Whether the store is somewhere else, where it cannot always be reached."""
        return self._url is not None

    def poll(self) -> StoredKeys | None:
        """What is there, if it changed since the last call; `None` otherwise. Raises `ConfigError` where the store
        cannot be read, or is gone after it had been there."""
        mark = self._database.mark()
        if mark is None:
            _check_none_left_behind(self._folder, self._url)
            return None
        if mark == self._mark:
            return None
        pepper = read_pepper(self._folder, self._environ)
        _check_pepper(self._folder, self._database, mark, pepper)
        stored = _read(self._database)
        assert pepper is not None, "it was checked"
        self.pepper, self._mark = pepper, mark
        return stored

    def keep(self, stored: StoredKeys) -> None:
        """Keeps what was seen, for a start without the database. Raises `ConfigError`."""
        keep_seen(self._folder, Seen(None if self._mark is None else self._mark.witness, stored))

    def last_seen(self) -> StoredKeys | None:
        """What was kept; `None` where nobody knows whether there are keys. Raises `ConfigError` for a bad pepper."""
        seen = read_seen(self._folder, Seen[StoredKeys])
        if seen is None or seen.witness is None:
            return None if seen is None else seen.stored
        pepper = read_pepper(self._folder, self._environ)
        if pepper is None or seen.witness != _witness(pepper):
            return None
        self.pepper = pepper
        return seen.stored

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def read_rows(folder: Path) -> StoredRows | None:
    """What the SQLite store of this folder has; `None` where there is none. Raises `ConfigError`."""
    database = SqliteKeys(folder)
    try:
        mark = database.mark()
        if mark is None:
            return None
        with database.reading() as ask:
            keys = ask("SELECT id, revoked_at, body FROM keys ORDER BY id", ())
            secret_rows = ask("SELECT key_id, hash, created_at, expires_at FROM secrets ORDER BY id", ())
            projects = ask("SELECT name, budget FROM projects ORDER BY name", ())
        return msgspec.convert(
            {"witness": mark.witness, "keys": keys, "secrets": secret_rows, "projects": projects},
            StoredRows,
        )
    finally:
        database.close()


def copy_keys(folder: Path, url: Secret) -> tuple[int, int]:
    """Puts the keys and projects of this folder's SQLite store into PostgreSQL; returns how many of each there were.

    What is there already stays, but for a key that was revoked here: it is revoked there too. Raises `ConfigError`,
    also where the keys there were hashed with another pepper.
    """
    rows = read_rows(folder)
    if rows is None:
        return 0, 0
    database = _database(folder, url)
    try:
        if database.mark() is None:
            database.make(rows.witness)
        mark = database.mark()
        if mark is None or mark.witness != rows.witness:
            raise ConfigError(
                f"{database.place}: its keys were hashed with another pepper than those of {keys_path(folder)}, so "
                "they cannot be put together; make new keys there"
            )
        with database.changing() as ask:
            known = {row[0] for row in ask("SELECT id FROM keys", ())}
            for key_id, revoked_at, body in rows.keys:
                if key_id not in known:
                    ask(
                        "INSERT INTO keys (id, revoked_at, body) VALUES (?, ?, ?)", (key_id, revoked_at, body)
                    )
                elif revoked_at is not None:
                    ask(
                        "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                        (revoked_at, key_id),
                    )
            for secret in rows.secrets:
                if secret[0] not in known:
                    ask(
                        "INSERT INTO secrets (key_id, hash, created_at, expires_at) VALUES (?, ?, ?, ?)",
                        secret,
                    )
            for project in rows.projects:
                ask("INSERT INTO projects (name, budget) VALUES (?, ?) ON CONFLICT DO NOTHING", project)
    finally:
        database.close()
    return len(rows.keys), len(rows.projects)


def _database(folder: Path, url: Secret | None) -> KeyDatabase:
    if url is None:
        return SqliteKeys(folder)
    from tiercel.records.key_postgres import PostgresKeys  # its driver is loaded only where it is used

    return PostgresKeys(folder, url)


def _check_none_left_behind(folder: Path, url: Secret | None) -> None:
    """Keys of a time before PostgreSQL must not end by its being named: a gateway without keys is open.

    Raises `ConfigError` where there are some.
    """
    if url is None or not keys_path(folder).exists():
        return
    left = read_rows(folder)
    if left is not None and left.keys:
        raise ConfigError(
            f"{keys_path(folder)}: has {len(left.keys)} keys, and the PostgreSQL that [storage] names has none; "
            "`tiercel copy --only keys` copies them, or move the file away to begin without"
        )


def _new_pepper(folder: Path, environ: Mapping[str, str], database: KeyDatabase, mark: Mark | None) -> bytes:
    if mark is not None:
        raise ConfigError(_no_pepper_text(folder, database))
    folder.mkdir(parents=True, exist_ok=True)
    make_pepper(folder)
    pepper = read_pepper(folder, environ)
    assert pepper is not None, "it has just been made"
    return pepper


def _witness(pepper: bytes) -> bytes:
    return hash_of(pepper, WITNESS)


def _check_pepper(folder: Path, database: KeyDatabase, mark: Mark | None, pepper: bytes | None) -> None:
    if pepper is None:
        raise ConfigError(_no_pepper_text(folder, database))
    if mark is None or mark.witness != _witness(pepper):
        raise ConfigError(
            f"{database.place}: its keys were hashed with another pepper than {pepper_path(folder)} or the "
            "environment holds now; restore the one they were made with"
        )


def _read(database: KeyDatabase) -> StoredKeys:
    with database.reading() as ask:
        secret_rows = ask("SELECT key_id, hash, expires_at FROM secrets ORDER BY id", ())
        key_rows = ask("SELECT id, body, revoked_at FROM keys", ())
        project_rows = ask("SELECT name, budget FROM projects ORDER BY name", ())
    hashes: dict[str, list[StoredSecret]] = {}
    for key_id, digest, expires_at in secret_rows:
        hashes.setdefault(key_id, []).append(StoredSecret(bytes(digest), expires_at))
    found = [
        StoredKey(_key(database, body, revoked_at), tuple(hashes.get(key_id, ())))
        for key_id, body, revoked_at in key_rows
    ]
    found.sort(key=lambda one: (one.key.created_at, one.key.id))
    projects = {name: _decoded(database, text, Budget) for name, text in project_rows}
    return StoredKeys(keys={one.key.id: one for one in found}, projects=projects)


def _key(database: KeyDatabase, body: str, revoked_at: float | None) -> AccessKey:
    return msgspec.structs.replace(_decoded(database, body, AccessKey), revoked_at=revoked_at)


def _decoded(database: KeyDatabase, text: str, kind: type[Noun]) -> Noun:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{database.place}: {error}") from error


def _text(value: AccessKey | Budget) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def _no_pepper_text(folder: Path, database: KeyDatabase) -> str:
    if isinstance(database, SqliteKeys):
        return (
            f"{database.place}: there are keys, but {pepper_path(folder)} with which they were hashed is gone; "
            "restore it from a backup, or move the keys away and make new ones"
        )
    return (
        f"{database.place}: there are keys, but not the pepper with which they were hashed: copy "
        f"{pepper_path(folder).name} from the data folder in which the first key was made into {folder}, or set "
        f"{PEPPER_VARIABLE} to its text for every gateway"
    )
