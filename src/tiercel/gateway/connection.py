"""One client connection: uvicorn's HTTP protocol with what it lacks.

Added are limits on header count and bytes, exactly one valid Host, deadlines for slow headers and slow bodies, an end
for clients that take nothing of their answer, and refusals under overload, which are written before anything is parsed
wherever `unread.py` can tell what is refused. The server's sweep keeps the deadlines, instead of a timer for each
request.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from tiercel.gateway.admission import HOST
from tiercel.gateway.exchange import CONNECTION
from tiercel.gateway.load import Load
from tiercel.gateway.process import room_for_clients
from tiercel.gateway.refusals import Outbox, Refusals
from tiercel.gateway.unread import plain_request

log = logging.getLogger(__name__)

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
HEADERS_SECONDS = 10.0
BODY_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 75
UNSENT_BYTES = 32 * 1024
"""What the kernel, and then we, take of an answer before its client has room for it. Left to itself the kernel takes
megabytes for each, and only what it did not take holds the provider back and tells us that nobody reads."""


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """What decides who comes in, beside the connection's own limits.

    `urgent` are URLs that are always answered, and at once. A client that takes nothing of its answer for
    `write_seconds` is cut off, one whose request takes longer to arrive than the other two is refused.
    """

    load: Load
    refusals: Refusals
    outbox: Outbox
    urgent: frozenset[bytes]
    write_seconds: float
    headers_seconds: float = HEADERS_SECONDS
    body_seconds: float = BODY_SECONDS


class ClientConnection(HttpToolsProtocol):
    """One client connection, with limits."""

    door: Door
    """Set by the server."""
    refuses_load = False
    """Whether the latest request is one too many."""
    is_between = True
    """Whether the parser has read whole requests and nothing of another."""
    unread_bytes = 0
    """How much of a request that is refused unread is still to come."""
    unsent_bytes = 0
    """Of answers, at the last sweep."""
    taken_at = 0.0
    """When the client was last seen to take something, by the loop's clock; while it has something to take."""
    deadline: float | None = None
    """When the request being read must be complete, by the loop's clock; `None` while none is being read."""
    header_bytes = 0
    is_reading_head = False
    line_bytes = 0
    """Of the line of a head that has not ended yet."""
    refusal: tuple[int, str] | None = None
    on_lost: Callable[[], None] | None = None
    """Called when the client closes the connection while it is being answered."""
    one_too_many = False
    """Whether there was no room for this client when it came, and still is none."""
    answering: RequestResponseCycle | None = None
    is_leaving = False
    """Whether the server stops: whatever is answered from now on is the last on its connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=UNSENT_BYTES)
        self.deadline = self.loop.time() + self.door.headers_seconds
        self.one_too_many = self._is_crowded()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answering is not None:
            # the base class tells the latest request only, and with pipelining an earlier one is being answered
            self.answering.disconnected = True
            self.answering.message_event.set()
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        if self.unread_bytes or (self.is_between and self._refuses_unread(data)):
            data = self._skip(data)
            if not data:
                return
        super().data_received(data)
        if self.is_reading_head:
            # the parser keeps a line that does not end to itself, however long it grows
            line_end = data.rfind(b"\n")
            self.line_bytes = len(data) - line_end - 1 + (self.line_bytes if line_end < 0 else 0)
            if self.line_bytes > 2 * MAX_HEADER_BYTES and not self.transport.is_closing():
                self.refusal = (431, "Too many or too large headers.")
                self.send_400_response("")
        elif self.deadline is None and self.cycle.response_complete and not self.timeout_keep_alive_task:
            # empty lines between requests: they begin none, and keep no connection open
            self.deadline = self.loop.time() + self.door.headers_seconds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.is_between = False
        self.is_reading_head = True
        self.line_bytes = 0
        self.one_too_many = self.one_too_many and self._is_crowded()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]  # an object, not a mapping
        self.refuses_load = False
        self.header_bytes = 0
        self.deadline = self.loop.time() + self.door.headers_seconds

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MAX_HEADER_BYTES:
            self._refuse(414, "Too long a URL.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.header_bytes += len(name) + len(value)
        if self.header_bytes > MAX_HEADER_BYTES or len(self.headers) >= MAX_HEADERS:
            self._refuse(431, "Too many or too large headers.")
        if self.is_reading_head:  # what follows a chunked body is no header of the request
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self.door.load.takes_one_more(len(self.tasks)) and self._may_refuse():
            self.is_reading_head = False
            self.refuses_load = True
            return
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 or HOST.match(hosts[0].decode("latin-1")) is None:
            self._refuse(400, "Exactly one valid Host header is required.")
        if self.parser.get_http_version() not in ("1.1", "1.0"):
            self._refuse(505, "HTTP/1.1 is spoken here.")
        self.is_reading_head = False
        self.deadline = self.loop.time() + self.door.body_seconds
        super().on_headers_complete()
        if self.is_leaving:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if not self.refuses_load:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.is_between = True
        if self.refuses_load:
            self._refuse_load(is_last=not self.parser.should_keep_alive())
            return
        self.deadline = None
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> None:
        self.answering = cycle
        load = self.door.load
        if load.begins_now(self.url in self.door.urgent):
            super()._start_asgi_task(cycle, app)
        else:
            load.wait(partial(self._start_after_waiting, cycle, app))

    def _start_after_waiting(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> bool:
        if cycle.disconnected:
            return False
        super()._start_asgi_task(cycle, app)
        return True

    def _may_refuse(self) -> bool:
        """Whether a refusal may be written now: not before the answer to an earlier request, nor to one that is always
        answered."""
        return not self._is_busy() and not self.expect_100_continue and self.url not in self.door.urgent

    def _is_busy(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self._is_busy():  # for whoever asks on and does not read, refusals would be kept without end
            self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.pipeline:
            self.flow.resume_reading()

    def _refuses_unread(self, data: bytes) -> bool:
        """Whether what has just come is one request too many, and need not be parsed to say so."""
        if self.door.load.takes_one_more(len(self.tasks)):
            return False
        plain = plain_request(data)
        if plain is None:
            return False
        self.url, length = plain
        self.expect_100_continue = False
        if not self._may_refuse():
            return False
        self._unset_keepalive_if_required()
        self.unread_bytes = length
        self.refuses_load = True
        if length > len(data):
            self.deadline = self.loop.time() + self.door.body_seconds
        return True

    def _skip(self, data: bytes) -> bytes:
        """Drop what belongs to the request that is refused unread, and refuse it at its end. Returns the rest."""
        length = self.unread_bytes
        self.unread_bytes = max(0, length - len(data))
        if not self.unread_bytes:
            self._refuse_load(is_last=False)
        return data[length:]

    def _refuse_load(self, *, is_last: bool) -> None:
        self.door.load.refused += 1
        status, answer = self.door.refusals.answer(self.url)
        self.deadline = self.loop.time() + KEEP_ALIVE_SECONDS
        is_last = is_last or self.is_leaving
        self.door.outbox.put(self.transport, STATUS_LINE[status] + answer, is_last=is_last)

    def leave(self) -> None:
        """Let the next answer be the last; one that has begun without saying so may be followed by another."""
        self.is_leaving = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_started:
            cycle.keep_alive = False

    # What follows spares the common case ASGI's messages, which cost more than all that the ladder decides. Each says
    # no where the case is not the common one, and the request then goes on by ASGI.

    def take_body(self) -> bytes | None:
        """The body of the request being answered, once, if it is here as a whole."""
        cycle = self.answering
        if cycle is None or cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        body = bytes(cycle.body)
        cycle.body = bytearray()
        cycle.message_event.clear()
        # a large body, or a request in line behind this one, stopped it: that the client left could not be read
        self.flow.resume_reading()
        return body

    def answer_at_once(self, status: int, head: bytes, body: bytes) -> bool:
        """Send a whole answer in one write, if nothing was sent yet and the client reads. `head` is header lines."""
        cycle = self.answering
        if cycle is None or cycle.response_started or self.flow.write_paused or cycle.disconnected:
            return False
        if not cycle.keep_alive or cycle.scope["method"] == "HEAD":
            return False
        cycle.response_started = cycle.response_complete = True
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)
        cycle.message_event.set()
        cycle.on_response()
        return True

    def send_chunk(self, data: bytes) -> bool:
        """Send a piece of an answer that was begun without a length, if the client reads."""
        cycle = self.answering
        if cycle is None or not cycle.chunked_encoding or self.flow.write_paused or cycle.disconnected:
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True

    def _is_crowded(self) -> bool:
        return len(self.connections) > room_for_clients()

    def _refuse(self, status: int, message: str) -> None:
        # the parser turns an exception in a callback into its own error, which ends in `send_400_response`
        self.refusal = (status, message)
        raise ValueError(message)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused; the connection is closed after it."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and (self._is_busy() if self.is_reading_head else cycle.response_started):
            # who waits for the answer to an earlier request, or has an answer to this one, would be misled
            self.transport.close()
            return
        self.door.outbox.flush()  # a refusal of an earlier request goes first
        status, message = self.refusal or (400, msg)
        body = message.encode("ascii")
        head = (
            b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            % len(body)
        )
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def sweep(self, now: float) -> None:
        """Close the connection when its request takes too long to arrive, or its answer to be taken."""
        self._sweep_unsent(now)
        if self.deadline is None or now < self.deadline or self.transport.is_closing():
            return
        if self.refuses_load:
            self.transport.close()
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete and cycle.more_body:
            # the application is waiting for the rest of a body that does not come
            cycle.disconnected = True
            cycle.message_event.set()
        self.refusal = (408, "The request took too long to arrive.")
        self.send_400_response("")

    def _sweep_unsent(self, now: float) -> None:
        unsent_bytes = self.transport.get_write_buffer_size()
        if not unsent_bytes or unsent_bytes != self.unsent_bytes:
            self.unsent_bytes = unsent_bytes
            self.taken_at = now
        elif now - self.taken_at >= self.door.write_seconds:
            log.info(
                "a client took nothing of its answer for %g seconds and was cut off", now - self.taken_at
            )
            self.transport.abort()
