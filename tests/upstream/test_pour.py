"""A body poured into a sink: as it comes, no faster than the sink allows, and to the end or as far as it is wanted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from functools import partial

import pytest

from tests.upstream.scripted import Peer, answer, chunk, chunked, scripted, until
from tiercel.upstream.http import HttpClient


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient({})
    yield made
    await made.aclose()


async def test_a_body_is_poured_as_it_comes(client: HttpClient) -> None:
    """Each piece reaches the sink before the next is sent, those that came with the head included."""
    got: list[bytes] = []

    def has(size: int) -> bool:
        return len(b"".join(got)) == size

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(b"0", end=False))
        for number in range(1, 4):
            await until(partial(has, number))
            await peer.send(chunk(b"%d" % number))
        await peer.send(b"0\r\n\r\n")

    async with scripted(script) as server:
        response = await client.request("POST", server.url)
        await response.pour(got.append)
        assert b"".join(got) == b"0123"
        assert client.idle_connections == 1


async def test_a_sink_that_pauses_gets_no_more_until_it_is_done(client: HttpClient) -> None:
    events: list[str] = []

    async def pause() -> None:
        await asyncio.sleep(0.01)
        events.append("done")

    def sink(data: bytes) -> Awaitable[None]:
        events.append("piece")
        return pause()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(b"0", end=False))
        for _ in range(20):
            await peer.send(chunk(b"."))
            await asyncio.sleep(0.001)
        await peer.send(b"0\r\n\r\n")

    async with scripted(script) as server:
        response = await client.request("POST", server.url)
        await response.pour(sink)
        assert len(events) > 3
        assert events == ["piece", "done"] * (len(events) // 2)


async def test_a_sink_that_has_enough_keeps_the_connection(client: HttpClient) -> None:
    """What comes after it let go is dropped, and the connection serves the next call."""
    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(end=False))
        await peer.send(chunk(b"enough"))
        await until(lambda: bool(got))
        await peer.send(chunk(b"more") + b"0\r\n\r\n")
        await peer.request()
        await peer.send(answer(b"next"))

    async with scripted(script) as server:
        response = await client.request("POST", server.url)

        def sink(data: bytes) -> None:
            got.append(data)
            response.let_go()

        await response.pour(sink)
        await until(lambda: client.idle_connections == 1)
        following = await client.request("POST", server.url)
        assert (got, await following.read()) == ([b"enough"], b"next")


@pytest.mark.parametrize("comes_later", [False, True])
async def test_what_a_sink_raises_is_raised_to_the_reader(client: HttpClient, comes_later: bool) -> None:
    """Also where the sink was called by the transport; the connection is closed."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(chunked(*([] if comes_later else [b"x"]), end=False))
        if comes_later:
            await asyncio.sleep(0.01)
            await peer.send(chunk(b"x"))
        await peer.gone()

    def sink(data: bytes) -> None:
        raise LookupError("ours")

    async with scripted(script) as server:
        response = await client.request("POST", server.url)
        with pytest.raises(LookupError, match="ours"):
            await response.pour(sink)
        response.close()
        await until(lambda: client.open_connections == 0)
