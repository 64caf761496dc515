"""One client connection: HTTP/1.1 as the server has to speak it, with limits.

The parser's words become exchanges, which are answered one after another, each in a task of its own. Here are limits on
header count and bytes, exactly one valid Host, deadlines for slow headers and slow bodies, an end for clients that take
nothing of their answer, and refusals under overload, which are written before anything is parsed wherever `unread.py`
can tell what is refused. The server's sweep keeps the deadlines, instead of a timer for each request. A head that came
before on the same connection, byte for byte but for the length of the body, is not parsed again.
"""

import asyncio
import logging
from collections import deque
from functools import partial
from typing import cast

import httptools

from tiercel.gateway.door import Door
from tiercel.gateway.exchange import STATUS_LINE, App, Exchange
from tiercel.gateway.heads import (
    INVALID,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    ONE_HOST,
    TOO_MANY,
    Head,
    KnownHead,
    UnreadableError,
    read_head,
)
from tiercel.gateway.keyring import Proof
from tiercel.gateway.process import room_for_clients
from tiercel.gateway.unread import MAX_LENGTH_DIGITS, around_length, plain_request

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
UNSENT_BYTES = 32 * 1024
"""What the kernel, and then we, take of an answer before its client has room for it. Left to itself the kernel takes
megabytes for each, and only what it did not take holds the provider back and tells us that nobody reads."""


