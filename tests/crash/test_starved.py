"""A server whose disk is full or that may open nothing more: it lives, says so, and goes on when there is room again,
without a restart.

The limits are the system's, lowered under the running process.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.crash.served import (
    ASK,
    SOON_SECONDS,
    WAIT_SECONDS,
    Server,
    ask,
    becomes_ready,
    configure,
    data_folder,
    readiness,
    served,
)
from tests.gateway.plain_http import call
from tiercel.records.query import load_history
from tiercel.records.segments import damaged_segments, segments
from tiercel.testing.scripted import Says, ScriptedProvider

if sys.platform != "linux":
    pytest.skip("limits of another process are changed by prlimit, which Linux has", allow_module_level=True)

import resource

TINY_SEGMENTS = "segment_mb = 0.003"


@contextmanager
def limited(server: Server, what: int, soft: int) -> Iterator[None]:
    """The running server may have no more than that meanwhile."""
    before, hard = resource.prlimit(server.pid, what)
    resource.prlimit(server.pid, what, (soft, hard))
    try:
        yield
    finally:
        resource.prlimit(server.pid, what, (before, hard))


def descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


class Connection:
    """A client that keeps its connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    @asynccontextmanager
    async def opened(cls, base_url: str) -> AsyncIterator["Connection"]:
        url = urlsplit(base_url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        try:
            yield cls(reader, writer, url.netloc)
        finally:
            writer.close()

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        head = f"{method} {path} HTTP/1.1\r\nhost: {self._host}\r\ncontent-type: application/json\r\n"
        self._writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        async with asyncio.timeout(WAIT_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = re.search(r"content-length: (\d+)", head)
            assert length is not None
            return int(head.split(" ")[1]), await self._reader.readexactly(int(length[1]))

    async def ask(self, method: str = "POST", path: str = "/v1/chat/completions") -> tuple[int, bytes]:
        self.send(method, path, ASK if method == "POST" else b"")
        return await self.answer()


async def is_answered(base_url: str) -> None:
    """Return once a request is answered well; fails when none is in time."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                if await ask(base_url) == 200:
                    return
            except (OSError, IndexError):
                pass  # cut off
            await asyncio.sleep(SOON_SECONDS)


@asynccontextmanager
async def running(folder: Path, storage: str = "") -> AsyncIterator[tuple[ScriptedProvider, Server, str]]:
    """A provider that answers, a server that has answered once, and where it is."""
    async with ScriptedProvider() as provider:
        provider.default = Says(text="ok")
        configure(folder, provider.base_url, storage=storage)
        async with served(folder) as server:
            url = await server.base_url()
            assert await ask(url) == 200
            yield provider, server, url


async def test_clients_that_take_all_descriptors_leave_room_for_their_answers(tmp_path: Path) -> None:
    """Whoever comes when half are taken gets a clear 503, the others are served; room that is made is used."""
    async with running(tmp_path) as (provider, server, url), AsyncExitStack() as stack:
        release = asyncio.Event()
        with limited(server, resource.RLIMIT_NOFILE, 60):
            inside = [await stack.enter_async_context(Connection.opened(url)) for _ in range(13)]
            last = await stack.enter_async_context(Connection.opened(url))
            assert [(await c.ask("GET", "/healthz"))[0] for c in (*inside, last)] == [200] * 14
            async with Connection.opened(url) as late:
                status, body = await late.ask()
                assert (status, b"limit of open files" in body) == (503, True)
                assert (await late.ask("GET", "/readyz"))[0] == 503
                assert (await late.ask("GET", "/healthz"))[0] == 200
                provider.default = Says(text="ok", release=release)
                for connection in inside:
                    connection.send("POST", "/v1/chat/completions", ASK)
                await asyncio.wait_for(provider.wait_for_requests(14), WAIT_SECONDS)
                release.set()
                assert [(await connection.answer())[0] for connection in inside] == [200] * 13
                await server.says("15 clients are connected and 14 is what")
        await is_answered(url)
        await server.says("room for new clients again")


async def test_without_any_descriptor_the_server_lives_and_recovers(tmp_path: Path) -> None:
    """New clients are cut off, those inside are answered, what is recorded stays, and nothing has to be restarted."""
    async with running(tmp_path, TINY_SEGMENTS) as (_, server, url):
        async with Connection.opened(url) as inside:
            assert (await inside.ask())[0] == 200
            await asyncio.sleep(
                1.0
            )  # until SQLAlchemy is loaded: an import that cannot open files is another story
            with limited(server, resource.RLIMIT_NOFILE, 3):
                status, body = await inside.ask("GET", "/readyz")
                assert (status, b"Too many open files" in body) == (503, True)
                assert (await inside.ask("GET", "/healthz"))[0] == 200
                answers = [(await inside.ask())[0] for _ in range(12)]
                assert set(answers) <= {200, 502, 503}
            await is_answered(url)
        await becomes_ready(url)
        answered = 3 + answers.count(200)
        await server.stop()
    history = load_history(data_folder(tmp_path))
    assert [r.outcome for r in history.records].count("passed") >= answered
    assert "interrupted" not in {r.outcome for r in history.records}
    assert (segments(data_folder(tmp_path)), damaged_segments(data_folder(tmp_path))) == ([], [])


async def test_a_full_disk_refuses_says_why_and_recovers(tmp_path: Path) -> None:
    """What was under way is answered and recorded as soon as there is room, what comes is refused and goes nowhere."""
    release = asyncio.Event()
    async with running(tmp_path) as (provider, server, url):
        provider.add(Says(text="under way", release=release))
        under_way = asyncio.create_task(ask(url))
        await provider.wait_for_requests(2)
        with limited(server, resource.RLIMIT_FSIZE, 0):
            release.set()
            assert await under_way == 200
            assert await ask(url) == 503
            status, reason = await readiness(url)
            assert (status, reason) == (503, "cannot write the journal: File too large")
            assert (await call(url, "GET", "/healthz")).status == 200
            await server.says("ERROR.*records wait in memory, beginning with .*File too large")
            await server.says("ERROR.*: cannot write the journal: File too large")
        assert await becomes_ready(url) == "records are being kept"
        await server.says("the journal can be written again")
        await server.says("1 records that waited are written, 0 are lost")
        assert await ask(url) == 200
        assert len(provider.requests) == 3
        await server.stop()
    assert [r.outcome for r in load_history(data_folder(tmp_path)).records] == ["passed"] * 3


TMPFS = "mkdir -p tiercel-data && mount -t tmpfs -o size=1m none tiercel-data"
IN_A_SMALL_DISK = (
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    f'{TMPFS} && exec "$0" "$@"',
)


def may_mount(folder: Path) -> bool:
    command = [*IN_A_SMALL_DISK, "true"]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=WAIT_SECONDS).returncode == 0
    except OSError:
        return False


async def test_a_disk_that_fills_up_keeps_every_answer_and_no_torn_entry(tmp_path: Path) -> None:
    """A file system of one megabyte, filled by somebody else to the last byte while requests come, then emptied."""
    if not may_mount(tmp_path):
        pytest.skip("this system lets nobody mount a file system of their own")
    async with ScriptedProvider() as provider:
        provider.default = Says(text="ok")
        configure(tmp_path, provider.base_url, storage=TINY_SEGMENTS)
        async with served(tmp_path, prefix=IN_A_SMALL_DISK) as server:
            url = await server.base_url()
            disk = Path(f"/proc/{server.pid}/root{data_folder(tmp_path).resolve()}")
            answers = [await ask(url) for _ in range(20)]
            stranger = (disk / "filler").open("wb", buffering=0)
            for size in (100_000, 4_096, 100, 1):
                with suppress(OSError):
                    while stranger.write(bytes(size)):
                        pass
            answers += [await ask(url) for _ in range(40)]
            assert answers[-1] == 503
            assert (await readiness(url))[0] == 503
            os.ftruncate(stranger.fileno(), 0)
            stranger.close()
            await becomes_ready(url)
            answers += [await ask(url) for _ in range(20)]
            assert answers[-20:] == [200] * 20
            server.process.send_signal(signal.SIGSTOP)
            shutil.copytree(disk, tmp_path / "copy")  # the disk goes with its server
            server.process.send_signal(signal.SIGCONT)
    records = load_history(tmp_path / "copy").records
    assert damaged_segments(tmp_path / "copy") == []
    assert [r.outcome for r in records].count("passed") == answers.count(200)
