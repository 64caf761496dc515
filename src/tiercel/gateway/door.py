"""What decides who comes in, and who is there."""

import asyncio
from typing import Protocol

import msgspec

from tiercel.gateway.load import Load
from tiercel.gateway.refusals import Outbox, Refusals

HEADERS_SECONDS = 10.0
BODY_SECONDS = 60.0


class Guest(Protocol):
    """A client's connection, as the server sees it."""

    transport: asyncio.Transport

    def sweep(self, now: float) -> None:
        """Close it where a deadline is over."""
        ...

    def leave(self) -> None:
        """Let the next answer be the last."""
        ...

    def shutdown(self) -> None:
        """Close it, or have it closed after what is being answered."""
        ...


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """The same for all connections of a server.

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
    connections: set[Guest] = msgspec.field(default_factory=set)
    tasks: set[asyncio.Task[None]] = msgspec.field(default_factory=set)
    """Of the requests being answered."""
