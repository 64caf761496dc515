"""Starts boxes, a few at once, reads what they report, and leaves none behind.

Which confinement works on this machine is found out once, by really running a program in it that tries to get out.
Where none does, nothing is run.
"""

import asyncio
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import msgspec

from tiercel.checks.sandbox.confinement import INSIDE, Confinement, bubblewrap, landlock
from tiercel.checks.sandbox.interpreter import Interpreter, questions
from tiercel.checks.sandbox.outcome import Failure, Job, Outcome
from tiercel.checks.sandbox.trial import TRIAL, escaped
from tiercel.domain.errors import CheckError

RUN_SECONDS = 5.0
START_SECONDS = 10.0
MAX_REPORT_BYTES = 64 * 1024
AGAIN_AFTER_SECONDS = 60.0
FIX = "install bubblewrap (Debian and Ubuntu: apt install bubblewrap), or use a kernel of 5.13 or later with Landlock"


class Boxes:
    """Runs jobs. `seconds` bounds one run, once the box stands. Nothing is kept running between jobs.

    `confinement` is used as it is; without it the best that works here is looked for, when it is first needed.
    """

    def __init__(self, *, seconds: float = RUN_SECONDS, confinement: Confinement | None = None) -> None:
        self._seconds = seconds
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._found = confinement
        self._refused = ""
        self._refused_at = 0.0

    async def run(self, job: Job, *, at_once: int) -> Outcome:
        """What came of it. Waits while `at_once` boxes run. Raises `CheckError` where no box can be had."""
        async with self._place(at_once):
            confinement = await self.confinement()
            outcome, _ = await run_box(confinement, job, seconds=self._seconds)
        if not outcome.ready:
            raise CheckError(f"the box ({confinement.kind}) did not start")
        return outcome

    async def confinement(self) -> Confinement:
        """What works here. Raises `CheckError` with each thing's reason and the fix; tried again after a while."""
        if self._found is None:
            if self._refused and time.monotonic() - self._refused_at < AGAIN_AFTER_SECONDS:
                raise CheckError(self._refused)
            try:
                self._found = await find_confinement()
            except CheckError as error:
                self._refused, self._refused_at = str(error), time.monotonic()
                raise
        return self._found

    @asynccontextmanager
    async def _place(self, at_once: int) -> AsyncIterator[None]:
        """First come, first served. Who is cancelled while waiting hands its turn on."""
        while self._running >= at_once:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._call_next()
                raise
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._call_next()

    def _call_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


async def find_confinement() -> Confinement:
    """The first of bubblewrap and Landlock that holds a program which tries to get out. Raises `CheckError`."""
    if sys.platform != "linux":
        raise CheckError("programs are run on Linux only: use the check `python`, which runs nothing")
    python = await interpreter()
    return await first_that_holds({"bubblewrap": bubblewrap(python), "Landlock": landlock(python)})


async def first_that_holds(candidates: Mapping[str, Confinement | None]) -> Confinement:
    """The first of these, by name, from which the trial does not escape. Raises `CheckError` where it is none."""
    reasons: list[str] = []
    for name, confinement in candidates.items():
        problem = "is not installed" if confinement is None else await try_out(confinement)
        if confinement is not None and problem is None:
            return confinement
        reasons.append(f"{name} {problem}")
    raise CheckError(f"no sandbox works here ({'; '.join(reasons)}), so no program is run: {FIX}")


async def try_out(confinement: Confinement) -> str | None:
    """What keeps this confinement from being used; `None` if it holds."""
    outcome, said = await run_box(confinement, TRIAL, seconds=RUN_SECONDS, keep_errors=True)
    if not outcome.ready:
        last = said.strip().splitlines()[-1:] or ["no reason given"]
        return f"does not start: {last[0][:200]}"
    return escaped(outcome)


async def interpreter() -> Interpreter:
    """What Python's own files are. Raises `CheckError`."""
    process = await asyncio.create_subprocess_exec(
        *questions(), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, env={}
    )
    said, _ = await process.communicate()
    try:
        return msgspec.json.decode(said, type=Interpreter)
    except msgspec.DecodeError as error:
        raise CheckError("Python does not say which files it needs") from error


async def run_box(
    confinement: Confinement, job: Job, *, seconds: float, keep_errors: bool = False
) -> tuple[Outcome, str]:
    """One box from its start to the end of its last process; and what it said of its own start, if that is kept."""
    errors = asyncio.subprocess.PIPE if keep_errors else asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *confinement.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=confinement.environment,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        return Outcome(), str(error.strerror)
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(job))
        process.stdin.write_eof()
        outcome = await _reported(process, seconds, confinement)
    finally:
        _kill(process)
        _, said = await asyncio.shield(process.communicate())  # which leaves neither a process nor a pipe
    return outcome, (said or b"").decode("utf-8", "replace")


async def _reported(process: asyncio.subprocess.Process, seconds: float, confinement: Confinement) -> Outcome:
    """The report up to its end, or to the end of its time, which begins when the box stands."""
    assert process.stdout is not None
    outcome = Outcome(ended="broken off")
    taken = 0
    began = time.monotonic()
    try:
        async with asyncio.timeout(START_SECONDS) as timer:
            while line := await process.stdout.readline():
                taken += len(line)
                told = _told(outcome, _without_places(line, confinement))
                if told is None or taken > MAX_REPORT_BYTES:
                    break
                if told.ready and not outcome.ready:
                    began = time.monotonic()
                    timer.reschedule(asyncio.get_running_loop().time() + seconds)
                outcome = told
                if outcome.ended == "whole":
                    break
    except TimeoutError:
        outcome = msgspec.structs.replace(outcome, ended="out of time")
    except ValueError:  # a line without end
        outcome = msgspec.structs.replace(outcome, ended="broken off")
    return msgspec.structs.replace(outcome, seconds=time.monotonic() - began)


def _without_places(line: bytes, confinement: Confinement) -> bytes:
    """Where things lie on this machine is nobody's business, least of all a model's."""
    for place, name in ((confinement.prefix, b"<python>"), (str(INSIDE.parent), b"<box>")):
        line = line.replace(place.encode("ascii", "ignore"), name)
    return line


def _told(outcome: Outcome, line: bytes) -> Outcome | None:
    """The outcome with one more line of the report; `None` where that is none."""
    try:
        said = msgspec.json.decode(line)
        if said == 1:
            return msgspec.structs.replace(outcome, passed=outcome.passed + 1)
        if "kind" in said:
            failures = (*outcome.failures, msgspec.convert(said, Failure))
            return msgspec.structs.replace(outcome, failures=failures)
        if said.get("end") is True:
            return msgspec.structs.replace(outcome, ended="whole")
        known = {
            name: said[name]
            for name in ("ready", "compiled", "total", "loaded", "unusable", "gone")
            if name in said
        }
        return msgspec.convert({**msgspec.structs.asdict(outcome), **known}, Outcome)
    except (msgspec.DecodeError, AttributeError, TypeError):
        return None


def _kill(process: asyncio.subprocess.Process) -> None:
    """The whole group, and with it what bubblewrap holds: its first process ends with it, and the kernel the rest."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
