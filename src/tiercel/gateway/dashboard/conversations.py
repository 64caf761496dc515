"""Commands that stay and answer line by line: what is asked often is then there within milliseconds.

Like all commands they run in processes of their own. One that nobody asks for a while is ended, and so are all of them
with the dashboard.
"""

import subprocess
import threading

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.gateway.dashboard.commands import started

IDLE_SECONDS = 600.0
PATIENCE_SECONDS = 60.0
MOST_AT_ONCE = 4
GREETING: Json = {}
"""A line that each of these commands answers, whatever it is asked then."""


class Conversations:
    """Runs `tiercel …`, each as long as it is asked, the most so many at once."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS, most: int = MOST_AT_ONCE) -> None:
        self._idle_seconds = idle_seconds
        self._most = most
        self._is_over = False
        self._open: dict[tuple[str, ...], _Conversation] = {}
        self._lock = threading.Lock()

    def ask(self, *words: str, line: Json, wait_seconds: float = PATIENCE_SECONDS) -> Json:
        """What the command of these words answers to this line, `None` where it is not up yet after `wait_seconds`.

        Raises `ConfigError` with what it says where it cannot.
        """
        with self._lock:
            known = self._open.pop(words, None)
            if known is None or known.is_ended:
                known = _Conversation(words, self._idle_seconds)
            self._open[words] = known  # the last one asked is the last one ended
            dropped = [self._open.pop(key) for key in list(self._open)[: -self._most]]
        for one in dropped:
            one.end()
        if not known.is_up.wait(wait_seconds):
            return None
        try:
            told = msgspec.json.decode(known.ask(line))
        except ConfigError:
            with self._lock:
                if self._open.get(words) is known:
                    del self._open[words]  # whoever asks again has it started anew
            if known.is_ended and not self._is_over:  # just before it was asked
                return self.ask(*words, line=line, wait_seconds=wait_seconds)
            raise
        if isinstance(told, dict) and "problem" in told:
            raise ConfigError(str(told["problem"]))
        return told

    def end(self) -> None:
        """Ends them all, for good."""
        with self._lock:
            self._is_over = True
            ended = list(self._open.values())
            self._open.clear()
        for one in ended:
            one.end()


class _Conversation:
    """One process. `is_up` is set once it has answered, or never will; it `is_ended` where nobody wants it any more."""

    def __init__(self, words: tuple[str, ...], idle_seconds: float) -> None:
        self._words = words
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._idle = threading.Timer(idle_seconds, self.end)
        self.is_up = threading.Event()
        self.is_ended = False
        self._told: str | None = None
        self._process = started(words, asked=True)
        threading.Thread(target=self._greet, daemon=True).start()

    def ask(self, line: Json) -> bytes:
        """Its answer. Raises `ConfigError` with its last words where it has ended."""
        with self._lock:
            self._idle.cancel()
            answer = self._answer(msgspec.json.encode(line) + b"\n")
            if not answer:
                raise ConfigError(self._last_words())
            self._idle = threading.Timer(self._idle_seconds, self.end)
            self._idle.daemon = True
            self._idle.start()
            return answer

    def end(self) -> None:
        """Has it end, and waits for that."""
        with self._lock:
            self.is_ended = True
            self._idle.cancel()
            self._last_words()

    def _greet(self) -> None:
        try:
            self.ask(GREETING)
        except ConfigError:
            pass  # whoever asks next is told
        finally:
            self.is_up.set()

    def _answer(self, line: bytes) -> bytes:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        if self._told is not None:
            return b""
        # what does not answer is not waited for
        late = threading.Timer(PATIENCE_SECONDS, process.kill)
        late.daemon = True
        late.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            return process.stdout.readline()
        except OSError:
            return b""
        finally:
            late.cancel()

    def _last_words(self) -> str:
        if self._told is None:
            try:
                _, told = self._process.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                _, told = self._process.communicate()
            self._told = told.decode("utf-8", "replace").strip().removeprefix("tiercel: ")[:2_000]
        return self._told or f"`tiercel {' '.join(self._words[:2])}` has ended"
