"""Answers that were given before to the very same request, so that an edited expectation costs no second answer.

Only whole answers are kept, for a week; each candidate and each repeat has its own, so that repeats stay independent.
"""

import hashlib
import sqlite3
import time
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.response import ModelResponse
from tiercel.evals.results import CallMade

FILE = "answers.sqlite"
MOST_AGE_SECONDS = 7 * 86_400.0
COMMIT_SECONDS = 1.0


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer, and what its result needs of its record. It has no latency: that belongs to the day it was given."""

    response: ModelResponse
    calls: tuple[CallMade, ...] = ()
    cost_nano: int | None = None
    lost: tuple[str, ...] = ()
    version: str = ""
    simulated: bool = False


class AnswerCache:
    """One file beside the runs. Raises `ConfigError` where it cannot be opened."""

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # it holds answers
            self._database = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, at REAL, answer BLOB) WITHOUT ROWID"
            )
            self._database.execute("DELETE FROM answers WHERE at < ?", (time.time() - MOST_AGE_SECONDS,))
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{path}: cannot be used: {error}; delete it, or use --no-cache") from error
        self._waiting: dict[str, KeptAnswer] = {}
        self._written_at = time.monotonic()

    def get(self, key: str) -> KeptAnswer | None:
        """The answer of this key, if there is one that can be read."""
        if key in self._waiting:
            return self._waiting[key]
        row = self._database.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            return msgspec.json.decode(row[0], type=KeptAnswer)
        except msgspec.DecodeError:
            return None  # another version's: asked again

    def put(self, key: str, answer: KeptAnswer) -> None:
        """Keep it; a cache that cannot be written loses the run nothing."""
        self._waiting[key] = answer
        if time.monotonic() - self._written_at >= COMMIT_SECONDS:
            self._write()

    def close(self) -> None:
        self._write()
        self._database.close()

    def _write(self) -> None:
        now = time.time()
        rows = [(key, now, msgspec.json.encode(answer)) for key, answer in self._waiting.items()]
        self._waiting.clear()
        self._written_at = time.monotonic()
        try:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
            self._database.execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")


def cache_key(body: bytes, candidate: str, repeat: int, configuration: str) -> str:
    """Names this request to this candidate. `configuration` names what else decides who answers: the policy where it
    helps, the model's place."""
    digest = hashlib.sha256()
    for piece in (candidate.encode(), str(repeat).encode(), configuration.encode(), body):
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()
