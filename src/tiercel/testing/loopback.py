"""The little HTTP/1.1 server under the scripted provider and the lab: loopback only, and able to break the rules.

A general server would put right what a fault has to get wrong, so this one sends deliveries as they are. It takes
requests whose length is announced, one after another on a connection, and notices when the client leaves.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.testing.delivery import Delivery

BREATH_SECONDS = 0.001
"""The least pause between the pieces of an endless answer: it shall not end, and not take the machine either."""
PHRASES = {status.value: status.phrase for status in HTTPStatus}


class SeenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> JsonObject:
        """The body as JSON. Raises `msgspec.DecodeError` where it is none, and `TypeError` where it is no object."""
        value: Json = msgspec.json.decode(self.body)
        if not isinstance(value, dict):
            raise TypeError(f"the body is no JSON object: {type(value).__name__}")
        return value


Handler = Callable[[SeenRequest], Awaitable[Delivery | bytes]]
"""What to send for a request: a delivery, or exactly these bytes and then the end of the connection."""


class LoopbackServer:
    """Serves `handle` on 127.0.0.1. `abandoned` is told of each answer whose client left before its end."""

    def __init__(self, handle: Handler, abandoned: Callable[[], Awaitable[None]] | None = None) -> None:
        self._handle = handle
        self._abandoned = abandoned
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> int:
        """Listen; 0 takes any free port. Returns the port. Raises `OSError` where it cannot be had."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Stop at once: running answers are cut."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports that were just closed report so
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        incoming = _Incoming(reader)
        try:
            while await self._serve_one(incoming, writer):
                pass
        except (ConnectionError, EOFError):
            pass  # the client left between two requests, or in the middle of one: its right
        except asyncio.CancelledError:
            # only `aclose` cancels it, and waits; some versions of asyncio complain aloud of a cancelled connection
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve_one(self, incoming: "_Incoming", writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it; whether the connection may be used again."""
        seen = await incoming.request()
        answering = asyncio.ensure_future(self._answer(seen, writer))
        leaving = asyncio.ensure_future(incoming.client_left())
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if answering.done() and not isinstance(answering.exception(), ConnectionError):
                return answering.result()
            if self._abandoned is not None:
                await self._abandoned()
            return False
        finally:
            answering.cancel()
            leaving.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, seen: SeenRequest, writer: asyncio.StreamWriter) -> bool:
        delivery = await self._handle(seen)
        if isinstance(delivery, bytes):
            writer.write(delivery)
            await writer.drain()
            return False
        await asyncio.sleep(delivery.before_seconds)
        writer.write(delivery.interim)
        if delivery.head:
            writer.write(_head(delivery))
        for number, piece in enumerate(delivery.pieces):
            if delivery.release is not None and number == delivery.release_after:
                await delivery.release.wait()
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if delivery.stream else piece)
            await writer.drain()
            if delivery.gap_seconds:
                await asyncio.sleep(delivery.gap_seconds)
        return await _finish(delivery, writer)


class _Incoming:
    """The requests of one connection. What comes early, while an answer is being sent, is kept for the next one."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._early = b""

    async def client_left(self) -> None:
        """Return when the client has closed its side."""
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                await self._more()

    async def request(self) -> SeenRequest:
        """The next request. Raises `EOFError` where the client leaves before it is complete."""
        while b"\r\n\r\n" not in self._early:
            await self._more()
        head, _, self._early = self._early.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        while len(self._early) < length:
            await self._more()
        body, self._early = self._early[:length], self._early[length:]
        return SeenRequest(method=method, path=path, headers=headers, body=body)

    async def _more(self) -> None:
        data = await self._reader.read(65_536)
        if not data:
            raise EOFError
        self._early += data


def _head(delivery: Delivery) -> bytes:
    length = (
        ("transfer-encoding", "chunked")
        if delivery.stream
        else ("content-length", str(delivery.content_length))
    )
    lines = [f"HTTP/1.1 {delivery.status} {_phrase(delivery.status)}"]
    lines += [f"{name}: {value}" for name, value in (*delivery.headers, length)]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def _phrase(status: int) -> str:
    return PHRASES.get(status, "Unassigned")


async def _repeat(delivery: Delivery, writer: asyncio.StreamWriter) -> None:
    """Send the last piece until the other side leaves, which cancels this."""
    piece = delivery.pieces[-1] if delivery.pieces else b" "
    while True:
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if delivery.stream else piece)
        await writer.drain()
        await asyncio.sleep(max(delivery.gap_seconds, BREATH_SECONDS))


async def _finish(delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
    if delivery.ending == "endless":
        await _repeat(delivery, writer)
    if delivery.ending == "stall":
        await asyncio.Event().wait()
    if delivery.ending == "cut":
        writer.transport.abort()
        return False
    if delivery.stream:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    return True
