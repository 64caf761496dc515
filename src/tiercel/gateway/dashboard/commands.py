"""Numbers that commands work out, in processes of their own: statistics never enter the server.

So these pages say what the command line says, and a calculation of seconds holds up no request and no page: what is not
there yet comes with the next look. What was worked out is kept; one that has aged a little is shown until the next is
there.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.domain.settings import Storage

PATIENCE_SECONDS = 60.0
"""So long a page waits that is nothing but what the command writes."""
LONGEST_SECONDS = 300.0
"""So long a command may take. It gives way to the gateway's own work."""
NICENESS = 10
RESTS = 20.0
"""What takes long is worked out less often: at most a twentieth of the time goes into it."""
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
        self.kept_seconds = 0.0
        self.good_until = 0.0
        self.output: bytes | ConfigError = b""


class Commands:
    """Runs `tiercel …` and keeps what it printed for `kept_seconds`, or `rests` times as long as it took, under the
    same `stamp`: what tells that what it was worked out from has changed."""

    def __init__(self, kept_seconds: float = 20.0, rests: float = RESTS) -> None:
        self._kept_seconds = kept_seconds
        self._rests = rests
        self._works: dict[tuple[str, ...], _Work] = {}
        self._lock = threading.Lock()

    def json(self, *words: str, stamp: object = "", wait_seconds: float = 0.0) -> Json:
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
                if late_seconds > known.kept_seconds:
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
        with AT_ONCE:
            began = time.monotonic()
            try:
                known.output = work()
                known.kept_seconds = max(self._kept_seconds, self._rests * (time.monotonic() - began))
            except (ConfigError, OSError) as error:
                known.output = error if isinstance(error, ConfigError) else ConfigError(str(error))
                known.kept_seconds = FAILURE_KEPT_SECONDS
        known.good_until = time.monotonic() + known.kept_seconds
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


def started(words: Sequence[str], *, asked: bool) -> subprocess.Popen[bytes]:
    """`tiercel …` in a process of its own, which reads lines where it is `asked` any."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and commands; a path is one of runs that exist
        [sys.executable, "-m", "tiercel", *words],
        stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _printed(words: tuple[str, ...]) -> bytes:
    with started(words, asked=False) as process:
        if sys.platform != "win32":
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        try:
            printed, said = process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise ConfigError(
                f"`tiercel {' '.join(words[:2])}` took more than {LONGEST_SECONDS:.0f} seconds"
            ) from error
    if printed and process.returncode != REFUSED:
        return printed
    told = said.decode("utf-8", "replace").strip().removeprefix("tiercel: ")
    raise ConfigError(told[:2_000] or "the command failed")
