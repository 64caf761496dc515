"""Two `tiercel serve` with one PostgreSQL: the same keys, and budgets that hold across both, whatever ends one."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.crash.served import WAIT_SECONDS, Server, configure, served
from tests.gateway.plain_http import Answer, call
from tests.records.place import Place
from tests.records.postgres_server import PostgresServer, postgres_server, reason_for_none
from tiercel.domain.keys import AccessKey, Budget
from tiercel.gateway.slices import LEASE_SECONDS
from tiercel.records.key_secrets import PEPPER_VARIABLE
from tiercel.records.key_store import IssuedKey, KeyStore
from tiercel.testing.scripted import Says, ScriptedProvider

pytestmark = pytest.mark.skipif(reason_for_none() is not None, reason=str(reason_for_none()))

PEPPER = "p" * 64
STORAGE = 'database_url_env = "RECORDS_URL"'
HELLO = {"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "Say hello"}]}
ANSWER = Says(text="hello", input_tokens=10, output_tokens=100)
COST_NANO = 10 * 1_000 + 100 * 2_000
MOST_NANO = COST_NANO + 8_000
"""What such a request may cost at most, and a little; twenty of them would not fit into room for ten."""


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


class Pair:
    """Two servers, and a key that both know."""

    def __init__(self, place: Place, servers: list[Server], urls: list[str], key: IssuedKey) -> None:
        self.place = place
        self.servers = servers
        self.urls = urls
        self.key = key

    async def ask(self, number: int) -> Answer:
        headers = {"authorization": f"Bearer {self.key.text}"}
        return await call(
            self.urls[number], "POST", "/v1/chat/completions", msgspec.json.encode(HELLO), headers
        )

    async def becomes(self, status: int, number: int) -> None:
        """Ask this server until it answers so."""
        async with asyncio.timeout(2 * WAIT_SECONDS):
            while (answer := await self.ask(number)).status != status:
                assert answer.status in (200, 401, 429, 503), answer.body
                await asyncio.sleep(0.05)


@asynccontextmanager
async def pair(
    folder: Path, database: PostgresServer, provider: ScriptedProvider, budget_nano: int, more: str = ""
) -> AsyncIterator[Pair]:
    url = database.new_database()
    environment = {"RECORDS_URL": url.reveal(), PEPPER_VARIABLE: PEPPER}
    place = Place(folder / "keys", url)
    with KeyStore.open(place.folder, environment, make=True, database_url=url) as store:
        key = store.create(AccessKey(project="team", budget=Budget(day_nano=budget_nano)))
    async with AsyncExitStack() as stack:
        servers = []
        for name in ("a", "b"):
            (folder / name).mkdir()
            configure(folder / name, provider.base_url, storage=f"{STORAGE}\n{more}")
            servers.append(await stack.enter_async_context(served(folder / name, environment=environment)))
        yield Pair(place, servers, [await server.base_url() for server in servers], key)


async def test_two_hundred_at_once_over_two_processes_spend_no_more_than_ten_requests_worth(
    database: PostgresServer, tmp_path: Path
) -> None:
    """All are under way before the first is answered; afterwards what they did not cost is free again, for both."""
    release = asyncio.Event()
    async with ScriptedProvider() as provider:
        provider.default = msgspec.structs.replace(ANSWER, release=release)
        async with pair(tmp_path, database, provider, 10 * MOST_NANO) as both:
            asked = [asyncio.create_task(both.ask(number % 2)) for number in range(200)]
            waiting = set(asked)
            while len(waiting) > 10:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            await provider.wait_for_requests(len(waiting))
            release.set()
            answers = await asyncio.gather(*asked)
            statuses = [one.status for one in answers]
            assert (statuses.count(200), statuses.count(429)) == (10, 190)
            assert len(provider.requests) == 10
            provider.default = ANSWER
            assert await spent_until_refused(both, provider) <= 10 * MOST_NANO


async def spent_until_refused(both: Pair, provider: ScriptedProvider) -> int:
    """Ask one after the other, in turn, until neither has anything left for a while. What all of it cost."""
    refused_since = None
    number = 0
    async with asyncio.timeout(2 * WAIT_SECONDS):
        while refused_since is None or time.monotonic() - refused_since < 5.0:
            answer = await both.ask(number % 2)
            number += 1
            if answer.status == 200:
                refused_since = None
            else:
                refused_since = refused_since or time.monotonic()
                await asyncio.sleep(0.05)
    return len(provider.requests) * COST_NANO


async def test_a_key_revoked_in_the_database_is_refused_by_every_gateway(
    database: PostgresServer, tmp_path: Path
) -> None:
    async with ScriptedProvider() as provider:
        provider.default = ANSWER
        async with pair(tmp_path, database, provider, 100 * MOST_NANO) as both:
            assert [(await both.ask(number)).status for number in (0, 1)] == [200, 200]
            environment = {PEPPER_VARIABLE: PEPPER}
            with KeyStore.open(both.place.folder, environment, database_url=both.place.url) as store:
                store.revoke(both.key.key.id)
            for number in (0, 1):
                await both.becomes(401, number)


async def test_kill_during_reservations_leaks_nothing_past_its_time(
    database: PostgresServer, tmp_path: Path
) -> None:
    """Until its lease ends nobody else may have what the killed one had set aside; then they have it all."""
    never = asyncio.Event()
    async with ScriptedProvider() as provider:
        provider.default = msgspec.structs.replace(ANSWER, release=never)
        async with pair(tmp_path, database, provider, 2 * MOST_NANO) as both:
            held = [asyncio.create_task(both.ask(0)) for _ in range(2)]
            await provider.wait_for_requests(2)
            assert (await both.ask(1)).status == 429
            await both.servers[0].kill()
            await asyncio.gather(*held, return_exceptions=True)
            assert (await both.ask(1)).status == 429
            provider.default = ANSWER
            leases = both.place.ask(
                "SELECT expires_at - extract(epoch FROM now()) FROM slice_leases ORDER BY 1"
            )
            assert all(float(left) <= LEASE_SECONDS for (left,) in leases)
            # its time passes
            both.place.ask(
                "UPDATE slice_leases SET expires_at = 0 WHERE instance IN"
                " (SELECT instance FROM slices GROUP BY 1 HAVING sum(ceiling_nano) > 0)"
            )
            await both.becomes(200, 1)


@pytest.mark.parametrize(("chosen", "status"), [("refuse", 503), ("serve", 200)])
async def test_without_the_database_budgets_are_refused_or_served_as_chosen(
    database: PostgresServer, tmp_path: Path, chosen: str, status: int
) -> None:
    """What was agreed holds on; beyond it the operator's word does."""
    async with ScriptedProvider() as provider:
        provider.default = ANSWER
        more = f'when_budgets_unknown = "{chosen}"'
        async with pair(tmp_path, database, provider, 1_000 * MOST_NANO, more) as both:
            await both.becomes(200, 0)
            database.stop()
            try:
                if status == 503:
                    await both.becomes(503, 0)
                else:
                    for _ in range(40):
                        assert (await both.ask(0)).status == 200
            finally:
                database.start()
            await both.becomes(200, 0)
