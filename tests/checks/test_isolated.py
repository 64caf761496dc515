"""The worker process evaluates, is killed when it overruns, and comes back."""

import asyncio
import gc
import os
import subprocess
import sys

import pytest

from tiercel.checks.isolated import COMMAND, Isolated
from tiercel.checks.worker import HEADER, answer
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject

ENDLESS: JsonObject = {"pattern": "(a+)+$", "flags": "", "full": False, "text": "a" * 60 + "b"}
LONG_SECONDS = 20.0
"""Far more than a busy machine takes, and far less than the pattern does."""
QUICK: JsonObject = {"pattern": "a+", "flags": "", "full": False, "text": "aa"}


async def test_an_overrun_is_cut_and_the_next_call_served() -> None:
    worker = Isolated(seconds=0.25)
    assert await worker.evaluate("regex", QUICK) is True
    with pytest.raises(CheckError, match=r"took longer than 0\.25 s"):
        await asyncio.wait_for(worker.evaluate("regex", ENDLESS), LONG_SECONDS)
    assert await worker.evaluate("regex", QUICK) is True
    await worker.aclose()


async def test_the_event_loop_keeps_running_meanwhile() -> None:
    worker = Isolated(seconds=0.25)
    await worker.evaluate("regex", QUICK)
    call = asyncio.create_task(worker.evaluate("regex", ENDLESS))
    ticks = 0
    while not call.done():
        await asyncio.sleep(0.005)
        ticks += 1
    assert isinstance(call.exception(), CheckError)
    assert ticks > 3
    await worker.aclose()


def test_it_serves_one_event_loop_after_another() -> None:
    worker = Isolated(seconds=2)
    assert asyncio.run(worker.evaluate("regex", QUICK)) is True
    assert asyncio.run(worker.evaluate("regex", QUICK)) is True
    asyncio.run(worker.aclose())


async def test_calls_at_the_same_time_are_all_answered_each_with_its_own() -> None:
    worker = Isolated(seconds=2)
    calls = [worker.evaluate("regex", QUICK | {"text": "a" * (n % 2)}) for n in range(40)]
    assert await asyncio.gather(*calls) == [n % 2 == 1 for n in range(40)]
    await worker.aclose()


async def test_a_cancelled_call_does_not_disturb_the_next() -> None:
    worker = Isolated(seconds=0.25)
    await worker.evaluate("regex", QUICK)
    call = asyncio.create_task(worker.evaluate("regex", ENDLESS))
    await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await worker.evaluate("regex", QUICK | {"text": "b"}) is False
    await worker.aclose()


async def test_a_closed_worker_refuses() -> None:
    worker = Isolated()
    await worker.aclose()
    await worker.aclose()
    with pytest.raises(CheckError, match="closed"):
        await worker.evaluate("regex", QUICK)


async def test_a_failing_call_says_why_and_keeps_the_worker() -> None:
    worker = Isolated(seconds=2)
    with pytest.raises(CheckError, match="no such kind: sum"):
        await worker.evaluate("sum", {})
    with pytest.raises(CheckError, match="unterminated"):
        await worker.evaluate("regex", QUICK | {"pattern": "("})
    assert await worker.evaluate("regex", QUICK) is True
    await worker.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_process_inherits_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted key is in our environment and not in the child's."""
    monkeypatch.setenv("PLANTED_API_KEY", "sk-planted")
    worker = Isolated(seconds=2)
    before = _children()
    await worker.evaluate("regex", QUICK)
    [child] = _children() - before
    assert b"PLANTED" not in _environment(child)
    await worker.aclose()
    assert _children() == before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_forgotten_worker_takes_its_process_with_it() -> None:
    before = _children()
    worker = Isolated(seconds=2)
    asyncio.run(worker.evaluate("regex", QUICK))
    assert len(_children() - before) == 1
    del worker
    gc.collect()
    assert _children() == before


@pytest.mark.parametrize("sent", [b"", b"\x00", HEADER.pack(10) + b"{}", HEADER.pack(2**31)])
def test_the_process_ends_when_its_input_does(sent: bytes) -> None:
    ended = subprocess.run(COMMAND, input=sent, capture_output=True, timeout=60, check=False)
    assert ended.stdout == HEADER.pack(5) + b"ready"


@pytest.mark.parametrize("frame", [b"", b"[]", b"{}", b'{"kind": "regex", "payload": 1}', b"\xff"])
def test_a_frame_that_makes_no_sense_is_an_error(frame: bytes) -> None:
    assert b'"error"' in answer(frame)


def _environment(process: int) -> bytes:
    with open(f"/proc/{process}/environ", "rb") as environment:
        return environment.read()


def _children() -> set[int]:
    """The process ids of our child processes."""
    children = set()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat") as stat:
                    parent = int(stat.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == os.getpid():
                children.add(int(name))
    return children