class ClientConnection(asyncio.Protocol):
    """One client's socket. Requests may come in advance, and are answered in their order."""

    # in slots, because so many attributes would be twice as dear to reach in a dictionary
    __slots__ = (
        "__weakref__",
        "_app",
        "_around",
        "_body_left",
        "_deadline",
        "_door",
        "_header_bytes",
        "_header_count",
        "_headers",
        "_is_between",
        "_is_idle",
        "_is_leaving",
        "_is_reading_head",
        "_known",
        "_learns",
        "_line_bytes",
        "_loop",
        "_parser",
        "_reading",
        "_refuses_load",
        "_taken_at",
        "_unread_bytes",
        "_unsent_bytes",
        "_url",
        "_waiting",
        "answering",
        "one_too_many",
        "proof",
        "reading_paused",
        "transport",
        "writable",
    )

    transport: asyncio.Transport

    def __init__(self, app: App, door: Door, *, is_leaving: bool = False) -> None:
        self._app = app
        self._door = door
        self._is_leaving = is_leaving
        """Whether the server stops: whatever is answered from now on is the last on its connection."""
        self._loop = asyncio.get_running_loop()
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        # what follows the last request is for us to ignore, and no error of the request
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.one_too_many = False
        """Whether there was no room for this client when it came, and still is none."""
        self.proof: Proof | None = None
        """What was last shown here as a key."""

        self._reading: Exchange | None = None
        """Whose body is arriving."""
        self.answering: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        """Requests that came before the answer to an earlier one was sent."""
        self.reading_paused = False
        self.writable: asyncio.Event | None = None

        self._is_between = True
        """Whether the parser has read whole requests and nothing of another."""
        self._is_idle = False
        """Whether an answer was sent and nothing of another request has come."""
        self._is_reading_head = False
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_count = self._header_bytes = 0
        self._line_bytes = 0
        """Of the line of a head that has not ended yet."""
        self._around: tuple[bytes, bytes] | None = None
        """The bytes of the head that the parser reads next, around its length, if it is to be known."""
        self._known: KnownHead | None = None
        self._learns = True
        """Whether it is worth while to know the next head that is new: not after one that never came again."""
        self._body_left = 0
        """How much is still to come of a body that the parser does not see."""
        self._refuses_load = False
        """Whether the latest request is one too many."""
        self._unread_bytes = 0
        """How much of a request that is refused unread is still to come."""

        self._deadline: float | None = None
        """When the request being read must be complete, or another begun, by the loop's clock."""
        self._unsent_bytes = 0
        """Of answers, at the last sweep."""
        self._taken_at = 0.0
        """When the client was last seen to take something, by the loop's clock; while it has something to take."""

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass, and behaves like one
        self.transport.set_write_buffer_limits(high=UNSENT_BYTES)
        self._door.connections.add(self)
        self._deadline = self._loop.time() + self._door.headers_seconds
        self.one_too_many = self._is_crowded()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.connections.discard(self)
        self._parser = None  # it points back here
        self._deadline = None
        if self.answering is not None:
            self.answering.leave()
            self.answering = None
        for exchange in self._waiting:
            exchange.leave()
        self._waiting.clear()
        if self.writable is not None:
            self.writable.set()

    def data_received(self, data: bytes) -> None:
        door = self._door
        is_pressed = door.load.line or len(door.tasks) >= door.load.max_in_flight
        if self._unread_bytes or (is_pressed and self._is_between and self._refuses_unread(data)):
            data = self._skip(
                data
            )  # and what follows it in this piece is asked of the parser whether it may stay
        elif (known := self._known) is not None and self._is_between and data.startswith(known.before):
            data = self._take_known_head(known, data)
        if self._body_left:
            data = self._take_body(data)
        if data:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        assert parser is not None, "nothing comes after the connection was lost"
        if self._learns and self._is_between:
            self._around = around_length(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # asked for what is not spoken here: answered as if it had not asked, and what follows may be no HTTP
            self._door.outbox.flush()
            self.shutdown()
            if self._body_left:
                self._take_body(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
                cause, UnreadableError
            ):
                log.error("a request could not be read", exc_info=error)
            self._refuse(*(cause.answer if isinstance(cause, UnreadableError) else INVALID))
            return
        if self._is_reading_head:
            # the parser keeps a line that does not end to itself, however long it grows
            line_end = data.rfind(b"\n")
            self._line_bytes = len(data) - line_end - 1 + (self._line_bytes if line_end < 0 else 0)
            if self._line_bytes > 2 * MAX_HEADER_BYTES:
                self._refuse(*TOO_MANY)
        elif self._is_idle and self._deadline is not None and not data.strip():
            # empty lines begin no request, and keep no connection open
            self._deadline = min(self._deadline, self._loop.time() + self._door.headers_seconds)

    def pause_writing(self) -> None:
        self.writable = asyncio.Event()
        if self.answering is None:
            # for whoever asks on and does not read, refusals would be kept without end
            self._pause_reading()

    def resume_writing(self) -> None:
        if self.writable is not None:
            self.writable.set()
            self.writable = None
        if not self._waiting:
            self.resume_reading()

    def _pause_reading(self) -> None:
        if not self.reading_paused and not self.transport.is_closing():
            self.reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.reading_paused and not self.transport.is_closing():
            self.reading_paused = False
            self.transport.resume_reading()

    # A head that came before

    def _take_known_head(self, known: KnownHead, data: bytes) -> bytes:
        """Take in the head that begins here if it is the known one, and return what follows; else all of it."""
        start = len(known.before)
        end = data.find(b"\r", start, start + MAX_LENGTH_DIGITS + 1)
        length = data[start:end]
        if end < 0 or not length.isdigit() or not data.startswith(known.behind, end) or not int(length):
            return data
        self._learns = True
        self._is_between = self._is_idle = self._refuses_load = False
        exchange = self._let_in(known.head)
        if length != known.head.headers[b"content-length"]:
            exchange.headers = known.head.headers | {b"content-length": length}
        self._body_left = int(length)
        return data[end + len(known.behind) :]

    def _take_body(self, data: bytes) -> bytes:
        """Take in what is here of a body that the parser does not see, and return what follows."""
        left = self._body_left
        body = data[:left]
        self._body_left -= len(body)
        if body:
            self.on_body(body)
        if not self._body_left:
            self.on_message_complete()
        return data[left:]

    # The parser's side

    def on_message_begin(self) -> None:
        self._is_between = self._is_idle = self._refuses_load = False
        self._is_reading_head = True
        self._url = b""
        self._headers = {}
        self._header_count = self._header_bytes = self._line_bytes = 0
        self._deadline = self._loop.time() + self._door.headers_seconds

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > MAX_HEADER_BYTES:
            raise UnreadableError(414, "Too long a URL.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES or self._header_count > MAX_HEADERS:
            raise UnreadableError(*TOO_MANY)
        if not self._is_reading_head:  # what follows a chunked body is no header of the request
            return
        name = name.lower()
        if name not in self._headers:
            self._headers[name] = value
        elif name == b"host":
            raise UnreadableError(*ONE_HOST)

    def on_headers_complete(self) -> None:
        around, self._around = self._around, None
        expects = self._headers.get(b"expect", b"").lower() == b"100-continue"
        if not expects and self._is_too_much() and self._may_refuse(self._url):
            self._is_reading_head = False
            self._refuses_load = True
            return
        assert self._parser is not None
        is_urgent = self._url in self._door.urgent
        head = read_head(self._parser, self._url, self._headers, is_urgent=is_urgent)
        self._is_reading_head = False
        self._let_in(head).expects_continue = expects
        if self._parser.should_upgrade():  # Java's own client asks for HTTP/2 so, with every body
            self._body_left = int(self._headers.get(b"content-length", b"0"))
        if around is not None:
            self._known = KnownHead(before=around[0], behind=around[1], head=head)
            self._learns = False

    def on_body(self, body: bytes) -> None:
        exchange = self._reading
        if exchange is None:  # refused, or answered before all of it was here
            return
        exchange.pieces.append(body)
        exchange.body_bytes += len(body)
        if exchange.body_bytes > exchange.room:
            self._pause_reading()
            exchange.wake()

    def on_message_complete(self) -> None:
        if self._body_left:
            return
        self._is_between = True
        if self._refuses_load:
            assert self._parser is not None
            self._refuse_load(self._url, is_last=not self._parser.should_keep_alive())
            return
        exchange = self._reading
        if exchange is not None:
            self._reading = None
            self._deadline = None
            exchange.whole = True
            if exchange.arrival is not None:
                exchange.wake()
        elif self.answering is None:
            self._rest()

    def _let_in(self, head: Head) -> Exchange:
        """Have this request answered once the earlier ones are. Its body may still be on its way."""
        exchange = self._reading = Exchange(self, head)
        self._deadline = self._loop.time() + self._door.body_seconds
        if self._is_leaving:
            exchange.keeps_alive = False
        if self.one_too_many:
            self.one_too_many = self._is_crowded()
        if self.answering is None:
            self._begin(exchange)
        else:
            self._pause_reading()
            self._waiting.append(exchange)
        return exchange

    # Answering

    def _begin(self, exchange: Exchange, *, has_waited: bool = False) -> bool:
        """Have it answered, if need be after others; False where its client has left meanwhile."""
        if exchange.client_left:
            return False
        self.answering = exchange
        door = self._door
        if not has_waited and not door.load.begins_now(exchange.is_urgent):
            door.load.wait(partial(self._begin, exchange, has_waited=True))
            return True
        exchange.task = self._loop.create_task(self._answer(exchange))
        door.tasks.add(exchange.task)
        return True

    async def _answer(self, exchange: Exchange) -> None:
        door = self._door
        door.load.has_begun()
        try:
            await self._app(exchange)
        finally:
            # here, and not in a callback: that would be another turn of the event loop for each request
            door.tasks.discard(exchange.task)
            # they may point back here: so what is finished is freed at once, and an error of a task told at once
            exchange.crash_bytes = exchange.task = None
            if not exchange.complete and not exchange.client_left:
                self._give_up(exchange)

    def _give_up(self, exchange: Exchange) -> None:
        """The application is done, and the answer is not: whatever it raised is logged by the event loop."""
        log.error("request %s was not answered as it should be", exchange.id)
        if not exchange.started:
            self._send_plain(500, "Internal Server Error")
        self.transport.close()

    def answered(self, exchange: Exchange) -> None:
        """The last byte of its answer was sent."""
        self.answering = None
        if exchange is self._reading:  # what still comes of its body is dropped
            self._reading = None
        if not exchange.keeps_alive:
            self.transport.close()
        if self.transport.is_closing():
            return
        if self._waiting:
            self.resume_reading()
            self._begin(self._waiting.popleft())
            return
        if self.writable is not None:
            self._pause_reading()  # who takes nothing of this answer needs no other
        elif self.reading_paused:
            self.resume_reading()
        if self._is_between:
            self._rest()

    def _rest(self) -> None:
        self._is_idle = True
        self._deadline = self._loop.time() + KEEP_ALIVE_SECONDS

    def leave(self) -> None:
        """Let the next answer be the last; one that has begun without saying so may be followed by another."""
        self._is_leaving = True
        latest = self._waiting[-1] if self._waiting else self.answering
        if latest is not None and not latest.started:
            latest.keeps_alive = False

    def shutdown(self) -> None:
        """Close the connection, or have it closed after what is being answered."""
        latest = self._waiting[-1] if self._waiting else self.answering
        if latest is None:
            self.transport.close()
        else:
            latest.keeps_alive = False

    # Refusing

    def _may_refuse(self, url: bytes) -> bool:
        """Whether a refusal may be written now: not before an earlier answer, nor to what is always answered."""
        return self.answering is None and url not in self._door.urgent

    def _is_too_much(self) -> bool:
        """Whether this is one request too many."""
        return not self._door.load.takes_one_more(len(self._door.tasks))

    def _refuses_unread(self, data: bytes) -> bool:
        """Whether what has just come is one request too many, and need not be parsed to say so."""
        if not self._is_too_much():
            return False
        plain = plain_request(data)
        if plain is None or not self._may_refuse(plain[0]):
            return False
        self._url, self._unread_bytes = plain
        self._refuses_load = True
        self._is_idle = False
        if self._unread_bytes > len(data):
            self._deadline = self._loop.time() + self._door.body_seconds
        return True

    def _skip(self, data: bytes) -> bytes:
        """Drop what belongs to the request that is refused unread, and refuse it at its end. Returns the rest."""
        length = self._unread_bytes
        self._unread_bytes = max(0, length - len(data))
        if not self._unread_bytes:
            self._refuse_load(self._url, is_last=False)
        return data[length:]

    def _refuse_load(self, url: bytes, *, is_last: bool) -> None:
        self._door.load.refused += 1
        status, answer = self._door.refusals.answer(url)
        self._rest()
        is_last = is_last or self._is_leaving
        self._door.outbox.put(self.transport, STATUS_LINE[status] + answer, is_last=is_last)

    def _is_crowded(self) -> bool:
        return len(self._door.connections) > room_for_clients()

    def _refuse(self, status: int, message: str) -> None:
        """Answer what cannot be read; the connection is closed after it."""
        if self.transport.is_closing():
            return
        reading = self._reading
        if reading is not None:
            may_tell = reading is self.answering and not reading.started
        else:
            may_tell = self.answering is None and (self._is_reading_head or self._is_between)
        # who waits for the answer to an earlier request, or has an answer to this one, would be misled
        if may_tell and not self._is_idle:
            self._door.outbox.flush()  # a refusal of an earlier request goes first
            self._send_plain(status, message)
        self.transport.close()

    def _send_plain(self, status: int, message: str) -> None:
        head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head % len(message) + message.encode("ascii"))

    # The sweep

    def sweep(self, now: float) -> None:
        """Close the connection when its request takes too long to arrive, or its answer to be taken."""
        self._sweep_unsent(now)
        if self._deadline is None or now < self._deadline or self.transport.is_closing():
            return
        if self._is_idle or self._refuses_load:
            self.transport.close()
            return
        if self._reading is not None:
            # the application is waiting for the rest of a body that does not come
            self._reading.leave()
        self._refuse(408, "The request took too long to arrive.")

    def _sweep_unsent(self, now: float) -> None:
        unsent_bytes = self.transport.get_write_buffer_size()
        if not unsent_bytes or unsent_bytes != self._unsent_bytes:
            self._unsent_bytes = unsent_bytes
            self._taken_at = now
        elif now - self._taken_at >= self._door.write_seconds:
            log.info(
                "a client took nothing of its answer for %g seconds and was cut off", now - self._taken_at
            )
            self.transport.abort()
