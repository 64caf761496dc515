"""One connection to a server and the answer that is arriving on it.

`Connection` is the asyncio Protocol: it feeds the parser, keeps the clocks and the caps, and says when it is free
again. `HttpResponse` is the caller's side of one exchange. A connection on which anything went wrong is never reused.
"""

import asyncio
from collections.abc import Callable
from typing import Self, cast

import httptools
import msgspec

from tiercel.upstream.errors import (
    BodyTooLargeError,
    EncodedError,
    HttpError,
    Phase,
    ProtocolError,
    ResetError,
    StaleError,
    TimedOutError,
)

MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 200
MAX_INFORMATIONAL = 16
"""Answers of the 1xx kind that may precede the real one."""
PAUSE_ABOVE_BYTES = 262_144
"""When this much lies unread, the server is made to wait."""
MAX_UNUSED_SECONDS = 60.0
TICK_SECONDS = 5.0
"""The timer looks at least this often, so that it need not be moved with each request."""
LEFTOVER_SECONDS = 1.0
LEFTOVER_BYTES = 65_536
"""How long, and for how much, a body nobody reads any more may keep its connection."""


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one exchange. All seconds count from its start, but `idle_seconds` from the last byte received.

    `first_byte_seconds` runs until the answer's head is complete, `deadline_seconds` until its last byte.
    """

    connect_seconds: float = 5.0
    first_byte_seconds: float = 120.0
    idle_seconds: float = 60.0
    deadline_seconds: float = 600.0
    max_body_bytes: int = 8_000_000


class HttpResponse:
    """An answer while it arrives: iterate over it for the body's bytes, or `read` them all.

    Both raise `HttpError` when the rest does not come. Header names are lower-case; values of a repeated header are
    joined by commas. Whoever stops before the end must call `aclose`, or `let_go` if only formalities are to come.
    """

    __slots__ = ("_chunks", "_connection", "_done", "_error", "_unread", "_waiter", "headers", "status")

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._connection: Connection | None = connection
        self._chunks: list[bytes] = []
        self._unread = 0
        self._error: HttpError | None = None
        self._done = False
        self._waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._done:
                raise StopAsyncIteration
            await self._wait()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._unread = 0
        if self._connection is not None:
            self._connection.resume()
        return data

    async def read(self, limit: int | None = None) -> bytes:
        """The rest of the body. Raises `BodyTooLargeError` when it is longer than `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        async for data in self:
            pieces.append(data)
            size += len(data)
            if limit is not None and size > limit:
                self.close()
                raise BodyTooLargeError
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def set_deadline(self, seconds: float) -> None:
        """Let the exchange take until `seconds` after its start, in place of its limits' `deadline_seconds`."""
        if self._connection is not None:
            self._connection.set_deadline(seconds)

    def let_go(self) -> None:
        """Read no further. The connection is kept for the next call if the body ends within a moment."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.drain()

    def close(self) -> None:
        """Read no further. A connection with an unfinished body is closed at once."""
        if self._connection is not None:
            self._connection.abort()

    async def aclose(self) -> None:
        """As `close`."""
        self.close()

    async def wait_for_head(self) -> None:
        """Return once `status` and `headers` are known. Raises `HttpError`."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None

    # What the connection tells: never called by the reader.

    def take_head(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers

    def take_body(self, data: bytes) -> int:
        """Keep `data` for the reader; returns how much now lies unread."""
        self._chunks.append(data)
        self._unread += len(data)
        return self._unread

    def end(self, error: HttpError | None = None) -> None:
        """Nothing more will come: all is here, or the rest failed with `error`."""
        self._connection = None
        self._error = error
        self._done = error is None
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """One socket to one server, for one exchange at a time.

    `released` is called when an exchange ended cleanly and the next may begin, `lost` once when the socket is gone.
    """

    def __init__(
        self, released: Callable[["Connection"], None], lost: Callable[["Connection"], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._released = released
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._exchanges = 0
        self._paused = False
        self._quiet_since = self._loop.time()
        self._limits = HttpLimits()
        self._response: HttpResponse | None = None
        self._draining = False
        self._begin(0.0)

    def _begin(self, started: float) -> None:
        self._started = started
        self._deadline = started + self._limits.deadline_seconds
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._field_bytes = 0
        self._header_count = 0
        self._informational = 0
        self._in_informational = False
        self._heard = False
        self._head_complete = False
        self._until_close = False
        self._complete = False
        self._keep_alive = False
        self._body_bytes = 0
        self._fault: HttpError | None = None

    # The caller's side

    async def exchange(self, payload: bytes, limits: HttpLimits, started: float) -> HttpResponse:
        """Send a request and return its answer once the head is here. `started` is a time of the loop's clock.

        Raises `HttpError`; when cancelled, the connection is closed.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ResetError("the connection ended before the request was sent")
        self._limits = limits
        self._begin(started)
        self._draining = False
        self._exchanges += 1
        self._quiet_since = self._loop.time()
        response = self._response = HttpResponse(self)
        transport.write(payload)
        self._arm(self._due()[0])
        await response.wait_for_head()
        return response

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def is_reusable(self) -> bool:
        """Whether another request may be sent: open, silent, and not unused for too long."""
        transport = self._transport
        return (
            transport is not None
            and self._response is None
            and not transport.is_closing()
            and self._loop.time() - self._quiet_since < MAX_UNUSED_SECONDS
        )

    def set_deadline(self, seconds: float) -> None:
        self._deadline = self._started + seconds
        self._arm(self._due()[0])

    def drain(self) -> None:
        """Drop what still comes of the body, for a moment; then the connection is free, or closed."""
        self._draining = True
        self._response = None
        self._body_bytes = 0
        self._deadline = self._loop.time() + LEFTOVER_SECONDS
        self._arm(self._deadline)
        self.resume()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._quiet_since = self._loop.time()
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close the socket now. Whoever waits for an answer is told that it was reset."""
        self._fail(ResetError("closed by us"))

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._arm(self._quiet_since + MAX_UNUSED_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or (self._response is None and not self._draining):
            # bytes that nobody asked for, or that come after we gave up
            self.abort()
            return
        self._heard = True
        self._quiet_since = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._keep_alive = False
            if not self._complete:
                self._fail(self._fault or ProtocolError("the server's answer is not valid HTTP/1.1"))
                return
        if not self._head_complete:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._fail(ProtocolError("the answer's head is too large"))
        elif self._complete:
            self._finish()
        elif self._response is not None:
            self._response.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._until_close and exc is None and self._response is not None:
            self._response.end()
            self._response = None
        self._fail(self._broken_off())
        self._lost(self)

    def _broken_off(self) -> HttpError:
        if self._exchanges > 1 and not self._heard:
            return StaleError("the server had closed the idle connection")
        return ResetError("the connection ended before the answer was complete")

    # The parser's side

    def on_message_begin(self) -> None:
        if self._complete:
            self._refuse("more bytes than the answer has")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        self._field_bytes += len(name) + len(value)
        if self._header_count > MAX_HEADERS or self._field_bytes > MAX_HEAD_BYTES:
            self._refuse("the answer has too many headers")
        if not self._head_complete:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status < 200:
            self._in_informational = True
            self._informational += 1
            self._headers.clear()
            if status == 101 or self._informational > MAX_INFORMATIONAL:
                self._refuse("an upgrade, or too many interim answers")
            return
        self._head_complete = True
        headers = _joined(self._headers)
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", ""):
            self._fault = EncodedError("the body is compressed")
            raise self._fault
        transfer = headers.get("transfer-encoding", "").strip().lower()
        if transfer not in ("", "chunked"):
            self._refuse("an unknown transfer encoding")
        self._check_length(headers.get("content-length", ""))
        self._keep_alive = self._parser.should_keep_alive()
        self._until_close = not transfer and "content-length" not in headers and status not in (204, 304)
        if self._response is not None:
            self._response.take_head(status, headers)

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        limit = LEFTOVER_BYTES if self._draining else self._limits.max_body_bytes
        if self._body_bytes > limit:
            self._fault = BodyTooLargeError("the body is too large")
            raise self._fault
        if self._response is not None and self._response.take_body(data) > PAUSE_ABOVE_BYTES:
            self._pause()

    def on_message_complete(self) -> None:
        if self._in_informational:
            self._in_informational = False
            return
        self._complete = True

    def _refuse(self, why: str) -> None:
        self._fault = ProtocolError(why)
        raise self._fault

    def _check_length(self, value: str) -> None:
        if value and int(value) > self._limits.max_body_bytes:
            self._fault = BodyTooLargeError("the body is too large")
            raise self._fault

    # Ending and clocks

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _finish(self) -> None:
        response, self._response = self._response, None
        transport = self._transport
        self._draining = False
        self.resume()
        if response is not None:
            response.end()
        if transport is None or transport.is_closing():
            return
        # a request that was answered before it was read to its end leaves its rest in the buffer
        if self._keep_alive and not transport.get_write_buffer_size():
            self._arm(self._quiet_since + MAX_UNUSED_SECONDS)
            self._released(self)
        else:
            transport.abort()

    def _fail(self, error: HttpError) -> None:
        response, self._response = self._response, None
        self._draining = False
        if self._transport is not None:
            self._transport.abort()
        if response is not None:
            response.end(error)

    def _due(self) -> tuple[float, Phase]:
        """When the next clock runs out, and which."""
        if self._response is None and not self._draining:
            return self._quiet_since + MAX_UNUSED_SECONDS, "idle"
        clocks: list[tuple[float, Phase]] = [(self._deadline, "deadline")]
        if not self._head_complete:
            clocks.append((self._started + self._limits.first_byte_seconds, "first_byte"))
        elif not self._paused:
            clocks.append((self._quiet_since + self._limits.idle_seconds, "idle"))
        return min(clocks)

    def _arm(self, due: float) -> None:
        """Have the clocks looked at when `due`, or sooner."""
        if self._transport is None:
            return
        now = self._loop.time()
        at = min(due, now + TICK_SECONDS)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - now), self._look)

    def _look(self) -> None:
        self._timer = None
        due, phase = self._due()
        if self._loop.time() < due:
            self._arm(due)
        else:
            self._fail(TimedOutError(phase))


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
