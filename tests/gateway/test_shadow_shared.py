"""Copies where several gateways share a PostgreSQL: registered runs reach each, and their dollars are one sum."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import House, one_tier, settings_for
from tests.gateway.test_shadow import BRIEF, DOLLAR, ask, copies, shadowed, skipped, until
from tests.records.place import Place
from tests.records.postgres_server import PostgresServer, postgres_server, reason_for_none
from tests.records.test_pairs import FULL
from tiercel.domain.catalog import Deployment
from tiercel.domain.policy import Policy
from tiercel.domain.secret import Secret
from tiercel.domain.shadow import ShadowRun
from tiercel.gateway.app import running
from tiercel.records.pairs import each_pair
from tiercel.records.shadow_store import ShadowStore
from tiercel.testing.scripted import Says, ScriptedProvider

pytestmark = pytest.mark.skipif(reason_for_none() is not None, reason=str(reason_for_none()))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def url(server: PostgresServer, tmp_path: Path) -> Secret:
    """A database that another gateway has made, and uses."""
    made = server.new_database()
    Place(tmp_path, made).store().close()
    return made


@asynccontextmanager
async def sharing(folder: Path, url: Secret, policy: Policy, *models: Deployment) -> AsyncIterator[House]:
    """A house whose records are in this database."""
    settings = settings_for(folder, *models)
    storage = msgspec.structs.replace(settings.storage, database_url=url)
    async with running(msgspec.structs.replace(settings, storage=storage), policy, port=0) as gateway:
        here = House(gateway)
        yield here
        await here.client.close()


async def test_what_another_gateway_spent_is_not_there_twice(tmp_path: Path, url: Secret) -> None:
    """Its day's dollars for the same rule are ours as well."""
    store = Place(tmp_path, url).store()
    attempts = tuple(msgspec.structs.replace(one, cost_nano=DOLLAR) for one in FULL.attempts)
    store.insert(
        [msgspec.structs.replace(FULL, run="", received_at=time.time(), attempts=attempts)], "segment", 1
    )
    store.close()
    async with ScriptedProvider(Says(text="hello")) as live, ScriptedProvider(name="other") as other:
        first, second = live.deployment("live"), other.deployment("candidate", capabilities=BRIEF)
        async with sharing(tmp_path / "ours", url, shadowed(first), first, second) as here:
            assert (await ask(here)).status == 200
            await until(lambda: skipped(here) == {"budget": 1})
            assert other.requests == []


async def test_a_registered_run_reaches_every_gateway(tmp_path: Path, url: Secret) -> None:
    """What a command wrote into the database is copied by a server on another folder, until it is stopped."""
    async with ScriptedProvider() as live, ScriptedProvider(name="other") as other:
        live.default = other.default = Says(text="hello")
        first, second = live.deployment("live"), other.deployment("candidate", capabilities=BRIEF)
        async with sharing(tmp_path / "ours", url, one_tier((first,)), first, second) as here:
            store = ShadowStore(tmp_path, url)
            store.start(
                ShadowRun(
                    id="run_1",
                    candidate="candidate",
                    share=1.0,
                    budget_nano=DOLLAR,
                    started_at=time.time() - 1,
                )
            )
            await until(lambda: bool(here.gateway.runtime.shadowing.runs))
            await ask(here)
            await copies(here, 1)
            store.stop("run_1", at=time.time(), reason="by hand")
            await until(lambda: not here.gateway.runtime.shadowing.runs)
            store.close()
        found = await asyncio.to_thread(lambda: list(each_pair(tmp_path / "ours", database_url=url)))
        assert [(pair.run, pair.candidate) for pair in found] == [("run_1", "candidate")]
