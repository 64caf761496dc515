"""Clients that hardly read: what is kept for them is bounded, others are served meanwhile, dead ones are cut off."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.crash.served import Server, ask, configure, served
from tests.gateway.house import USER, house
from tiercel.domain.json import Json
from tiercel.domain.settings import Listener
from tiercel.records.query import load_history
from tiercel.testing.delivery import Delivery
from tiercel.testing.loopback import LoopbackServer, SeenRequest
from tiercel.testing.scripted import ScriptedProvider

READERS = 500
BYTES_FOR_EACH = 256 * 1024
PIECE_CHARS = 4_096
PIECES = 256
"""A megabyte: far more than may be kept for a client."""
SMALL_BUFFER = 4_096
PAGE = 4_096


def stream_of(pieces: int, pace_seconds: float) -> Delivery:
    """A good streamed answer of so many pieces, each of them some seconds of a model's work."""
    deltas = [{"role": "assistant"}] + [{"content": "x" * PIECE_CHARS}] * pieces
    chunks: list[Json] = [{"index": 0, "delta": dict(delta), "finish_reason": None} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = tuple(
        b"data: %b\n\n"
        % msgspec.json.encode(
            {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [chunk]}
        )
        for chunk in chunks
    )
    headers = (("content-type", "text/event-stream"),)
    return Delivery(
        headers=headers, pieces=(*events, b"data: [DONE]\n\n"), stream=True, gap_seconds=pace_seconds
    )


def whole_of(chars: int) -> Delivery:
    """A good answer of so many characters in one piece."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x" * chars}, "finish_reason": "stop"}
    body = msgspec.json.encode(
        {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    )
    return Delivery(headers=(("content-type", "application/json"),), pieces=(body,))


def request_bytes(url: str, *, stream: bool) -> bytes:
    body = msgspec.json.encode({"model": "auto", "messages": USER, "stream": stream})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\n"
    return head.encode("ascii") + b"content-length: %d\r\n\r\n%b" % (len(body), body)


async def slow_reader(url: str, *, stream: bool) -> socket.socket:
    """A client that has asked and will read when it is told to; its own system takes next to nothing for it."""
    reader = socket.socket()
    loop = asyncio.get_running_loop()
    reader.setblocking(False)
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    await loop.sock_connect(reader, ("127.0.0.1", urlsplit(url).port))
    await loop.sock_sendall(reader, request_bytes(url, stream=stream))
    return reader


@asynccontextmanager
async def reading_slowly(url: str, count: int, *, stream: bool) -> AsyncIterator[list[socket.socket]]:
    """So many of them, each of which has got the first bytes of its answer."""
    readers: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    try:
        for _ in range(count):
            readers.append(await slow_reader(url, stream=stream))
        for reader in readers:
            assert (await asyncio.wait_for(loop.sock_recv(reader, 64), 30.0)).startswith(b"HTTP/1.1 200")
        yield readers
    finally:
        for reader in readers:
            reader.close()


def resident_bytes(server: Server) -> int:
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * PAGE


async def at_rest(server: Server) -> int:
    """Resident memory once it no longer grows."""
    before = resident_bytes(server)
    while True:
        await asyncio.sleep(0.5)
        now = resident_bytes(server)
        if now - before < 1_000_000:
            return now
        before = now


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("stream", [True, False])
async def test_five_hundred_slow_readers_cost_at_most_256_kb_each_and_nobody_else_anything(
    tmp_path: Path, stream: bool
) -> None:
    """A whole answer is as long as it is: there the bound is for what comes beside it."""
    answer = stream_of(PIECES, 0.1) if stream else whole_of(BYTES_FOR_EACH)
    short = whole_of(5)

    async def handle(seen: SeenRequest) -> Delivery:
        return short if b'"hi"' in seen.body else answer

    upstream = LoopbackServer(handle)
    port = await upstream.start()
    configure(tmp_path, f"http://127.0.0.1:{port}/v1")
    async with served(tmp_path) as server:
        url = await server.base_url()
        assert await ask(url) == 200
        before = resident_bytes(server)
        async with reading_slowly(url, READERS, stream=stream):
            kept = (await at_rest(server) - before) / READERS
            assert kept < BYTES_FOR_EACH * (1 if stream else 2)
            async with asyncio.timeout(5.0):
                assert [await ask(url) for _ in range(10)] == [200] * 10
    await upstream.aclose()


async def test_a_client_that_takes_nothing_is_cut_off_and_its_call_stopped(tmp_path: Path) -> None:
    listener = Listener(port=0, drain_seconds=1.0, write_seconds=0.5)
    endless = msgspec.structs.replace(stream_of(PIECES, 0.001), ending="endless")
    async with ScriptedProvider(endless) as cheap:
        async with house(tmp_path, cheap.deployment("cheap"), listener=listener) as here:
            reader = await slow_reader(here.url, stream=True)
            await asyncio.wait_for(cheap.wait_for_abandoned(1), 10.0)
            reader.close()
    (record,) = load_history(tmp_path / "data").records
    assert record.outcome == "cancelled"
    (attempt,) = record.attempts
    assert attempt.usage is not None
    assert (attempt.usage.source, attempt.usage.visible > 0) == ("partial", True)


async def test_a_client_that_takes_nothing_of_a_whole_answer_is_cut_off_too(tmp_path: Path) -> None:
    listener = Listener(port=0, drain_seconds=1.0, write_seconds=0.5)
    async with (
        ScriptedProvider(whole_of(3_000_000)) as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        reader = await slow_reader(here.url, stream=False)
        loop = asyncio.get_running_loop()
        received = len(await loop.sock_recv(reader, 64))
        await asyncio.sleep(2.5)
        while piece := await loop.sock_recv(reader, 65_536):
            received += len(piece)
        assert received < 1_000_000
        reader.close()


async def test_a_client_that_reads_slowly_but_reads_gets_everything(tmp_path: Path) -> None:
    listener = Listener(port=0, drain_seconds=1.0, write_seconds=1.5)
    async with (
        ScriptedProvider(stream_of(100, 0.0)) as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        reader = await slow_reader(here.url, stream=True)
        loop = asyncio.get_running_loop()
        received = b""
        while b"[DONE]" not in received:
            piece = await asyncio.wait_for(loop.sock_recv(reader, 16_384), 5.0)
            assert piece, "it was cut off"
            received += piece
            await asyncio.sleep(0.05)
        assert received.count(b"x" * PIECE_CHARS) > 90
        reader.close()
