"""One HTTP request and its answer, as thin as ASGI allows: headers, a bounded body, sending, a client that leaves."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qs

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json
from tiercel.domain.keys import AccessKey
from tiercel.domain.record import Record

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")


CONNECTION = "tiercel.connection"
"""The extension of a request's scope under which our server leaves the connection itself."""


class Connection(Protocol):
    """What is needed of the connection beyond ASGI: to be told at once when it is lost, without a task waiting; and
    whether there was room for it."""

    on_lost: Callable[[], None] | None
    one_too_many: bool

    def take_body(self) -> bytes | None:
        """The body, if it is here as a whole."""
        ...

    def answer_at_once(self, status: int, head: bytes, body: bytes) -> bool:
        """Send a whole answer in one write, if that can be done."""
        ...

    def send_chunk(self, data: bytes) -> bool:
        """Send a piece of a stream, if that can be done without waiting."""
        ...


class ClientLeftError(Exception):
    """The client closed its connection."""


class Sent:
    """What was sent, for whoever wants to send it again; `pieces` stay empty once there are too many."""

    def __init__(self, max_bytes: int) -> None:
        self.status = 0
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        self.complete = False
        self._room = max_bytes

    @property
    def too_long(self) -> bool:
        return self._room < 0

    def add(self, data: bytes) -> None:
        self._room -= len(data)
        if self._room >= 0:
            self.pieces.append(data)
        else:
            self.pieces.clear()


class Leaving:
    """While it is entered, the task that entered it ends with its client. No generator: one of these per request."""

    def __init__(self, exchange: "Exchange", connection: Connection | None) -> None:
        self._exchange = exchange
        self._connection = connection
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        if self._connection is not None:
            self._connection.on_lost = self._leave

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.on_lost = None

    def _leave(self) -> None:
        self._exchange.client_left = True
        if self._task is not None:
            self._task.cancel()


class Exchange:
    """A request being answered. `id` names it in every answer, record and log line."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self.id = request_id
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        # reversed, so that of headers sent twice the first counts
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self._receive = receive
        self._send = send
        self._connection: Connection | None = scope.get("extensions", {}).get(CONNECTION)
        self.client_left = False
        self.key: AccessKey | None = None
        """Who asks, once that was admitted."""
        self.started = False
        self.recorded = False
        """Whether there is a record under this id for the client to look at."""
        self.crash_bytes: Callable[[], bytes] | None = None
        """What to send when our own code breaks after the answer began: an explicit error in the client's format."""
        self.sent: Sent | None = None
        """Set by who wants to know what was sent."""
        self.unfinished: Record | None = None
        """The record so far of a request that was sent out, for the same case."""

    @property
    def caller(self) -> AccessKey:
        """Who asks. Only where the exchange was admitted."""
        assert self.key is not None, "nobody was let in"
        return self.key

    def close(self) -> None:
        """Let go of what points back here, so that a finished exchange is freed at once and not by the collector."""
        self.crash_bytes = None
        self._connection = None

    @property
    def one_too_many(self) -> bool:
        """Whether more clients are connected than there is room for, this one among the last to come."""
        return self._connection is not None and self._connection.one_too_many

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Whether there is a header of one of these lower-case names."""
        return not names.isdisjoint(self._headers)

    def header(self, name: bytes) -> str | None:
        """The first header of this lower-case name, or None."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def parameter(self, name: str) -> str | None:
        """The first query parameter of this name, or None."""
        if not self.query:
            return None
        values = parse_qs(self.query.decode("latin-1")).get(name)
        return values[0] if values else None

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises `CallerError` over the limit."""
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        if self._connection is not None:
            whole = self._connection.take_body()
            if whole is not None:
                if len(whole) > limit:
                    raise _too_large(limit)
                return whole
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces)

    def cancelled_when_client_leaves(self) -> "Leaving":
        """A context within which the running task is cancelled when the client closes its connection; see
        `client_left`."""
        return Leaving(self, self._connection)

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status line and the headers of an answer whose length is not known."""
        self.started = True
        if self.sent is not None:
            self.sent.status, self.sent.headers = status, headers
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    def send_now(self, data: bytes) -> bool:
        """Send a piece of a body that has begun, if that can be done without waiting."""
        if self.sent is not None:
            return False
        return self._connection is not None and self._connection.send_chunk(data)

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Send a piece of the body; waits while the client reads too slowly."""
        if self.sent is not None:
            self.sent.add(data)
            self.sent.complete = last
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        if self._connection is not None and self.sent is None:
            head = b"".join([b"%b: %b\r\n" % header for header in headers])
            # a value with a line end in it would be another header; ASGI's own way then refuses it
            if head.count(b"\n") == len(headers) and self._connection.answer_at_once(status, head, body):
                self.started = True
                return
        await self.start(status, headers)
        await self.send(body, last=True)

    async def answer_json(self, value: Json, status: int = 200, headers: Headers | None = None) -> None:
        """Send a value as JSON."""
        await self.answer(status, [JSON, *(headers or [])], msgspec.json.encode(value))


def _too_large(limit: int) -> CallerError:
    return CallerError("too_large", f"the request's body is larger than {limit} bytes")
