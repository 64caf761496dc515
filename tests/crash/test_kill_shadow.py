"""kill -9 while every request is copied for a candidate: of the live ones no completed answer is lost."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.crash.load import Tally, keep_busy
from tests.crash.served import configure, data_folder, served, start
from tiercel.records.pairs import each_pair
from tiercel.records.query import load_history
from tiercel.testing.scripted import Says, ScriptedProvider

KILLS = 3
CLIENTS = 4
REQUESTS_A_ROUND = 300
SHADOW = 'ladder = ["fast"]\nshadow = { candidates = ["little"], share = 1, budget_usd_per_day = 100 }'

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


def configure_copies(folder: Path, upstream: str, names: list[str]) -> None:
    """As other servers that are killed, with a candidate on the rule, which every name goes through."""
    configure(folder, upstream, aliases=names)
    settings, policy = folder / "tiercel.toml", folder / "policy.toml"
    settings.write_text(settings.read_text().replace("prices =", "max_output = 100\nprices ="))
    text = policy.read_text().replace('" = "fast"', '" = "auto"')
    policy.write_text(text.replace('ladder = ["fast"]', SHADOW))


async def one_life(
    folder: Path, provider: ScriptedProvider, names: list[str], calls: int, tally: Tally
) -> None:
    """Start a server, and kill it under load once so many calls more have come to the provider."""
    server = await start(folder)
    try:
        asked = len(provider.requests)
        busy = asyncio.create_task(keep_busy(await server.base_url(), iter(names), CLIENTS, tally))
        await asyncio.wait_for(provider.wait_for_requests(asked + calls), 30)
    finally:
        await server.kill()
    await busy
    assert "Traceback" not in server.said, server.said


async def test_no_completed_answer_is_lost(tmp_path: Path) -> None:
    """Each has its record once, whatever became of its copy; and pairs are of records that there are."""
    names = [f"request-{number}" for number in range(KILLS * REQUESTS_A_ROUND)]
    tally = Tally()
    chance = random.Random(7)
    async with ScriptedProvider() as provider:
        provider.default = Says(text="one two three")
        configure_copies(tmp_path, provider.base_url, names)
        for kill in range(KILLS):
            mine = names[kill * REQUESTS_A_ROUND : (kill + 1) * REQUESTS_A_ROUND]
            await one_life(tmp_path, provider, mine, chance.randint(20, 200), tally)
        async with served(tmp_path) as server:
            await server.base_url()
    assert tally.unexpected == []
    history = await asyncio.to_thread(load_history, data_folder(tmp_path))
    found = [record.id for record in history.records if record.outcome == "passed"]
    assert set(tally.completed.values()) <= set(found)
    assert len(found) == len(set(found))
    # a kill may have taken every copy that was under way with it
    pairs = await asyncio.to_thread(lambda: list(each_pair(data_folder(tmp_path))))
    assert {pair.record_id for pair in pairs} <= set(found)
