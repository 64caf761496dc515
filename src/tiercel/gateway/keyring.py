"""Whose key is this? Answered from memory; what commands change on disk is seen within a second.

A thread looks after the store, so that a slow disk holds nobody up. While the store cannot be read the keys last seen
keep their meaning, and the log says so. Where it is a database that is away already at the start, those seen before
that have it; where none were ever seen, nobody comes in until it answers.
"""

import hmac
import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tiercel.domain.errors import CallerError, ConfigError, UnavailableError
from tiercel.domain.keys import NO_BUDGET, AccessKey, Budget
from tiercel.domain.secret import Secret
from tiercel.records.key_database import AwayError
from tiercel.records.key_secrets import hash_of, key_id_of
from tiercel.records.key_store import KeyReader, StoredKey, StoredKeys, StoredSecret

log = logging.getLogger(__name__)

POLL_SECONDS = 0.4
"""How often the thread looks: revoking a key takes effect within twice that."""
NOBODY = StoredKey(AccessKey(), (StoredSecret(bytes(32)),))
"""Compared with where an id is not known, so that this takes no less time."""
UNKNOWN = UnavailableError(
    "storage_unavailable",
    "the keys are in a database that does not answer at the moment",
    retry_after_seconds=5.0,
)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of one moment with the pepper that they were hashed with. `is_unknown` is before any were ever seen."""

    stored: StoredKeys = StoredKeys()
    pepper: bytes = b""
    is_unknown: bool = False


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key a text is, by the keys of one moment, and until when, in Unix seconds."""

    key: AccessKey
    known: Known
    ends_at: float = math.inf


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """That a text was shown on a connection, and whose key it is, as who let it in (`by`) decided.

    `found` is missing where a configuration names the key.
    """

    text: str
    key: AccessKey
    by: object
    found: Found | None = None

    def __repr__(self) -> str:
        return f"Proof({self.key!r})"  # the text is for nobody to see


class Keyring:
    """All keys. What finds and tells is for the event loop; nothing touches the disk but `open` and the thread."""

    def __init__(self, reader: KeyReader, clock: Callable[[], float] = time.time) -> None:
        """`clock` is Unix seconds. Raises `ConfigError` where the store cannot be used."""
        self._reader = reader
        self._clock = clock
        self._know(Known(pepper=reader.pepper))
        self._has_kept = False
        self._problem: str | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        try:
            self.look()
        except AwayError as error:
            self._begin_without(error)

    @classmethod
    def open(cls, folder: Path, database_url: Secret | None = None) -> "Keyring":
        """The keys of a data folder, or of the PostgreSQL at `database_url`, watched from now on until `close`."""
        keyring = cls(KeyReader(folder, database_url=database_url))
        keyring._thread = threading.Thread(target=keyring._watch, name="keys", daemon=True)
        keyring._thread.start()
        return keyring

    def _know(self, known: Known) -> None:
        self._known = known
        self.has_keys = known.is_unknown or bool(known.stored.keys)
        """Whether there is any key at all: then everybody must show one. Revoked and expired ones count, so that the
        last key's end does not open the gateway. While nobody knows, there may be."""

    def find(self, text: str) -> Found | None:
        """Whose key this text is, `None` where it is not known. Raises `CallerError` for one that is over, and
        `UnavailableError` while no keys were ever seen of a database that is away."""
        known = self._known
        if known.is_unknown:
            raise UNKNOWN
        key_id = key_id_of(text)
        stored = NOBODY if key_id is None else known.stored.keys.get(key_id, NOBODY)
        digest = hash_of(known.pepper, text)
        now = self._clock()
        fitting = None
        for secret in stored.secrets:  # all are compared, so that the time says nothing about which was near
            if hmac.compare_digest(digest, secret.hash):
                fitting = fitting or secret
        if fitting is None or stored is NOBODY:
            return None
        key = stored.key
        if key.revoked_at is not None:
            raise CallerError("auth", "this API key was revoked")
        if key.expires_at is not None and now >= key.expires_at:
            raise CallerError("auth", "this API key has expired")
        if fitting.expires_at is not None and now >= fitting.expires_at:
            raise CallerError("auth", "this API key was replaced by a newer one; ask whoever gave it to you")
        ends_at = min(key.expires_at or math.inf, fitting.expires_at or math.inf)
        return Found(key=key, known=known, ends_at=ends_at)

    def holds(self, found: Found) -> bool:
        """Whether the same would be found now: no key has changed since, and it is not over."""
        return found.known is self._known and self._clock() < found.ends_at

    def project_budget(self, project: str) -> Budget:
        """What the keys of a project may spend together."""
        return self._known.stored.projects.get(project, NO_BUDGET)

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._reader.close()

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                self.look()
            except ConfigError as error:
                if str(error) != self._problem:
                    self._problem = str(error)
                    log.error("changes of keys are not seen at the moment: %s", error)
            else:
                if self._problem is not None:
                    self._problem = None
                    log.warning("keys can be read again")

    def look(self) -> None:
        """Read again what has changed. The thread does it several times a second."""
        stored = self._reader.poll()
        if stored is not None:
            self._know(Known(stored=stored, pepper=self._reader.pepper))
        elif self._known.is_unknown:  # the database has answered: there are none
            self._know(Known(pepper=self._reader.pepper))
        if self._reader.may_be_away and (stored is not None or not self._has_kept):
            self._reader.keep(self._known.stored)
            self._has_kept = True

    def _begin_without(self, error: AwayError) -> None:
        self._problem = str(error)
        seen = self._reader.last_seen()
        if seen is None:
            self._know(Known(is_unknown=True))
            log.error("nobody is let in with a key until the database answers: %s", error)
        else:
            self._know(Known(stored=seen, pepper=self._reader.pepper))
            log.error("keys are those of the last time the database answered: %s", error)
