"""kill -9 under load, at random moments: no completed answer is lost, none is doubled, and every request that went out
is at least `interrupted`.

Ten kills, or as many as `TIERCEL_KILLS` says. Segments are so small that rotation, ingest and deletion never rest.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest

from tests.crash.load import Tally, keep_busy
from tests.crash.served import configure, data_folder, served, start
from tiercel.records.database import connect_to_read, database_path
from tiercel.records.query import load_history
from tiercel.records.segments import damaged_segments, segments
from tiercel.testing.faults import Delivery
from tiercel.testing.loopback import LoopbackServer, SeenRequest
from tiercel.testing.replies import Said, delivery_of

KILLS = int(os.environ.get("TIERCEL_KILLS", "10"))
SEEDS = (1, 2)
CLIENTS = 6
REQUESTS_A_ROUND = 400
TINY_SEGMENTS = "segment_mb = 0.003"
GLANCES = 2_000
GLANCE_SECONDS = 0.001

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


class Provider:
    """Answers every request after a few milliseconds, word by word, and remembers who asked."""

    def __init__(self) -> None:
        self.dispatched: set[str] = set()
        self.base_url = ""

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["Provider"]:
        provider = cls()
        server = LoopbackServer(provider._answer)
        provider.base_url = f"http://127.0.0.1:{await server.start()}/v1"
        try:
            yield provider
        finally:
            await server.aclose()

    async def _answer(self, seen: SeenRequest) -> Delivery:
        content = seen.json["messages"][0]["content"]
        self.dispatched.add(content.removeprefix("I am ").removesuffix("."))
        said = delivery_of(Said(text="one two three four"), "openai_chat", seen.json)
        return msgspec.structs.replace(said, before_seconds=0.002, gap_seconds=0.002)


def traces(folder: Path) -> tuple[object, ...]:
    """What rotation and ingest leave in the folder: it differs after either."""
    log = database_path(folder).with_name("records.sqlite-wal")
    size = log.stat().st_size if log.exists() else None
    return len(segments(folder)), size


async def moment(draw: random.Random, folder: Path) -> None:
    """Wait for the moment of the kill: any, or just when something is rotated, ingested or deleted."""
    await asyncio.sleep(draw.uniform(0.0, 1.0))
    before = traces(folder)
    glances = GLANCES if draw.random() < 0.5 else 0
    for _ in range(glances):
        if traces(folder) != before:
            return
        await asyncio.sleep(GLANCE_SECONDS)


async def one_life(folder: Path, provider: Provider, turn: int, draw: random.Random, tally: Tally) -> None:
    """Start a server, keep it busy, kill it."""
    names = [f"k{turn}-{number}" for number in range(REQUESTS_A_ROUND)]
    configure(folder, provider.base_url, storage=TINY_SEGMENTS, aliases=names)
    server = await start(folder)
    try:
        if draw.random() < 0.1:  # while it starts, and may be reading what the last one left
            await asyncio.sleep(draw.uniform(0.2, 0.8))
            return
        url = await server.base_url()
        busy = asyncio.create_task(keep_busy(url, iter(names), CLIENTS, tally))
        await moment(draw, data_folder(folder))
    finally:
        await server.kill()
    await busy
    assert "Traceback" not in server.said, server.said


@pytest.mark.parametrize("seed", SEEDS)
async def test_kill_at_random_moments_loses_nothing_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    tally = Tally()
    folder = data_folder(tmp_path)
    async with Provider.running() as provider:
        for turn in range(-(-KILLS // len(SEEDS))):
            await one_life(tmp_path, provider, turn, draw, tally)
            if tally.completed:  # a reader needs no server, and no repair before it
                found = {record.id for record in load_history(folder).records}
                assert set(tally.completed.values()) <= found
        configure(tmp_path, provider.base_url)
        async with served(tmp_path) as server:
            await server.base_url()
    records = {record.id: record for record in load_history(folder).records}
    names = Counter(record.model_requested for record in records.values())
    kept = {name: records[key].model_requested for name, key in tally.completed.items()}
    assert len(kept) > KILLS
    assert tally.unfinished
    assert tally.unexpected == []
    assert kept == {name: name for name in tally.completed}
    assert {records[key].outcome for key in tally.completed.values()} == {"passed"}
    assert names.most_common(1)[0][1] == 1
    assert provider.dispatched - set(names) == set()
    assert {record.outcome for record in records.values()} <= {"passed", "interrupted"}
    assert stored_counts(folder) == (len(records), len(records), 0)
    assert (segments(folder), damaged_segments(folder)) == ([], [])


def stored_counts(folder: Path) -> tuple[int, int, int]:
    """What the database itself has: records, records or attempts that are whole, requests still open."""
    queries = (
        "SELECT count(*) FROM records",
        "SELECT count(*) FROM records r WHERE outcome = 'interrupted'"
        " OR (SELECT count(*) FROM attempts a WHERE a.record_id = r.id) = 1",
        "SELECT count(*) FROM pending",
    )
    with closing(connect_to_read(database_path(folder))) as connection:
        records, whole, pending = (connection.execute(query).fetchone()[0] for query in queries)
    return records, whole, pending
