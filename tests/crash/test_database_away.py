"""`tiercel serve` with a PostgreSQL that is taken away: it serves on, says so, and nothing is lost when it is back."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.crash.served import SOON_SECONDS, ask, configure, readiness, served
from tests.records.place import Place
from tests.records.postgres_server import PASSWORD, PostgresServer, postgres_server, reason_for_none
from tiercel.records.recorder import WAITING
from tiercel.testing.scripted import Says, ScriptedProvider

pytestmark = pytest.mark.skipif(reason_for_none() is not None, reason=str(reason_for_none()))

DRAINED_WITHIN_SECONDS = 30.0
REQUESTS = 20
STORAGE = 'database_url_env = "RECORDS_URL"'


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


async def becomes(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns once it is true; fails when it does not become so in time."""
    async with asyncio.timeout(DRAINED_WITHIN_SECONDS):
        while True:
            if await condition():
                return
            await asyncio.sleep(SOON_SECONDS)


@pytest.mark.parametrize(
    ("take_away", "give_back"),
    [
        (PostgresServer.stop, PostgresServer.start),
        (PostgresServer.freeze, PostgresServer.thaw),
    ],
    ids=["stopped", "frozen"],
)
async def test_it_serves_on_and_loses_nothing(
    database: PostgresServer,
    tmp_path: Path,
    take_away: Callable[[PostgresServer], None],
    give_back: Callable[[PostgresServer], None],
) -> None:
    """Every request is answered, most within a second on any machine; all records are in the database soon after it is
    back."""
    url = database.new_database()
    place = Place(tmp_path / "tiercel-data", url)
    async with ScriptedProvider() as provider:
        provider.default = Says(text="hello")
        configure(tmp_path, provider.base_url, storage=STORAGE)
        async with served(tmp_path, environment={"RECORDS_URL": url.reveal()}) as server:
            base_url = await server.base_url()
            assert await ask(base_url) == 200
            await becomes(lambda: has(place, 1))
            take_away(database)
            took = []
            for _ in range(REQUESTS):
                began = time.monotonic()
                assert await ask(base_url) == 200
                took.append(time.monotonic() - began)
            await becomes(lambda: tells(base_url))
            assert await ask(base_url) == 200
            give_back(database)
            await becomes(lambda: has(place, REQUESTS + 2))
    assert statistics.median(took) < 1.0
    assert PASSWORD not in server.said
    assert len(place.stored()) == REQUESTS + 2
    assert set(place.outcomes().values()) == {"passed"}


async def has(place: Place, count: int) -> bool:
    """Whether the database has so many records; it may have no tables yet."""
    try:
        return len(await asyncio.to_thread(place.stored)) == count
    except psycopg.errors.UndefinedTable:
        return False


async def tells(base_url: str) -> bool:
    """Whether /readyz says that records wait, and that it is ready all the same."""
    return await readiness(base_url) == (200, WAITING)
