"""One connection to a server: it feeds the parser, keeps the clocks and the caps, and says when it is free again.

The answer that is arriving on it is an `HttpResponse`. A connection on which anything went wrong is never reused.
"""

import asyncio
import math
from collections.abc import Callable
from typing import cast

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
from tiercel.upstream.response import HttpResponse

MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 200
MAX_INFORMATIONAL = 16
"""Answers of the 1xx kind that may precede the real one."""
MAX_UNUSED_SECONDS = 60.0
TICK_SECONDS = 5.0
"""The timer looks at least this often, so that it need not be moved with each request."""
_AS_IT_IS = (b"", b"identity")
_PLAIN_END = b"\r\n0\r\n\r\n"
"""How a body in chunks ends that has no trailers."""
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


class Connection(asyncio.Protocol):
    """One socket to one server, for one exchange at a time.

    `released` is called when an exchange ended cleanly and the next may begin, `lost` once when the socket is gone.
    """

    # in slots, because so many attributes would be twice as dear to reach in a dictionary
    __slots__ = (
        "_body_left",
        "_complete",
        "_deadline",
        "_draining",
        "_due_messages",
        "_exchanges",
        "_fault",
        "_field_bytes",
        "_field_count",
        "_head",
        "_head_complete",
        "_informational",
        "_is_chunked",
        "_keep_alive",
        "_limits",
        "_loop",
        "_lost",
        "_now",
        "_parser",
        "_paused",
        "_pieces",
        "_quiet_since",
        "_released",
        "_response",
        "_started",
        "_timer",
        "_timer_at",
        "_trailing_lines",
        "_transport",
        "_until_close",
        "on_body",
        "on_message_begin",
    )

    def __init__(
        self, released: Callable[["Connection"], None], lost: Callable[["Connection"], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._released = released
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._exchanges = 0
        self._paused = False
        self._quiet_since = self._now()
        self._response: HttpResponse | None = None
        self._draining = False
        # The parser calls these two lists itself, which saves a call of Python for each piece of a body and for each
        # message. One that begins takes away one that is due; where none is, that is an error, and the parser stops.
        self._pieces: list[bytes] = []
        self._due_messages: list[None] = []
        self.on_body = self._pieces.append
        self.on_message_begin = self._due_messages.pop
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._until_close = False

    # The caller's side

    def exchange(
        self, payload: bytes, limits: HttpLimits, started: float, *, whole: bool = False
    ) -> HttpResponse:
        """Send a request. Its answer is `woken` when the head is here, or when there will be none.

        `started` is a time of the loop's clock; `whole` as `HttpResponse` has it. Raises `ResetError`.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ResetError("the connection ended before the request was sent")
        self._limits = limits
        self._started = started
        self._deadline = started + limits.deadline_seconds
        self._body_left = limits.max_body_bytes
        self._exchanges += 1
        self._due_messages.append(None)
        self._head = b""
        self._field_count = self._field_bytes = self._trailing_lines = self._informational = 0
        self._head_complete = self._complete = self._is_chunked = self._until_close = False
        self._fault: HttpError | None = None
        response = HttpResponse(source=self, woken=self._loop.create_future(), whole=whole)
        self._response = response
        transport.write(payload)
        due = started + limits.first_byte_seconds
        if due < self._timer_at or self._deadline < self._timer_at:
            self._arm(min(due, self._deadline))
        return response

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def is_reusable(self, now: float) -> bool:
        """Whether another request may be sent: open, silent, and not unused for too long."""
        transport = self._transport
        return (
            transport is not None
            and self._response is None
            and not transport.is_closing()
            and now - self._quiet_since < MAX_UNUSED_SECONDS
        )

    def set_deadline(self, seconds: float) -> None:
        self._deadline = self._started + seconds
        self._arm(self._due()[0])

    def drain(self) -> None:
        """Drop what still comes of the body, for a moment; then the connection is free, or closed."""
        self._draining = True
        self._response = None
        self._body_left = LEFTOVER_BYTES
        self._deadline = self._now() + LEFTOVER_SECONDS
        self._arm(self._deadline)
        self.resume()

    def pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._quiet_since = self._now()
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close the socket now. Whoever waits for an answer is told that it was reset."""
        self._fail(ResetError("closed by us"))

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._arm(self._quiet_since + MAX_UNUSED_SECONDS)

    def data_received(self, data: bytes) -> None:
        response, parser = self._response, self._parser
        if parser is None or (response is None and not self._draining):
            # bytes that nobody asked for, or that come after we gave up
            self.abort()
            return
        self._quiet_since = self._now()
        in_head = not self._head_complete
        if in_head:
            self._head += data
            self._field_bytes += len(data)  # at most: what follows the head is taken off again
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._keep_alive = False
            if not self._complete and self._fault is None:
                self._fault = ProtocolError("the server's answer is not valid HTTP/1.1")
        if self._is_chunked:
            if self._complete or not self._pieces:
                if not data.endswith(_PLAIN_END):
                    self._count_trailers(self._head if in_head else data)
            elif self._field_bytes:
                self._field_bytes = self._trailing_lines = 0  # what had come of no body was no trailer
        body = b""
        if self._pieces:
            body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            self._body_left -= len(body)
            if self._body_left < 0:
                body, self._fault = b"", BodyTooLargeError("the body is too large")
        if in_head and not self._complete:
            self._check_extent(response)
        if self._fault is not None:
            self._fail(self._fault, body)
        elif self._complete:
            self._finish(body)
        elif response is not None and self._head_complete:
            response.arrived(body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._until_close and exc is None and self._response is not None:
            self._response.end(b"")
            self._response = None
        # what is no error of the socket is one of ours, raised while bytes were taken in: the reader's to know
        ours = exc is not None and not isinstance(exc, OSError)
        self._fail(exc if exc is not None and ours else self._broken_off())
        self._lost(self)

    def _broken_off(self) -> HttpError:
        if self._exchanges > 1 and not self._field_bytes and not self._head_complete:
            return StaleError("the server had closed the idle connection")
        return ResetError("the connection ended before the answer was complete")

    # The parser's side

    def on_headers_complete(self) -> None:
        """The parser has found the head well-formed. It is looked at for what matters here, and not taken apart."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        head, _, self._head = self._head.lstrip(b"\r\n").partition(b"\r\n\r\n")
        self._field_count += head.count(b"\r\n")
        if self._field_count > MAX_HEADERS:
            self._refuse("the answer has too many headers")
        if self._field_bytes > MAX_HEAD_BYTES:  # or all that came is less, whatever part of it the head is
            self._field_bytes = len(head)
            if self._field_bytes > MAX_HEAD_BYTES:
                self._refuse("the answer's head is too large")
        if status < 200:
            self._due_messages.append(None)
            self._informational += 1
            if status == 101 or self._informational > MAX_INFORMATIONAL:
                self._refuse("an upgrade, or too many interim answers")
            return
        self._head_complete = True
        self._field_bytes = 0
        self._keep_alive = self._parser.should_keep_alive()
        response = self._response
        if response is not None:
            response.head = head
            response.lowered = head.lower()
            if b"-encoding:" in response.lowered:
                self._check_encodings(status, response.fields)
            response.status = status

    def _check_encodings(self, status: int, fields: dict[bytes, bytes]) -> None:
        if fields.get(b"content-encoding", b"").lower() not in _AS_IT_IS:
            self._fault = EncodedError("the body is compressed")
            raise self._fault
        transfer = fields.get(b"transfer-encoding")
        if transfer and transfer.lower() != b"chunked":
            self._refuse("an unknown transfer encoding")
        self._is_chunked = bool(transfer) and status not in (204, 304)

    def _check_extent(self, response: HttpResponse | None) -> None:
        """What more is to come where the answer did not come in one read: of its head, or else of its body."""
        if not self._head_complete:
            if self._field_bytes > MAX_HEAD_BYTES:
                self._fault = ProtocolError("the answer's head is too large")
        elif response is not None and response.status:
            due = self._quiet_since + self._limits.idle_seconds
            if due < self._timer_at:
                self._arm(due)
            length = response.header(b"content-length")
            self._until_close = not length and not self._is_chunked
            if length and int(length) > self._limits.max_body_bytes:
                response.status = 0  # so that there is no answer
                self._fault = BodyTooLargeError("the body is too large")

    def on_message_complete(self) -> None:
        self._complete = self._head_complete  # or it was an interim answer, which has no body

    def _count_trailers(self, framed: bytes) -> None:
        """Count what may be trailers in a read that ends a body in chunks, or that brought none of it.

        Nobody reads them, but there must be an end to them. Two lines are around each piece, and two end the body; one
        more is left of a piece that came in a read before.
        """
        pieces = self._pieces
        if not pieces:
            self._field_bytes += len(framed)
        self._trailing_lines += framed.count(b"\n") - 2 * len(pieces)
        self._trailing_lines -= sum([piece.count(b"\n") for piece in pieces])
        if self._field_count + self._trailing_lines - 3 > MAX_HEADERS or self._field_bytes > MAX_HEAD_BYTES:
            self._fault = ProtocolError("the answer has too many headers")

    def _refuse(self, why: str) -> None:
        self._fault = ProtocolError(why)
        raise self._fault

    # Ending and clocks

    def _finish(self, body: bytes) -> None:
        response, self._response = self._response, None
        transport = self._transport
        self._draining = False
        self._head = b""
        if self._paused:
            self.resume()
        if response is not None:
            response.end(body)
        if transport is None or transport.is_closing():
            return
        # a request that was answered before it was read to its end leaves its rest in the buffer
        if self._keep_alive and not transport.get_write_buffer_size():
            due = self._quiet_since + MAX_UNUSED_SECONDS
            if due < self._timer_at:
                self._arm(due)
            self._released(self)
        else:
            transport.abort()

    def _fail(self, error: BaseException, body: bytes = b"") -> None:
        response, self._response = self._response, None
        self._draining = False
        if self._transport is not None:
            self._transport.abort()
        if response is not None:
            response.end(body, error)

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
        if self._timer_at <= due or self._transport is None:
            return
        now = self._now()
        at = min(due, now + TICK_SECONDS)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - now), self._look)

    def _look(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        due, phase = self._due()
        if self._now() < due:
            self._arm(due)
        else:
            self._fail(TimedOutError(phase))
