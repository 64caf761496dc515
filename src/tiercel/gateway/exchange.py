"""One HTTP request and its answer, as thin as ASGI allows: headers, a bounded body, sending, a client that leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json
from tiercel.domain.record import Record

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")


CONNECTION = "tiercel.connection"
"""The extension of a request's scope under which our server leaves the connection itself."""


class Connection(Protocol):
    """What is needed of the connection beyond ASGI: to be told at once when it is lost, without a task waiting; and
    whether there was room for it."""

    on_lost: Callable[[], None] | None
    one_too_many: bool


class ClientLeftError(Exception):
    """The client closed its connection."""


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
        self.started = False
        self.recorded = False
        """Whether there is a record under this id for the client to look at."""
        self.crash_bytes: Callable[[], bytes] | None = None
        """What to send when our own code breaks after the answer began: an explicit error in the client's format."""
        self.unfinished: Record | None = None
        """The record so far of a request that was sent out, for the same case."""

    def close(self) -> None:
        """Let go of what points back here, so that a finished exchange is freed at once and not by the collector."""
        self.crash_bytes = None
        self._connection = None

    @property
    def one_too_many(self) -> bool:
        """Whether more clients are connected than there is room for, this one among the last to come."""
        return self._connection is not None and self._connection.one_too_many

    def header(self, name: bytes) -> str | None:
        """The first header of this lower-case name, or None."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises `CallerError` over the limit."""
        declared = self.header(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
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

    @contextmanager
    def cancelled_when_client_leaves(self) -> Iterator[None]:
        """Within this, the running task is cancelled when the client closes its connection; see `client_left`."""
        task = asyncio.current_task()
        assert task is not None

        def leave() -> None:
            self.client_left = True
            task.cancel()

        if self._connection is None:
            yield
            return
        self._connection.on_lost = leave
        try:
            yield
        finally:
            self._connection.on_lost = None

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status line and the headers of an answer whose length is not known."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Send a piece of the body; waits while the client reads too slowly."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode("ascii"))])
        await self.send(body, last=True)

    async def answer_json(self, value: Json, status: int = 200, headers: Headers | None = None) -> None:
        """Send a value as JSON."""
        await self.answer(status, [JSON, *(headers or [])], msgspec.json.encode(value))


def _too_large(limit: int) -> CallerError:
    return CallerError("too_large", f"the request's body is larger than {limit} bytes")
