"""The listening side: uvicorn's HTTP protocol with what it lacks, and a server that drains.

Added to the protocol: limits on header count and bytes, exactly one valid Host, deadlines for slow headers and slow
bodies, an end for clients that take nothing of their answer, and the line of `load.py`. One sweep a second over the
open connections keeps the deadlines, instead of a timer for each request. Clients may take half of the descriptors
that the system allows: the other half is for what their requests need.
"""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tiercel.domain.errors import ConfigError
from tiercel.gateway.admission import HOST
from tiercel.gateway.exchange import CONNECTION, Receive, Scope, Send
from tiercel.gateway.load import Load, Occupancy
from tiercel.gateway.refusals import Refusals

log = logging.getLogger(__name__)

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
HEADERS_SECONDS = 10.0
BODY_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 75
SWEEP_SECONDS = 1.0
LINGER_SECONDS = 0.5
"""How long a server that stops keeps idle connections: a request that is on its way there is answered, and told that
the connection ends. Closing them at once would lose it."""
OWN_DESCRIPTORS = 32
"""What the process needs for itself: journal, database, event loop, a reader or two."""
ENOUGH_DESCRIPTORS = 65_536
ACCEPTED_AT_ONCE = 32
"""The event loop takes in one new connection a turn, which is too few while its turns are full."""
UNSENT_BYTES = 32 * 1024
"""What the kernel, and then we, take of an answer before its client has room for it. Left to itself the kernel takes
megabytes for each, and only what it did not take holds the provider back and tells us that nobody reads."""

if sys.platform == "win32":

    def room_for_clients() -> int:
        """How many connections clients may have open at once."""
        return ENOUGH_DESCRIPTORS

    def allow_many_files() -> None:
        """Ask the system for as many descriptors as it gives."""

else:
    import resource

    def room_for_clients() -> int:
        """How many connections clients may have open at once."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY:
            return ENOUGH_DESCRIPTORS
        return max(1, (soft - OWN_DESCRIPTORS) // 2)

    def allow_many_files() -> None:
        """Ask the system for as many descriptors as it gives."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = ENOUGH_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_DESCRIPTORS)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(ValueError, OSError):  # what there is has to do
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """What decides who comes in, beside the connection's own limits.

    `urgent` are URLs that are always answered, and at once. A client that takes nothing of its answer for
    `write_seconds` is cut off, one whose request takes longer to arrive than the other two is refused.
    """

    load: Load
    refusals: Refusals
    urgent: frozenset[bytes]
    write_seconds: float
    headers_seconds: float = HEADERS_SECONDS
    body_seconds: float = BODY_SECONDS


class GuardedProtocol(HttpToolsProtocol):
    """One client connection, with limits."""

    door: Door
    """Set by the server."""
    refuses_load = False
    """Whether the latest request is one too many."""
    unsent_bytes = 0
    """Of answers, at the last sweep."""
    taken_at = 0.0
    """When the client was last seen to take something, by the loop's clock; while it has something to take."""
    deadline: float | None = None
    """When the request being read must be complete, by the loop's clock; `None` while none is being read."""
    header_bytes = 0
    is_reading_head = False
    head_bytes = 0
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
        super().data_received(data)
        if self.is_reading_head:
            # the parser keeps a line that does not end to itself, however long it grows
            self.head_bytes += len(data)
            if self.head_bytes > 2 * MAX_HEADER_BYTES and not self.transport.is_closing():
                self.refusal = (431, "Too many or too large headers.")
                self.send_400_response("")
        elif self.deadline is None and self.cycle.response_complete and not self.timeout_keep_alive_task:
            # empty lines between requests: they begin none, and keep no connection open
            self.deadline = self.loop.time() + self.door.headers_seconds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.is_reading_head = True
        self.head_bytes = 0
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
        if self.refuses_load:
            self._refuse_load()
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

    def _refuse_load(self) -> None:
        self.door.load.refused += 1
        status, answer = self.door.refusals.answer(self.url)
        self.deadline = self.loop.time() + KEEP_ALIVE_SECONDS
        self.transport.write(STATUS_LINE[status] + answer)
        if self.is_leaving or not self.parser.should_keep_alive():
            self.transport.close()

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


