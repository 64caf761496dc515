"""The server alone, in front of an application of a few lines, and raw bytes sent to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

from tiercel.domain.settings import Listener
from tiercel.gateway.app import make_door
from tiercel.gateway.connection import ClientConnection
from tiercel.gateway.door import Door
from tiercel.gateway.exchange import App, Exchange
from tiercel.gateway.server import Server

HOST = b"host: localhost\r\n"
LAST = HOST + b"connection: close\r\n"
MAX_BODY_BYTES = 1_000_000
SOON_SECONDS = 5.0


class Seen(msgspec.Struct, frozen=True):
    """What the application got."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes


class Echo:
    """Answers each request with its body, and remembers it."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    async def __call__(self, exchange: Exchange) -> None:
        body = await exchange.body(MAX_BODY_BYTES)
        self.seen.append(Seen(exchange.method, exchange.path, exchange.query, exchange.headers, body))
        await exchange.answer(200, [], body)


class Running(msgspec.Struct, frozen=True):
    """A server that listens here."""

    port: int
    door: Door
    server: Server

    @asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection to it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def answers(self, *pieces: bytes) -> bytes:
        """All that it sends until it closes the connection, for these pieces, one after the other."""
        received = b""
        # what it will not read resets the connection
        with suppress(ConnectionError):
            async with self.client() as (reader, writer), asyncio.timeout(SOON_SECONDS):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                while some := await reader.read(65_536):
                    received += some
        return received

    async def connection(self) -> ClientConnection:
        """Its end of the only connection there is."""
        await until(lambda: bool(self.door.connections))
        (connection,) = self.door.connections
        assert isinstance(connection, ClientConnection)
        return connection


async def until(holds: Callable[[], bool]) -> None:
    """Wait until this holds, which it soon must."""
    for _ in range(int(SOON_SECONDS / 0.001)):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[Running]:
    """A server in front of this application."""
    door = make_door(Listener(port=0))
    server = Server(app, host="127.0.0.1", port=0, door=door)
    try:
        yield Running(await server.start(), door, server)
    finally:
        await server.stop(0.2)


def post(body: bytes, more: bytes = HOST, path: bytes = b"/x") -> bytes:
    """A request with a body of known length."""
    return b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (path, more, len(body), body)


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next answer, whose length it says."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON_SECONDS)
    length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
    return head, await asyncio.wait_for(reader.readexactly(length), SOON_SECONDS)
