"""A provider that says exactly what a test tells it to, over a real loopback socket, and remembers what it was asked.

It speaks just enough HTTP/1.1 to serve one client library at a time and to break the rules on purpose. It is not a
simulation of any model: for that there is the lab.
"""

import asyncio
import contextlib
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeAlias

import msgspec

from tiercel.domain.catalog import Capabilities, Deployment, Model, Prices, Provider, UpstreamFormat
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.secret import Secret
from tiercel.testing.faults import Delivery, Fault
from tiercel.testing.replies import Called, Said, delivery_of

PHRASES = {status.value: status.phrase for status in HTTPStatus}
QUIRKS: dict[UpstreamFormat, str] = {"openai_chat": "openai", "anthropic": "anthropic"}


class Says(Said, frozen=True, kw_only=True):
    """Answers well, in the provider's format, streamed where the request asks for a stream.

    With `fault` something goes wrong on the way. With `release` the answer waits until that event is set, so that a
    test holds a call in flight without sleeping; with `release_after` it waits there only after so many pieces.
    """

    fault: Fault | None = None
    release: asyncio.Event | None = None
    release_after: int = 0


class Fails(Fault, frozen=True, kw_only=True, omit_defaults=True):
    """Answers with nothing good: a fault by itself, such as `Fails(status=429, retry_after="2")`."""


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """Writes exactly these bytes to the socket, status line included, and closes it."""

    data: bytes


Reply: TypeAlias = Says | Fails | Raw | Delivery

UNSCRIPTED = Fails(status=501, message="nothing more is scripted for this provider")


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


class ScriptedProvider:
    """A server whose replies are a queue. Use it as `async with ScriptedProvider(Says(text="hello")) as provider`.

    Each request takes the next reply; once they are used up `default` answers, which is a 501 unless set.
    """

    def __init__(
        self, *replies: Reply, format: UpstreamFormat = "openai_chat", name: str = "scripted"
    ) -> None:
        self.format = format
        self.name = name
        self.default: Reply = UNSCRIPTED
        self.requests: list[SeenRequest] = []
        self.abandoned = 0
        """How many replies were not finished because the client left."""
        self._replies: list[Reply] = list(replies)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self._port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports that were just closed report so
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def unused(self) -> int:
        """How many replies nobody asked for yet."""
        return len(self._replies)

    def add(self, *replies: Reply) -> None:
        """Queue more replies."""
        self._replies.extend(replies)

    async def wait_for_requests(self, count: int) -> None:
        """Return once `count` requests in all have arrived."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)

    async def wait_for_abandoned(self, count: int) -> None:
        """Return once the client has left `count` replies unfinished."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.abandoned >= count)

    def provider(self, key: str | None = "sk-scripted") -> Provider:
        """This server as the catalog's provider."""
        return Provider(
            name=self.name,
            format=self.format,
            base_url=self.base_url,
            key=None if key is None else Secret(key),
            quirks=QUIRKS[self.format],
        )

    def deployment(
        self,
        model: str = "scripted",
        *,
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - frozen
        prices: Prices = Prices(input=1_000_000_000, output=5_000_000_000),  # noqa: B008 - frozen
        tokens_per_second: float | None = None,
        residency: tuple[str, ...] = (),
    ) -> Deployment:
        """A model served here, for a catalog. One dollar a million input tokens and five for output, unless given."""
        return Deployment(
            name=model,
            model=Model(
                name=model, capabilities=capabilities, prices=prices, tokens_per_second=tokens_per_second
            ),
            provider=self.provider(),
            upstream_name=model,
            residency=residency,
        )

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
            writer.transport.abort()
            raise
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve_one(self, incoming: "_Incoming", writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it; whether the connection may be used again."""
        seen = await incoming.request()
        reply = self._replies.pop(0) if self._replies else self.default
        async with self._changed:
            self.requests.append(seen)
            self._changed.notify_all()
        answering = asyncio.ensure_future(self._answer(reply, seen, writer))
        leaving = asyncio.ensure_future(incoming.client_left())
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if answering.done() and not isinstance(answering.exception(), ConnectionError):
                return answering.result()
            async with self._changed:
                self.abandoned += 1
                self._changed.notify_all()
            return False
        finally:
            answering.cancel()
            leaving.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, reply: Reply, seen: SeenRequest, writer: asyncio.StreamWriter) -> bool:
        if isinstance(reply, Raw):
            writer.write(reply.data)
            await writer.drain()
            return False
        delivery = self._delivery(reply, seen)
        hold = reply.release if isinstance(reply, Says) else None
        hold_after = reply.release_after if isinstance(reply, Says) else 0
        await asyncio.sleep(delivery.before_seconds)
        if hold is not None and hold_after == 0:
            await hold.wait()
        writer.write(_head(delivery))
        for number, piece in enumerate(delivery.pieces):
            if hold is not None and number == hold_after > 0:
                await hold.wait()
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if delivery.stream else piece)
            await writer.drain()
            if delivery.gap_seconds:
                await asyncio.sleep(delivery.gap_seconds)
        return await _finish(delivery, writer)

    def _delivery(self, reply: Says | Fails | Delivery, seen: SeenRequest) -> Delivery:
        if isinstance(reply, Delivery):
            return reply
        if isinstance(reply, Fails):
            return reply.spoil(Delivery(headers=(("content-type", "application/json"),)), self.format)
        try:
            request = seen.json
        except (msgspec.DecodeError, TypeError):
            request = {}
        delivery = delivery_of(reply, self.format, request)
        return delivery if reply.fault is None else reply.fault.spoil(delivery, self.format)


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


async def _finish(delivery: Delivery, writer: asyncio.StreamWriter) -> bool:
    if delivery.ending == "stall":
        await asyncio.Event().wait()
    if delivery.ending == "cut":
        writer.transport.abort()
        return False
    if delivery.stream:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    return True


__all__ = ["Called", "Delivery", "Fails", "Fault", "Raw", "Reply", "Says", "ScriptedProvider", "SeenRequest"]
