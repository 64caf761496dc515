"""`tiercel serve` as a process that a test may kill, starve and watch, and the configuration it runs with."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tests.gateway.plain_http import Answer, call

WAIT_SECONDS = 30.0
SOON_SECONDS = 0.05
ASK = msgspec.json.encode({"model": "auto", "messages": [{"role": "user", "content": "hi"}]})
SERVE = ("-m", "tiercel", "serve")


def configure(folder: Path, upstream: str, *, storage: str = "", aliases: Iterable[str] = ()) -> None:
    """One tier of one model, at the base URL `upstream`; `aliases` all mean that tier."""
    (folder / "tiercel.toml").write_text(f"""
version = 1
[listener]
port = 0
drain_seconds = 2
[storage]
{storage}
[providers.vllm]
base_url = "{upstream}"
[models.little]
served_by = {{ vllm = "little" }}
prices = {{ input_usd_per_million = 1, output_usd_per_million = 2 }}
""")
    names = "".join(f'"{alias}" = "fast"\n' for alias in aliases)
    (folder / "policy.toml").write_text(f"""
version = 1
[defaults]
gates = ["finished"]
[tiers.fast]
members = ["little"]
[[rules]]
name = "any"
ladder = ["fast"]
[aliases]
{names}
""")


def data_folder(folder: Path) -> Path:
    return folder / "tiercel-data"


class Server:
    """A running server. What it writes to stderr is read all the while, so that it never waits for the test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""
        self._heard = asyncio.Condition()
        self._listener = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        return self.process.pid

    async def says(self, pattern: str) -> re.Match[str]:
        """Wait for words like these; fails with all that it said otherwise."""
        async with self._heard:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._heard.wait_for(lambda: re.search(pattern, self.said) or self._listener.done())
            except TimeoutError:
                pass
        match = re.search(pattern, self.said)
        assert match is not None, f"it never said {pattern!r}:\n{self.said}"
        return match

    async def base_url(self) -> str:
        """Where it listens, once it does."""
        return (await self.says(r"at (http://127\.0\.0\.1:\d+)"))[1]

    async def kill(self) -> None:
        """End it as a power switch would: no warning, no goodbye."""
        self.process.kill()
        await self._gone()

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self._gone()

    async def _gone(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), WAIT_SECONDS)
        await self._listener
        return code

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(65_536):
            async with self._heard:
                self.said += data.decode("utf-8", "replace")
                self._heard.notify_all()
        async with self._heard:
            self._heard.notify_all()


async def start(
    folder: Path,
    command: Sequence[str] = SERVE,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start a server in `folder` with hardly any environment; the caller ends it."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        sys.executable,
        *command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    return Server(process)


@asynccontextmanager
async def served(
    folder: Path,
    command: Sequence[str] = SERVE,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Server]:
    """A server that is stopped in the end, and must not have met a bug of ours on the way."""
    server = await start(folder, command, prefix, environment)
    try:
        yield server
    finally:
        await server.stop()
    assert "Traceback" not in server.said, server.said


async def ask(base_url: str) -> int:
    """The status of one small request."""
    return (await call(base_url, "POST", "/v1/chat/completions", ASK)).status


async def readiness(base_url: str) -> tuple[int, str]:
    """The status and the reason of /readyz."""
    answer: Answer = await call(base_url, "GET", "/readyz")
    return answer.status, str(msgspec.json.decode(answer.body)["reason"])


async def becomes_ready(base_url: str) -> str:
    """The reason that /readyz gives once it says 200; fails when it does not in time."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            status, reason = await readiness(base_url)
            if status == 200:
                return reason
            await asyncio.sleep(SOON_SECONDS)
