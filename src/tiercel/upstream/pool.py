"""Connections that lie idle, by where they lead, and all that are open."""

import asyncio

import msgspec

from tiercel.upstream.address import Origin
from tiercel.upstream.connection import Connection
from tiercel.upstream.proxy import Proxy

MAX_IDLE = 64
"""Per place; beyond it the one that was idle longest is closed."""


class Place(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What must be equal for a connection to serve another call."""

    origin: Origin
    proxy: Proxy | None = None
    ca_file: str | None = None


class Pool:
    """Hands out the connection that was used last, so that the others may grow old and close."""

    def __init__(self, max_idle: int = MAX_IDLE) -> None:
        self._max_idle = max_idle
        self._idle: dict[Place, list[Connection]] = {}
        self._open: dict[Connection, Place] = {}
        self._all_closed: asyncio.Event | None = None

    @property
    def open_count(self) -> int:
        return len(self._open)

    @property
    def idle_count(self) -> int:
        return sum(len(idle) for idle in self._idle.values())

    def add(self, connection: Connection, place: Place) -> None:
        """Take note of a connection that has just been opened, and is in use."""
        if self._all_closed is not None:
            connection.abort()
        if connection.is_open:
            self._open[connection] = place

    def take(self, place: Place, now: float) -> Connection | None:
        """An idle connection that may be used now, if there is one. `now` is a time of the loop's clock."""
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            if connection.is_reusable(now):
                return connection
            connection.abort()
        return None

    def release(self, connection: Connection) -> None:
        """An exchange ended well: the connection is free."""
        place = self._open.get(connection)
        if place is None or self._all_closed is not None:
            connection.abort()
            return
        idle = self._idle.get(place)
        if idle is None:
            idle = self._idle[place] = []
        idle.append(connection)
        if len(idle) > self._max_idle:
            idle.pop(0).abort()

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        place = self._open.pop(connection, None)
        if place is not None:
            idle = self._idle.get(place, [])
            if connection in idle:
                idle.remove(connection)
            if not idle:
                self._idle.pop(place, None)
        if self._all_closed is not None and not self._open:
            self._all_closed.set()

    async def aclose(self) -> None:
        """Close every connection, also those in use, and wait until the sockets are gone."""
        if self._all_closed is None:
            self._all_closed = asyncio.Event()
        if not self._open:
            self._all_closed.set()
        for connection in list(self._open):
            connection.abort()
        await self._all_closed.wait()
