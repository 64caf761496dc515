"""Numbers that commands work out, in processes of their own: statistics never enter the server.

So these pages say what the command line says, and a calculation of seconds holds up no request and no page: what is not
there yet comes with the next look. What was worked out is kept; one that has aged a little is shown until the next is
there.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.domain.settings import Storage

SOON_SECONDS = 0.15
"""So long a page waits for numbers, before it is shown without."""
PATIENCE_SECONDS = 60.0
FAILURE_KEPT_SECONDS = 5.0
AT_ONCE = threading.Semaphore(2)
MOST_KEPT = 50
REFUSED = 2
"""What a command exits with that has nothing but words on standard error; other codes are what it found."""


class _Work:
    """One command, with what it said last. `said` is set once there is anything."""

    def __init__(self) -> None:
        self.said = threading.Event()
        self.is_running = False
        self.good_until = 0.0
        self.output: bytes | ConfigError = b""


class Commands:
    """Runs `tiercel …` and keeps what it printed for `kept_seconds`, under the same `stamp`: what tells that what it
    was worked out from has changed."""

    def __init__(self, kept_seconds: float = 20.0) -> None:
        self._kept_seconds = kept_seconds
        self._works: dict[tuple[str, ...], _Work] = {}
        self._lock = threading.Lock()

    def json(self, *words: str, stamp: object = "", wait_seconds: float = SOON_SECONDS) -> Json:
        """What the command prints as JSON, `None` where it is still at work after `wait_seconds`.

        Raises `ConfigError` with what it says where it cannot.
        """
        output = self._output((*words, str(stamp)), lambda: _printed(words), wait_seconds)
        return None if output is None else msgspec.json.decode(output)

    def file(self, *words: str, ending: str, stamp: object = "") -> bytes:
        """The file that the command writes to the path after these words, however long that takes. Raises `ConfigError`
        as `json` does."""
        key = (*words, ending, str(stamp))
        output = self._output(key, lambda: _written(words, ending), PATIENCE_SECONDS)
        if output is None:
            raise ConfigError("this takes longer than a page waits; load it again")
        return output

    def _output(self, key: tuple[str, ...], work: Callable[[], bytes], wait_seconds: float) -> bytes | None:
        with self._lock:
            known = self._works.pop(key, None) or _Work()
            self._works[key] = known  # the last one asked for is the last one dropped
            while len(self._works) > MOST_KEPT:
                del self._works[next(iter(self._works))]
            late_seconds = time.monotonic() - known.good_until
            if not known.is_running and late_seconds >= 0:
                if late_seconds > self._kept_seconds:
                    known.said.clear()
                known.is_running = True
                # nobody waits for it when the gateway stops
                threading.Thread(target=self._do, args=(known, work), daemon=True).start()
        if not known.said.wait(wait_seconds):
            return None
        if isinstance(known.output, ConfigError):
            raise known.output
        return known.output

    def _do(self, known: _Work, work: Callable[[], bytes]) -> None:
        kept_seconds = self._kept_seconds
        try:
            with AT_ONCE:
                known.output = work()
        except (ConfigError, OSError) as error:
            known.output = error if isinstance(error, ConfigError) else ConfigError(str(error))
            kept_seconds = FAILURE_KEPT_SECONDS
        known.good_until = time.monotonic() + kept_seconds
        known.is_running = False
        known.said.set()


def data_words(storage: Storage) -> tuple[str, ...]:
    """How a command finds the same records. In PostgreSQL it finds them as the gateway did: by tiercel.toml."""
    return ("--data", storage.folder) if storage.database_url is None else ()


def _written(words: tuple[str, ...], ending: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="tiercel-page-") as folder:
        path = Path(folder) / f"page{ending}"
        _printed((*words, str(path)))
        return path.read_bytes()


def _printed(words: tuple[str, ...]) -> bytes:
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
    if done.stdout and done.returncode != REFUSED:
        return done.stdout
    told = done.stderr.decode("utf-8", "replace").strip().removeprefix("tiercel: ")
    raise ConfigError(told[:2_000] or "the command failed")
