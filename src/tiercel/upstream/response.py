"""An answer while it arrives: the reader's side of one exchange on a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, Self, TypeAlias

from tiercel.upstream.errors import BodyTooLargeError

Sink: TypeAlias = Callable[[bytes], Awaitable[None] | None]
"""Takes one piece of a body; what it returns is awaited before the next."""
PAUSE_ABOVE_BYTES = 32_768
"""When this much lies unread, the server is made to wait."""


class Source(Protocol):
    """What an answer asks of the connection that it arrives on."""

    def set_deadline(self, seconds: float) -> None:
        """Let the exchange take until `seconds` after its start."""
        ...

    def drain(self) -> None:
        """Drop what still comes, for a moment."""
        ...

    def resume(self) -> None:
        """Read on, if reading was paused."""
        ...

    def abort(self) -> None:
        """Close the socket."""
        ...


class HttpResponse:
    """An answer while it arrives: iterate over it for the body's bytes, `read` them all, or have them `poured`.

    All raise `HttpError` when the rest does not come. Whoever stops before the end must call `aclose`, or `let_go` if
    only formalities are to come. `fields` are the headers as they came, by lower-case name; the values of a repeated
    one are joined by commas.
    """

    __slots__ = (
        "_chunks",
        "_connection",
        "_done",
        "_error",
        "_pause",
        "_sink",
        "_unread",
        "_waiter",
        "fields",
        "status",
    )

    def __init__(self, connection: Source) -> None:
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self._connection: Source | None = connection
        self._chunks: list[bytes] = []
        self._unread = 0
        self._error: BaseException | None = None
        self._done = False
        self._waiter: asyncio.Future[None] | None = None
        self._sink: Sink | None = None
        self._pause: Awaitable[None] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """`fields` as text: for those who need all of them, as errors do."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.fields.items()}

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._done:
                raise StopAsyncIteration
            await self._wait()
        return self._take()

    def read_at_once(self) -> bytes | None:
        """The whole body, if all of it is here and nobody need wait for it."""
        return self._take() if self._done and self._chunks else None

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

    async def pour(self, sink: "Sink") -> None:
        """Hand the body to `sink` piece by piece until it ends, or `sink` calls `let_go`.

        `sink` is called as the bytes come in, which saves waking a task for each piece. Where it returns an awaitable,
        that is awaited before it is called again. What it raises is raised here, and the connection closed.
        """
        self._sink = sink
        try:
            while await self._goes_on():
                pass
        finally:
            self._sink = None

    async def _goes_on(self) -> bool:
        """Take the next step of pouring; returns whether there is another."""
        if self._chunks and self._sink is not None:
            self._pause = self._sink(self._take())
        if self._pause is not None:
            pause, self._pause = self._pause, None
            await pause
            return True
        if self._sink is None or (self._done and not self._chunks):
            return False
        if self._error is not None:
            raise self._error
        await self._wait()
        return True

    def set_deadline(self, seconds: float) -> None:
        """Let the exchange take until `seconds` after its start, in place of its limits' `deadline_seconds`."""
        if self._connection is not None:
            self._connection.set_deadline(seconds)

    def let_go(self) -> None:
        """Read no further. The connection is kept for the next call if the body ends within a moment."""
        self._sink = None
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
        """Return once `status` and `fields` are known. Raises `HttpError`."""
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

    def _take(self) -> bytes:
        """All that lies unread, of which there must be something."""
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        if self._unread > PAUSE_ABOVE_BYTES and self._connection is not None:
            self._connection.resume()
        self._unread = 0
        return data

    # What the connection tells: never called by the reader.

    def take_head(self, status: int, fields: dict[bytes, bytes]) -> None:
        self.status = status
        self.fields = fields

    def take_body(self, data: bytes) -> int:
        """Keep `data` for the reader; returns how much now lies unread."""
        self._chunks.append(data)
        self._unread += len(data)
        return self._unread

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come: all is here, or the rest failed with `error`."""
        self._connection = None
        self._error = error
        self._done = error is None
        self.wake()

    def arrived(self) -> None:
        """There is more, and it is not all: the sink is given it at once, if its task waits for that; else the reader
        is woken."""
        sink = self._sink
        if sink is not None:
            if not self._chunks or self._waiter is None or self._waiter.done():
                return
            self._pause = sink(self._take())
            if self._pause is None and self._sink is not None:
                return
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
