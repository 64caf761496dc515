"""Framing and slow attacks: no request hides in another, and nobody keeps a connection by being slow."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.gateway.house import house, one_tier, settings_for
from tests.gateway.plain_http import call
from tests.security.framing_cases import CHUNKED, FRAMING, HOST
from tests.security.raw_bytes import BODY, HIDDEN, exchange_bytes, statuses
from tiercel.domain.settings import Listener
from tiercel.gateway.app import Gateway, make_door, open_runtime
from tiercel.gateway.server import Server
from tiercel.testing.scripted import Says, ScriptedProvider

REFUSED = {400, 414, 431, 505}
SLOW_CLIENTS = 300
SOON_SECONDS = 1.0
LONG_SECONDS = 8.0
"""Less than any of the slow ones takes to send all that it has."""
LAST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"


async def test_requests_that_could_be_read_in_two_ways_are_refused(tmp_path: Path) -> None:
    """Each gets one refusal and an end; what hides behind it is never answered and reaches no provider."""
    wrong: dict[str, object] = {}
    async with ScriptedProvider(Says(text="x")) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        for name, data in FRAMING.items():
            received, closed = await exchange_bytes(here.url, data)
            if not closed or len(statuses(received)) != 1 or not set(statuses(received)) <= REFUSED:
                wrong[name] = received, closed
        assert cheap.requests == []
    assert len(FRAMING) >= 60
    assert wrong == {}


@pytest.mark.parametrize(
    "request_bytes",
    [
        LAST + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
        LAST + CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
        LAST + CHUNKED + b"\r\n%X;a=b\r\n%b\r\n00\r\nX-Trailer: 1\r\n\r\n" % (len(BODY), BODY),
        b"\r\n" + LAST + b"content-length:%d\r\n\r\n%b" % (len(BODY), BODY),
    ],
    ids=["length", "chunked", "extension and trailer", "empty line first"],
)
async def test_what_the_standard_allows_is_answered(tmp_path: Path, request_bytes: bytes) -> None:
    async with ScriptedProvider(Says(text="x")) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        received, closed = await exchange_bytes(here.url, request_bytes)
        assert (statuses(received), closed, len(cheap.requests)) == ([200], True, 1)


async def test_what_follows_a_body_is_no_header(tmp_path: Path) -> None:
    """A proxy in front may take headers out; those behind a chunked body it does not look at."""
    async with ScriptedProvider(Says(text="x")) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        data = LAST + CHUNKED + b"\r\n%x\r\n%b\r\n0\r\nx-tiercel-risk: extreme\r\n\r\n" % (len(BODY), BODY)
        received, _ = await exchange_bytes(here.url, data)
        assert statuses(received) == [200]


async def test_a_refusal_is_never_taken_for_the_answer_before_it(tmp_path: Path) -> None:
    """A good request, and at once a bad one: the bad one's 400 must not arrive as the good one's answer."""
    release = asyncio.Event()
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        cheap.default = Says(text="x", release=release)
        received, closed = await exchange_bytes(here.url, HIDDEN + b"nonsense\r\n\r\n")
        assert (received, closed) == (b"", True)
        release.set()


async def test_what_goes_wrong_after_an_answer_is_no_second_answer(tmp_path: Path) -> None:
    """The body is refused for its size, and goes on as nonsense: one 413, and the end."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n"
    listener = Listener(port=0, max_body_bytes=10)
    async with (
        ScriptedProvider() as cheap,
        house(tmp_path, cheap.deployment("cheap"), listener=listener) as here,
    ):
        url = urlsplit(here.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(head + b"64\r\n" + b"x" * 100 + b"\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413 ")
        writer.write(b"nonsense\r\n" + HIDDEN)
        rest = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert statuses(rest) == []


@asynccontextmanager
async def impatient(folder: Path, provider: ScriptedProvider) -> AsyncIterator[str]:
    """A gateway that waits a second for what it usually waits ten and sixty for."""
    deployment = provider.deployment("cheap")
    settings = settings_for(folder, deployment)
    opened = open_runtime(settings, one_tier((deployment,)))
    door = msgspec.structs.replace(
        make_door(settings.listener), headers_seconds=SOON_SECONDS, body_seconds=SOON_SECONDS
    )
    server = Server(Gateway(opened.runtime), host="127.0.0.1", port=0, door=door)
    try:
        yield f"http://127.0.0.1:{await server.start()}"
    finally:
        await server.stop(1.0)
        await opened.close()


SLOW = {
    "nothing at all": [b""],
    "a head, byte by byte": [bytes([byte]) for byte in LAST + b"X: " + b"y" * 200],
    "headers without end": [LAST] + [b"X-%d: y\r\n" % number for number in range(90)],
    "a body, byte by byte": [LAST + b"Content-Length: 10000\r\n\r\n"] + [b"x"] * 200,
    "chunks, byte by byte": [LAST + CHUNKED + b"\r\n"] + [b"1\r\nx\r\n"] * 200,
    "empty lines after an answer": [b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"] + [b"\r\n"] * 200,
}


async def ended_after(base_url: str, pieces: list[bytes]) -> float:
    """Send them one by one, a twentieth of a second apart; for how long the server put up with it."""
    url = urlsplit(base_url)
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    reading = asyncio.create_task(reader.read(-1))
    try:
        for piece in pieces:
            writer.write(piece)
            done, _ = await asyncio.wait((reading,), timeout=0.05)
            if done:
                break
        await asyncio.wait((reading,), timeout=10)
        assert reading.done(), "it waits for ever"
        reading.exception()  # a reset is an end too
    finally:
        reading.cancel()
        writer.close()
    return time.monotonic() - began


@pytest.mark.parametrize("pieces", SLOW.values(), ids=SLOW.keys())
async def test_whoever_is_too_slow_loses_the_connection(tmp_path: Path, pieces: list[bytes]) -> None:
    """One second is allowed here and the sweep comes once a second; what is sent takes longer than is waited for."""
    async with ScriptedProvider() as cheap, impatient(tmp_path, cheap) as base_url:
        assert await ended_after(base_url, pieces) < LONG_SECONDS
        assert cheap.requests == []


async def test_hundreds_of_slow_clients_stand_in_nobodys_way(tmp_path: Path) -> None:
    """While all three hundred dribble, whoever asks plainly is answered, and in the end the slow ones are gone."""
    async with ScriptedProvider() as cheap, impatient(tmp_path, cheap) as base_url:
        pieces = SLOW["headers without end"][:10]
        slow = [asyncio.create_task(ended_after(base_url, pieces)) for _ in range(SLOW_CLIENTS)]
        answered = 0
        while not any(task.done() for task in slow):
            assert (await call(base_url, "GET", "/v1/models")).status == 200
            answered += 1
        await asyncio.gather(*slow)
        assert answered > 2
