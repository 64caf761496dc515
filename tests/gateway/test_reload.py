"""SIGHUP and SIGTERM while clients keep a real server busy: nobody notices but the operator."""

import asyncio
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.crash.served import Server, configure, data_folder, served
from tests.security.persistent import Outcome, Persistent, at_once, keep_asking
from tiercel.testing.scripted import Says, ScriptedProvider

RELOADS = 100
CLIENTS = 8
ANSWER = Says(text="one two three four")


async def reload(server: Server, times: int, word: str = "reloaded: ") -> None:
    """SIGHUP, and wait until the server has said `word` so many times."""
    server.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(10):
        while True:
            if server.said.count(word) >= times:
                return
            await asyncio.sleep(0.002)


def bad(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if not outcome.good]


async def test_a_hundred_reloads_under_load_fail_no_request(tmp_path: Path) -> None:
    """Each with another policy than before; every record names exactly one of them, and the one it began with."""
    async with ScriptedProvider() as provider:
        provider.default = ANSWER
        configure(tmp_path, provider.base_url)
        policy = tmp_path / "policy.toml"
        first = policy.read_text()
        second = first + '"another-name" = "fast"\n'
        outcomes: list[Outcome] = []
        done = asyncio.Event()
        async with served(tmp_path) as server:
            base_url = await server.base_url()
            load = asyncio.create_task(keep_asking(base_url, CLIENTS, outcomes, done.is_set))
            for number in range(1, RELOADS + 1):
                policy.write_text(second if number % 2 else first)
                await reload(server, number)
            done.set()
            await load
        hashes = set(re.findall(r"policy (\w+)$", server.said, re.MULTILINE))
        assert len(hashes) == 2
        assert bad(outcomes) == []
        assert len(outcomes) > RELOADS
        with closing(sqlite3.connect(data_folder(tmp_path) / "records.sqlite")) as store:
            used = {row[0] for row in store.execute(POLICIES)}
        assert used == hashes


POLICIES = "SELECT DISTINCT policy_hash FROM plans"


async def test_a_reload_that_is_refused_changes_nothing_under_load(tmp_path: Path) -> None:
    """Twenty broken files, each of them named in the log, and the old configuration goes on."""
    async with ScriptedProvider() as provider:
        provider.default = ANSWER
        configure(tmp_path, provider.base_url)
        (tmp_path / "policy.toml").write_text("this is no TOML")
        async with served(tmp_path) as broken:
            assert await broken.stop() != 0
        configure(tmp_path, provider.base_url)
        outcomes: list[Outcome] = []
        done = asyncio.Event()
        async with served(tmp_path) as server:
            load = asyncio.create_task(keep_asking(await server.base_url(), CLIENTS, outcomes, done.is_set))
            (tmp_path / "policy.toml").write_text("this is no TOML")
            for number in range(1, 21):
                await reload(server, number, "reload refused, the old configuration stays: policy.toml")
            done.set()
            await load
        assert bad(outcomes) == []


async def test_sigterm_lets_every_running_answer_end(tmp_path: Path) -> None:
    """Forty requests wait for their model when the signal comes, half of them streams that have begun."""
    release = asyncio.Event()
    async with ScriptedProvider() as provider:
        provider.default = Says(text="one two three four", release=release, release_after=2)
        configure(tmp_path, provider.base_url)
        async with served(tmp_path) as server:
            base_url = await server.base_url()

            async def ask(number: int) -> Outcome:
                client = Persistent(base_url)
                try:
                    return await client.ask(stream=number % 2 == 0)
                finally:
                    client.close()

            asked = asyncio.create_task(at_once(40, ask))
            await provider.wait_for_requests(40)
            server.process.send_signal(signal.SIGTERM)
            await server.says("draining")
            release.set()
            assert bad(await asked) == []
            assert await server.stop() == 0


async def test_sigterm_under_load_fails_no_request(tmp_path: Path) -> None:
    """Five servers one after the other; a request is refused as a connection or answered in full."""
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        outcomes: list[Outcome] = []
        async with ScriptedProvider() as provider:
            provider.default = ANSWER
            configure(folder, provider.base_url)
            async with served(folder) as server:
                load = asyncio.create_task(
                    keep_asking(await server.base_url(), CLIENTS, outcomes, lambda: False)
                )
                await provider.wait_for_requests(100)
                assert await server.stop() == 0
                await load
        assert bad(outcomes) == []
