"""`tiercel serve` as a process: banner, reload, drain, and what it says when it cannot start."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import openai
import pytest

from tests.gateway.house import everything_in
from tests.gateway.plain_http import call
from tiercel.domain.keys import AccessKey
from tiercel.records.key_store import KeyStore
from tiercel.testing.scripted import Says, ScriptedProvider

POLICY = """
version = 1
[defaults]
gates = ["finished"]
[tiers.fast]
members = ["little"]
[[rules]]
name = "any"
ladder = ["fast"]
"""
WAIT_SECONDS = 20.0


def settings(provider: ScriptedProvider, more: str = "") -> str:
    return f"""
version = 1
[listener]
port = 0
drain_seconds = 5
[providers.vllm]
base_url = "{provider.base_url}"
[models.little]
served_by = {{ vllm = "little" }}
prices = {{ input_usd_per_million = 1, output_usd_per_million = 2 }}
{more}
"""


class Process:
    """A running `tiercel` and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def read_until(self, pattern: str) -> re.Match[str]:
        """Wait for it to say something like this; fails with all it said otherwise."""
        assert self.process.stderr is not None
        while (match := re.search(pattern, self.said)) is None:
            line = await asyncio.wait_for(self.process.stderr.readline(), WAIT_SECONDS)
            assert line, f"ended without saying {pattern!r}:\n{self.said}"
            self.said += line.decode()
        return match

    async def base_url(self) -> str:
        return (await self.read_until(r"at (http://127\.0\.0\.1:\d+)"))[1]

    async def ended(self) -> int:
        """The exit code; everything it said is then in `said`."""
        assert self.process.stderr is not None
        self.said += (await asyncio.wait_for(self.process.stderr.read(), WAIT_SECONDS)).decode()
        return await asyncio.wait_for(self.process.wait(), WAIT_SECONDS)


@asynccontextmanager
async def tiercel(*args: str, folder: Path, environ: dict[str, str] | None = None) -> AsyncIterator[Process]:
    """Start `tiercel` in this folder with hardly any environment; ended by SIGTERM at the latest."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tiercel",
        *args,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **(environ or {})},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), WAIT_SECONDS)


def write(folder: Path, provider: ScriptedProvider, more: str = "") -> None:
    (folder / "tiercel.toml").write_text(settings(provider, more))
    (folder / "policy.toml").write_text(POLICY)


async def ask(base_url: str) -> str:
    async with openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key="unused", max_retries=0) as client:
        answer = await client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": "hi"}]
        )
        return answer.choices[0].message.content or ""


async def test_it_says_what_it_found_and_serves(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="hello")) as provider, tiercel("serve", folder=tmp_path) as server:
        write(tmp_path, provider)
        url = await server.base_url()
        await server.read_until("Say hello")
        assert "providers  vllm" in server.said
        assert "authorization" not in server.said
        assert re.search(r"fast +little", server.said)
        assert await ask(url) == "hello"
    assert (tmp_path / "tiercel-data").stat().st_mode & 0o777 == 0o700


async def test_where_keys_are_required_the_line_to_try_shows_one(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "tiercel-data", make=True) as store:
        store.create(AccessKey())
    async with ScriptedProvider() as provider, tiercel("serve", folder=tmp_path) as server:
        write(tmp_path, provider)
        await server.read_until("Say hello")
    assert "access     keys required" in server.said
    assert '-H "authorization: Bearer $TIERCEL_KEY" \\\n    -d' in server.said


async def test_sighup_swaps_a_valid_policy_and_refuses_an_invalid_one(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider, tiercel("serve", folder=tmp_path) as server:
        provider.default = Says(text="hello")
        write(tmp_path, provider)
        url = await server.base_url()
        (tmp_path / "policy.toml").write_text(POLICY.replace('["finished"]', '["finnished"]'))
        server.process.send_signal(signal.SIGHUP)
        await server.read_until("reload refused.*finnished.*did you mean 'finished'")
        assert await ask(url) == "hello"
        (tmp_path / "policy.toml").write_text(POLICY + '[aliases]\n"gpt-4o" = "fast"\n')
        server.process.send_signal(signal.SIGHUP)
        await server.read_until("reloaded")
        models = msgspec.json.decode((await call(url, "GET", "/v1/models")).body)
        assert "gpt-4o" in {model["id"] for model in models["data"]}


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_lets_running_answers_finish(tmp_path: Path, stop: signal.Signals) -> None:
    release = asyncio.Event()
    async with ScriptedProvider(Says(text="late", release=release)) as provider:
        write(tmp_path, provider)
        async with tiercel("serve", folder=tmp_path) as server:
            url = await server.base_url()
            asking = asyncio.create_task(ask(url))
            await provider.wait_for_requests(1)
            server.process.send_signal(stop)
            await server.read_until("draining")
            release.set()
            assert await asking == "late"
            assert await server.ended() == 0


async def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        write(tmp_path, provider)
        async with tiercel("serve", folder=tmp_path) as first:
            await first.base_url()
            async with tiercel("serve", folder=tmp_path) as second:
                assert await second.ended() == 2
                assert str(first.process.pid) in second.said


async def test_a_port_that_is_taken_is_named_with_the_fix(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        write(tmp_path, provider)
        port = provider.base_url.rsplit(":", 1)[1].removesuffix("/v1")
        async with tiercel("serve", "--port", port, folder=tmp_path) as server:
            assert await server.ended() == 2
            assert port in server.said
            assert "--port" in server.said


async def test_without_any_key_it_says_how_to_begin(tmp_path: Path) -> None:
    async with tiercel("serve", folder=tmp_path) as server:
        assert await server.ended() == 2
        assert "tiercel demo" in server.said
        assert "Traceback" not in server.said


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    async with ScriptedProvider() as provider:
        write(tmp_path, provider, '[storage]\nfolder = "data"\n')
        async with tiercel("serve", folder=tmp_path) as server:
            assert await server.ended() == 2
            assert "data" in server.said
            assert "Traceback" not in server.said


async def test_a_planted_key_shows_up_nowhere(tmp_path: Path) -> None:
    """The provider's key is in no log, record, error or file, whatever happens."""
    marked = "sk-marked-7f3a9c51d2e84b60"
    more = '[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\nkey_env = "OPENAI_API_KEY"\n'
    async with ScriptedProvider(Says(text="hello")) as provider:
        write(tmp_path, provider, more)
        environ = {"OPENAI_API_KEY": marked}
        async with tiercel("serve", "--log-level", "debug", folder=tmp_path, environ=environ) as server:
            url = await server.base_url()
            assert await ask(url) == "hello"
            bad = await call(url, "POST", "/v1/chat/completions", b'{"model":"auto"')
            shown = [bad.body, (await call(url, "GET", "/v1/models")).body]
            server.process.send_signal(signal.SIGTERM)
            assert await server.ended() == 0
        shown += [server.said.encode(), *everything_in(tmp_path)]
    assert not [piece for piece in shown if marked.encode() in piece or marked[8:].encode() in piece]


async def test_a_data_folder_that_is_none_is_told_in_the_systems_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    async with tiercel("report", "--data", "data", folder=tmp_path) as report:
        assert await report.ended() == 2
        assert "data" in report.said
        assert "Traceback" not in report.said
