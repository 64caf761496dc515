"""The listening side: a server that takes in clients, sweeps over their connections, and drains.

One sweep a second over the open connections keeps their deadlines. Clients may take half of the descriptors that the
system allows: the other half is for what their requests need.
"""

import asyncio
import logging
import socket
from contextlib import suppress
from typing import Any

from tiercel.domain.errors import ConfigError
from tiercel.gateway.connection import UNSENT_BYTES, ClientConnection
from tiercel.gateway.door import Door
from tiercel.gateway.exchange import App
from tiercel.gateway.load import Occupancy
from tiercel.gateway.process import room_for_clients

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
LINGER_SECONDS = 0.5
"""How long a server that stops keeps idle connections: a request that is on its way there is answered, and told that
the connection ends. Closing them at once would lose it."""
ACCEPTED_AT_ONCE = 128
"""The event loop takes in one new connection a turn, which is too few while its turns are full: under overload clients
open connections by the hundred, and whoever was not taken in cannot be refused."""


class Server:
    """Listens, serves, drains. Runs in the event loop of whoever starts it and installs no signal handlers."""

    def __init__(self, app: App, *, host: str, port: int, door: Door) -> None:
        self._app = app
        self._door = door
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
            in_flight=len(self._door.tasks),
            waiting=load.waiting,
            limit=load.max_in_flight,
            connections=len(self._door.connections),
            refused=load.refused,
        )

    async def start(self) -> int:
        """Begin to listen; returns the port. Raises `ConfigError` where the address cannot be had."""
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
        for connection in tuple(self._door.connections):
            connection.leave()
        drain_seconds -= await self._linger(min(LINGER_SECONDS, drain_seconds))
        for connection in tuple(self._door.connections):
            connection.shutdown()
        if self._door.tasks:
            _, late = await asyncio.wait(self._door.tasks, timeout=max(0.0, drain_seconds))
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
        for connection in tuple(self._door.connections):
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
            if not self._door.connections or waited >= seconds:
                return waited
            await asyncio.sleep(LINGER_SECONDS / 50)

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
        return ClientConnection(self._app, self._door, is_leaving=self._is_leaving)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        is_crowded = False
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            room = room_for_clients()
            if is_crowded != (len(self._door.connections) > room):
                is_crowded = not is_crowded
                _tell_of_crowd(is_crowded, len(self._door.connections), room)
            for connection in tuple(self._door.connections):
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
