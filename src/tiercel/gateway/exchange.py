"""One HTTP request and its answer: headers, a bounded body, sending, a client that leaves."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import parse_qs

import msgspec

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json
from tiercel.domain.keys import AccessKey
from tiercel.domain.record import Record
from tiercel.gateway.heads import Head

if TYPE_CHECKING:
    from tiercel.gateway.keyring import Proof

Headers: TypeAlias = list[tuple[bytes, bytes]]
App: TypeAlias = Callable[["Exchange"], Coroutine[Any, Any, None]]
"""What answers: called once for each request, in a task of its own."""

JSON = (b"content-type", b"application/json")
JSON_LINE = b"content-type: application/json\r\n"
STATUS_LINE = {
    **{status: b"HTTP/1.1 %d \r\n" % status for status in range(100, 600)},
    **{status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus},
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BODILESS = frozenset({204, 304})
HELD_BYTES = 64 * 1024
"""How much of a body is taken before somebody asks for it."""

_LINES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++: [^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+")


def header_lines(headers: Headers) -> bytes:
    """Headers as they go over the wire. Raises `ValueError` for one that would be read as something else."""
    lines = b"\r\n".join([*map(b": ".join, headers), b""])  # without a Python call for each
    if lines.count(b"\n") != len(headers) or _LINES.fullmatch(lines) is None:
        raise ValueError("a header of an answer holds what no header may")
    return lines


class Connection(Protocol):
    """What an exchange needs of the connection it came on."""

    transport: asyncio.Transport
    one_too_many: bool
    """Whether more clients are connected than there is room for, this one among the last to come."""
    proof: "Proof | None"
    """What was last shown on it as a key, and whose it is."""
    writable: asyncio.Event | None
    """Set once the client has taken enough of what was sent; `None` while it has."""
    reading_paused: bool

    def resume_reading(self) -> None:
        """Read on, where too much had come."""
        ...

    def answered(self, exchange: "Exchange") -> None:
        """The last byte of its answer was sent."""
        ...


class ClientLeftError(Exception):
    """The client closed its connection."""


class Sent:
    """What was sent, for whoever wants to send it again; `pieces` stay empty once there are too many."""

    def __init__(self, max_bytes: int) -> None:
        self.status = 0
        self.lines = b""
        """Its headers, as they went over the wire, but for its length."""
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


class Exchange:
    """A request being answered. `id` names it in every answer, record and log line."""

    __slots__ = (
        "_is_chunked",
        "arrival",
        "body_bytes",
        "client_left",
        "complete",
        "connection",
        "crash_bytes",
        "ends_with_client",
        "expects_continue",
        "headers",
        "id",
        "is_urgent",
        "keeps_alive",
        "key",
        "method",
        "path",
        "pieces",
        "query",
        "recorded",
        "room",
        "sent",
        "started",
        "task",
        "unfinished",
        "whole",
    )

    def __init__(self, connection: Connection, head: Head) -> None:
        self.id = ""
        """Given by the application."""
        self.method = head.method
        self.path = head.path
        self.query = head.query
        self.headers = head.headers
        self.is_urgent = head.is_urgent
        self.keeps_alive = head.keeps_alive
        """Whether another request may follow on the connection."""
        self.key: AccessKey | None = None
        """Who asks, once that was admitted."""
        self.recorded = False
        """Whether there is a record under this id for the client to look at."""
        self.crash_bytes: Callable[[], bytes] | None = None
        """What to send when our own code breaks after the answer began: an explicit error in the client's format."""
        self.sent: Sent | None = None
        """Set by who wants to know what was sent."""
        self.unfinished: Record | None = None
        """The record so far of a request that was sent out, for the same case."""
        self.started = False
        self.complete = False
        """Whether the whole answer was sent."""
        self.client_left = False
        self.ends_with_client = False
        """While set, its task is cancelled when the client closes the connection."""
        self.connection = connection
        self._is_chunked = False

        # kept by the connection, as the body arrives
        self.task: asyncio.Task[None] | None = None
        self.expects_continue = False
        self.pieces: list[bytes] = []
        self.body_bytes = 0
        self.whole = False
        self.room = HELD_BYTES
        """How many bytes of the body to take before `wake`."""
        self.arrival: asyncio.Future[None] | None = None

    @property
    def caller(self) -> AccessKey:
        """Who asks. Only where the exchange was admitted."""
        assert self.key is not None, "nobody was let in"
        return self.key

    def header(self, name: bytes) -> str | None:
        """The first header of this lower-case name, or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def parameter(self, name: str) -> str | None:
        """The first query parameter of this name, or None."""
        if not self.query:
            return None
        values = parse_qs(self.query.decode("latin-1")).get(name)
        return values[0] if values else None

    # The body

    async def body(self, limit: int) -> bytes:
        """The whole body, once. Raises `CallerError` over the limit, `ClientLeftError` where it never comes."""
        declared = self.headers.get(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        if not self.whole or self.expects_continue:
            await self._arrive(limit)
        if self.client_left:
            raise ClientLeftError
        if self.body_bytes > limit:
            raise _too_large(limit)
        if self.connection.reading_paused:
            # a large body, or a request in line behind this one, stopped it: that the client left could not be read
            self.connection.resume_reading()
        body = b"".join(self.pieces)
        self.pieces = []
        return body

    async def _arrive(self, limit: int) -> None:
        """Wait until all of the body is here, or too much, or it is known that it never will be."""
        if self.client_left:
            return
        if self.expects_continue:
            self.connection.transport.write(CONTINUE)
            self.expects_continue = False
        self.room = limit
        if self.whole or self.body_bytes > limit:
            return
        self.connection.resume_reading()
        self.arrival = asyncio.get_running_loop().create_future()
        try:
            await self.arrival
        finally:
            self.arrival = None

    def wake(self) -> None:
        """The body is here, or too much of it, or no more will come."""
        if self.arrival is not None and not self.arrival.done():
            self.arrival.set_result(None)

    # A client that leaves

    def leave(self) -> None:
        """The client closed its connection, or stopped in the midst of its request."""
        self.client_left = True
        self.wake()
        if self.ends_with_client and self.task is not None:
            self.task.cancel()

    # The answer

    async def answer(self, status: int, headers: Headers | bytes, body: bytes) -> None:
        """Send a whole answer; waits while the client reads too slowly.

        `headers` may be lines that were written before, which are not looked at again. Raises `ValueError` for an
        unusable header.
        """
        lines = headers if isinstance(headers, bytes) else header_lines(headers)
        sent = self.sent
        if sent is not None:
            sent.status, sent.lines, sent.complete = status, lines, True
            sent.add(body)
        connection = self.connection
        self.started = True
        if connection.writable is not None:
            await connection.writable.wait()
        if self.client_left:
            return
        end = b"content-length: %d\r\n" % len(body)
        end += b"\r\n" if self.keeps_alive else b"connection: close\r\n\r\n"
        if self.method == "HEAD":
            body = b""
        connection.transport.write(STATUS_LINE[status] + lines + end + body)
        self.complete = True
        connection.answered(self)

    async def answer_json(self, value: Json, status: int = 200, headers: Headers | None = None) -> None:
        """Send a value as JSON."""
        await self.answer(status, [JSON, *(headers or [])], msgspec.json.encode(value))

    async def start(self, status: int, headers: Headers | bytes) -> None:
        """Send the status line and the headers of an answer whose length is not known. Takes what `answer` takes."""
        lines = headers if isinstance(headers, bytes) else header_lines(headers)
        if self.sent is not None:
            self.sent.status, self.sent.lines = status, lines
        connection = self.connection
        self.started = True
        if connection.writable is not None:
            try:
                await connection.writable.wait()
            except asyncio.CancelledError:
                self.started = False  # nothing went out: whoever gave up a heartbeat has still to begin
                raise
        if self.client_left:
            return
        self._is_chunked = self.method != "HEAD" and status not in BODILESS
        close = b"" if self.keeps_alive else b"connection: close\r\n"
        chunked = b"transfer-encoding: chunked\r\n" if self._is_chunked else b""
        connection.transport.write(b"".join((STATUS_LINE[status], lines, close, chunked, b"\r\n")))

    def send_now(self, data: bytes) -> bool:
        """Send a piece of a body that has begun, if that can be done without waiting."""
        connection = self.connection
        if not data or not self._is_chunked or self.client_left or self.sent is not None:
            return False
        if connection.writable is not None:
            return False
        connection.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Send a piece of a body that has begun; waits while the client reads too slowly."""
        if self.sent is not None:
            self.sent.add(data)
            self.sent.complete = last
        connection = self.connection
        if connection.writable is not None:
            await connection.writable.wait()
        if self.client_left:
            return
        if not self.started or self.complete:
            raise RuntimeError("a piece of an answer that has not begun, or has ended")
        if self._is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            connection.transport.write(chunk + b"0\r\n\r\n" if last else chunk)
        if last:
            self.complete = True
            self._is_chunked = False
            connection.answered(self)


def _too_large(limit: int) -> CallerError:
    return CallerError("too_large", f"the request's body is larger than {limit} bytes")