def settle() -> None:
    """Take everything there is by now out of the garbage collector's sight.

    For a process that from here on only serves: what was loaded at the start lives as long as it does, and looking
    through all of it again and again would stop every stream for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()


class Server:
    """Listens, serves, drains. Runs in the event loop of whoever starts it and installs no signal handlers."""

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Any], *, host: str, port: int, door: Door
    ) -> None:
        def enter(scope: Scope, receive: Receive, send: Send) -> Any:
            door.load.has_begun()
            return app(scope, receive, send)

        self._door = door
        self._config = Config(
            enter,
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._state = ServerState()
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._listening: list[socket.socket] = []
        self._accepting: set[asyncio.Task[Any]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._is_leaving = False

    def occupancy(self) -> Occupancy:
        """How full it is now."""
        load = self._door.load
        return Occupancy(
            in_flight=len(self._state.tasks),
            waiting=load.waiting,
            limit=load.max_in_flight,
            connections=len(self._state.connections),
            refused=load.refused,
        )

    async def start(self) -> int:
        """Begin to listen; returns the port. Raises `ConfigError` where the address cannot be had."""
        self._config.load()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._accepted, host=self._host, port=self._port, backlog=2048
            )
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {self._host}:{self._port}: {error.strerror or 'address not available'};"
                " choose another with --port, or [listener] port in tiercel.toml"
            ) from error
        self._sweeper = asyncio.create_task(self._sweep(), name="sweep-connections")
        # of our own, since the event loop's cannot accept
        self._listening = [socket.fromfd(own.fileno(), own.family, own.type) for own in self._server.sockets]
        for listening in self._listening:
            keep_kernel_short(listening)
        bound: socket.socket = self._server.sockets[0]
        return int(bound.getsockname()[1])

    async def stop(self, drain_seconds: float) -> None:
        """Accept nothing new, let running answers finish for so long, then cancel what is left."""
        await self._stop_listening()
        self._door.load.release()
        for connection in self._connections():
            connection.leave()
        drain_seconds -= await self._linger(min(LINGER_SECONDS, drain_seconds))
        for connection in self._connections():
            connection.shutdown()
        if self._state.tasks:
            _, late = await asyncio.wait(self._state.tasks, timeout=max(0.0, drain_seconds))
            for task in late:
                task.cancel()
            if late:
                log.warning(
                    "%d answers did not finish within %g seconds and were cut", len(late), drain_seconds
                )
                await asyncio.wait(late, timeout=5.0)
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        for connection in self._connections():
            connection.transport.close()

    async def _stop_listening(self) -> None:
        """After those have come in whom the system has already told that they are connected."""
        self._is_leaving = True
        if self._server is not None:
            self._server.close()
        self._accept_more()
        for listening in self._listening:
            listening.close()
        self._listening = []
        if self._accepting:
            await asyncio.wait(self._accepting)

    async def _linger(self, seconds: float) -> float:
        """Wait for so long, or until all connections are closed. Returns the seconds it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            waited = loop.time() - began
            if not self._state.connections or waited >= seconds:
                return waited
            await asyncio.sleep(LINGER_SECONDS / 50)

    def _connections(self) -> list[GuardedProtocol]:
        return [one for one in self._state.connections if isinstance(one, GuardedProtocol)]

    def _accepted(self) -> asyncio.Protocol:
        if self._door.load.waiting:
            self._accept_more()
        return self._protocol()

    def _accept_more(self) -> None:
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            with suppress(OSError):  # nobody more is waiting there, or there is no descriptor for them
                for _ in range(ACCEPTED_AT_ONCE):
                    accepted, _ = listening.accept()
                    accepted.setblocking(False)
                    task = loop.create_task(self._take_in(accepted), name="take-in")
                    self._accepting.add(task)
                    task.add_done_callback(self._accepting.discard)

    async def _take_in(self, accepted: socket.socket) -> None:
        with suppress(OSError):  # whoever it was has left again
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, accepted)

    def _protocol(self) -> asyncio.Protocol:
        protocol = GuardedProtocol(config=self._config, server_state=self._state, app_state={})
        protocol.door = self._door
        protocol.is_leaving = self._is_leaving
        return protocol

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        is_crowded = False
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            room = room_for_clients()
            if is_crowded != (len(self._state.connections) > room):
                is_crowded = not is_crowded
                _tell_of_crowd(is_crowded, len(self._state.connections), room)
            for connection in self._connections():
                connection.sweep(now)


def keep_kernel_short(listening: socket.socket) -> None:
    """Let the kernel hold little of what clients do not take; connections inherit it from the socket that listens."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None and listening.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # not every system that names it has it
            listening.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)


def _tell_of_crowd(is_crowded: bool, connections: int, room: int) -> None:
    if is_crowded:
        log.warning(
            "%d clients are connected and %d is what the limit of open files leaves room for (ulimit -n):"
            " whoever comes now is refused",
            connections,
            room,
        )
    else:
        log.warning("there is room for new clients again")
