"""Runs what may not end in one kept child process, and kills it when it overruns.

The child is started when first needed and again after each kill. Calls queue up for it in a thread of their own, so any
event loop may ask, and the loop keeps running meanwhile.
"""

import asyncio
import os
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec

from tiercel.checks.worker import read_frame, write_frame
from tiercel.domain.errors import CheckError
from tiercel.domain.json import Json, JsonObject

COMMAND = (sys.executable, "-I", "-m", "tiercel.checks.worker")
ENVIRONMENT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""All that the child inherits: without these some Pythons cannot start."""

CALL_SECONDS = 0.25
START_SECONDS = 10.0
MAX_WAITING = 64

Child = subprocess.Popen[bytes]


class Isolated:
    """A door to the worker process. Close it with `aclose`; if forgotten, the child ends with its owner."""

    def __init__(self, *, seconds: float = CALL_SECONDS, start_seconds: float = START_SECONDS) -> None:
        self._seconds = seconds
        self._start_seconds = start_seconds
        self._children: list[Child] = []  # at most one; a list, so that the finalizer sees later ones
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tiercel-isolated")
        self._waiting = 0
        self._closed = False
        weakref.finalize(self, _stop, self._children)

    async def evaluate(self, kind: str, payload: JsonObject) -> Json:
        """The worker's result. Raises `CheckError` where it said no, ended, took longer than allowed, or is busy."""
        if self._closed:
            raise CheckError("the isolated worker is closed")
        if self._waiting >= MAX_WAITING:
            raise CheckError("too many checks wait for the isolated worker")
        frame = msgspec.json.encode({"kind": kind, "payload": payload})
        self._waiting += 1
        try:
            reply = await asyncio.get_running_loop().run_in_executor(self._thread, self._exchange, frame)
        finally:
            self._waiting -= 1
        if "error" in reply:
            raise CheckError(str(reply["error"]))
        return reply["result"]

    async def aclose(self) -> None:
        """Let the call in progress end, refuse those that wait, and stop the child."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, _stop, self._children)
            self._thread.shutdown(wait=False)

    def _exchange(self, frame: bytes) -> JsonObject:
        """One call, in the thread. The child is stopped whenever its streams may be out of step."""
        if self._closed:
            raise CheckError("the isolated worker is closed")
        child = self._running()
        reply, overran = _spoken(child, frame, self._seconds)
        if reply is None or overran:
            _stop(self._children)
        if reply is None:
            raise CheckError(
                f"took longer than {self._seconds:g} s" if overran else "the isolated worker ended"
            )
        decoded: JsonObject = msgspec.json.decode(reply)
        return decoded

    def _running(self) -> Child:
        if self._children and self._children[0].poll() is None:
            return self._children[0]
        _stop(self._children)
        child = _start()
        self._children.append(child)
        ready, _ = _spoken(child, None, self._start_seconds)
        if ready is None:
            _stop(self._children)
            raise CheckError("the isolated worker did not start")
        return child


def _start() -> Child:
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # so that Ctrl-C reaches us alone
        )
    except OSError as error:
        raise CheckError(f"the isolated worker did not start: {error.strerror}") from error


def _spoken(child: Child, frame: bytes | None, seconds: float) -> tuple[bytes | None, bool]:
    """Send a frame and read one. The reply is `None` if there was none; the flag says that the time was up.

    A timer kills the child, which ends any blocked read or write: the one way that works on every system.
    """
    assert child.stdin is not None
    assert child.stdout is not None
    overran = threading.Event()

    def overrun() -> None:
        overran.set()
        child.kill()

    timer = threading.Timer(seconds, overrun)
    timer.daemon = True
    timer.start()
    reply = None
    try:
        if frame is not None:
            write_frame(child.stdin, frame)
        reply = read_frame(child.stdout)
    except (OSError, ValueError):
        reply = None
    finally:
        timer.cancel()
        timer.join()
    return reply, overran.is_set()


def _stop(children: list[Child]) -> None:
    """Kill and reap, and close the pipes."""
    while children:
        child = children.pop()
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with suppress(OSError):  # what was written but never read
                    stream.close()
