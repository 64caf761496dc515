"""A connection that showed its key before is taken at its word, and not a moment longer than that key is good."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from msgspec.structs import replace

from tests.gateway.house import House, house, two_tiers
from tests.gateway.keyed import issue
from tiercel.domain.keys import AccessKey
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Listener
from tiercel.gateway.keyring import Proof
from tiercel.records.key_store import KeyStore
from tiercel.testing.scripted import ScriptedProvider

FIRST, SECOND = "the-first-of-two-keys", "the-second-of-two-keys"
PATIENCE_SECONDS = 30.0


@asynccontextmanager
async def gateway(folder: Path, listener: Listener | None = None) -> AsyncIterator[House]:
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(folder, *deployments, policy=two_tiers(), listener=listener) as here:
            yield here


class OneConnection:
    """All requests on one connection, which is kept alive."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._port: int | None = None

    async def status(self, headers: dict[str, str] | dict[bytes, bytes], path: str = "/v1/models") -> int:
        answer = await self._client.get(path, headers=headers)
        port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
        assert self._port in (None, port), "it is another connection"
        self._port = port
        return answer.status_code


@asynccontextmanager
async def one_connection(here: House) -> AsyncIterator[OneConnection]:
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=here.url, limits=limits, trust_env=False) as client:
        yield OneConnection(client)


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


async def test_each_request_is_let_in_by_the_key_that_it_shows_itself(tmp_path: Path) -> None:
    client, viewer = issue(tmp_path), issue(tmp_path, AccessKey(role="viewer"))
    operator = issue(tmp_path, AccessKey(role="operator"))
    async with gateway(tmp_path) as here, one_connection(here) as connection:
        for _ in range(2):
            assert await connection.status(bearer(operator.text), "/metrics") == 200
            assert await connection.status(bearer(client.text), "/metrics") == 403
            assert await connection.status(bearer(viewer.text)) == 200
            assert await connection.status({"x-api-key": operator.text}, "/metrics") == 200
            assert await connection.status({}) == 401
            assert await connection.status(bearer(operator.text[:-1]), "/metrics") == 401
            assert await connection.status({b"authorization": b"Bearer \xfc"}) == 401


async def test_a_key_that_is_not_ascii_is_one_like_all_others(tmp_path: Path) -> None:
    odd = "schlüssel-der-aus-dem-rahmen-fällt"
    listener = Listener(port=0, keys=(Secret(odd), Secret(SECOND)))
    async with gateway(tmp_path, listener) as here, one_connection(here) as connection:
        for _ in range(2):
            assert await connection.status({b"authorization": f"Bearer {odd}".encode("latin-1")}) == 200
            assert await connection.status(bearer(SECOND)) == 200
            assert await connection.status(bearer(FIRST)) == 401


def test_a_proof_does_not_tell_the_key() -> None:
    assert FIRST not in repr(Proof(text=FIRST, key=AccessKey(id="abc"), by=None))


async def test_a_key_is_not_good_on_another_connection_for_having_been_shown_on_one(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    async with gateway(tmp_path) as here:
        async with one_connection(here) as one, one_connection(here) as other:
            assert await one.status(bearer(issued.text)) == 200
            assert await other.status({}) == 401


async def test_a_revoked_key_is_refused_on_a_connection_that_it_opened(tmp_path: Path) -> None:
    issued, other = issue(tmp_path), issue(tmp_path)
    async with gateway(tmp_path) as here, one_connection(here) as connection:
        assert await connection.status(bearer(issued.text)) == 200
        with KeyStore.open(tmp_path / "data") as store:
            store.revoke(issued.key.id)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while await connection.status(bearer(issued.text)) == 200:
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.005)
        assert await connection.status(bearer(issued.text)) == 401
        assert await connection.status(bearer(other.text)) == 200


async def test_a_key_that_the_configuration_names_no_more_is_refused_at_once(tmp_path: Path) -> None:
    listener = Listener(port=0, keys=(Secret(FIRST), Secret(SECOND)))
    async with gateway(tmp_path, listener) as here, one_connection(here) as connection:
        assert await connection.status(bearer(FIRST)) == 200
        opened = here.gateway.open_runtime
        settings = opened.runtime.state.settings
        fewer = replace(settings, listener=Listener(port=0, keys=(Secret(SECOND),)))
        opened.reload(fewer, two_tiers())
        assert await connection.status(bearer(FIRST)) == 401
        assert await connection.status(bearer(SECOND)) == 200
