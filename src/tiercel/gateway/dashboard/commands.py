"""Numbers that commands work out, in processes of their own: statistics never enter the server.

So these pages say what the command line says, and a calculation of seconds holds up no request. What was worked out is
kept for a while; who asks meanwhile gets the same.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.domain.settings import Storage

PATIENCE_SECONDS = 60.0
AT_ONCE = threading.Semaphore(2)
MOST_KEPT = 50


class Commands:
    """Runs `tiercel …` and keeps what it printed for `kept_seconds`, under the same `stamp`: what tells that what it
    was worked out from has changed."""

    def __init__(self, kept_seconds: float = 20.0) -> None:
        self._kept_seconds = kept_seconds
        self._kept: dict[tuple[str, ...], tuple[float, bytes]] = {}
        self._locks: dict[tuple[str, ...], threading.Lock] = {}

    def json(self, *words: str, stamp: object = "") -> Json:
        """What the command prints as JSON. Raises `ConfigError` with what it says where it cannot."""
        return msgspec.json.decode(self._output(words, None, stamp))

    def file(self, *words: str, ending: str, stamp: object = "") -> bytes:
        """The file that the command writes to the path after these words. Raises `ConfigError` as `json` does."""
        return self._output(words, ending, stamp)

    def _output(self, words: tuple[str, ...], ending: str | None, stamp: object) -> bytes:
        key = (*words, ending or "", str(stamp))
        with self._locks.setdefault(key, threading.Lock()):
            known = self._kept.get(key)
            if known is not None and time.monotonic() < known[0]:
                return known[1]
            with AT_ONCE:
                output = _printed(words) if ending is None else _written(words, ending)
            while len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (time.monotonic() + self._kept_seconds, output)
            return output


def data_words(storage: Storage) -> tuple[str, ...]:
    """How a command finds the same records. In PostgreSQL it finds them as the gateway did: by tiercel.toml."""
    return ("--data", storage.folder) if storage.database_url is None else ()


def _written(words: tuple[str, ...], ending: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="tiercel-page-") as folder:
        path = Path(folder) / f"page{ending}"
        _printed((*words, str(path)))
        return path.read_bytes()


def _printed(words: tuple[str, ...]) -> bytes:
    """What it printed; exit codes above 1 that are no verdict's come with words on standard error."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and commands; a path is one of runs that exist
            [sys.executable, "-m", "tiercel", *words],
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"`tiercel {' '.join(words[:2])}` took more than {PATIENCE_SECONDS:.0f} seconds"
        ) from error
    if done.returncode in (0, 1, 3) and not (done.stderr and not done.stdout):
        return done.stdout
    raise ConfigError(done.stderr.decode("utf-8", "replace").strip()[:2_000] or "the command failed")
