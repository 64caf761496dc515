"""An answer while it arrives: the reader's side of one exchange on a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, Self, TypeAlias

import msgspec

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

    def pause(self) -> None:
        """Read no more for now."""
        ...

    def resume(self) -> None:
        """Read on, if reading was paused."""
        ...

    def abort(self) -> None:
        """Close the socket."""
        ...


class HttpResponse(msgspec.Struct, kw_only=True, eq=False):
    """An answer while it arrives: iterate over it for the body's bytes, `read` them all, or have them `poured`.

    All raise `HttpError` when the rest does not come. Whoever stops before the end must call `aclose`, or `let_go` if
    only formalities are to come. `head` is the status line and the headers as they came, and well-formed.

    `status` is 0 until the head is here. The other fields are between this and its connection: `source` is the
    connection, while more is to come of it and is wanted; `woken` is done when there is something new for the reader,
    which of a good answer that it wants `whole` is the end alone; `error` is why the rest will not come.
    """

    source: Source | None
    woken: asyncio.Future[None]
    whole: bool = False
    status: int = 0
    head: bytes = b""
    lowered: bytes = b""  # the head again, where names are looked for
    error: BaseException | None = None
    pieces: list[bytes] = []
    unread_bytes: int = 0
    _sink: Sink | None = None
    _pause: Awaitable[None] | None = None

    def header(self, name: bytes) -> bytes:
        """The first header of this lower-case name, found without taking all of them apart; nothing where none is."""
        start = self.lowered.find(b"\r\n" + name + b":")
        if start < 0:
            return b""
        return self.head[start + len(name) + 3 :].partition(b"\r\n")[0].strip()

    @property
    def fields(self) -> dict[bytes, bytes]:
        """All headers by lower-case name, read anew; the values of a repeated one are joined by commas."""
        fields: dict[bytes, bytes] = {}
        for line in self.head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            name, value = name.lower(), value.strip()
            fields[name] = fields[name] + b", " + value if name in fields else value
        return fields

    @property
    def headers(self) -> dict[str, str]:
        """`fields` as text: for those who need all of them, as errors do."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.fields.items()}

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self.pieces:
            if self.error is not None:
                raise self.error
            if self.source is None:
                raise StopAsyncIteration
            await self._wait()
        return self._take()

    async def read(self, limit: int | None = None) -> bytes:
        """The rest of the body. Raises `BodyTooLargeError` when it is longer than `limit` bytes."""
        if limit is None and self.source is None and self.error is None:
            # all of it is here, and in one piece, as it mostly is
            return self.pieces.pop() if len(self.pieces) == 1 else self._take()
        pieces: list[bytes] = []
        size = 0
        async for data in self:
            pieces.append(data)
            size += len(data)
            if limit is not None and size > limit:
                self.close()
                raise BodyTooLargeError
        return b"".join(pieces)

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
        if self.pieces and self._sink is not None:
            self._pause = self._sink(self._take())
        if self._pause is not None:
            pause, self._pause = self._pause, None
            await pause
            return True
        if self._sink is None:
            return False
        if self.source is None and not self.pieces:
            if self.error is not None:
                raise self.error
            return False
        await self._wait()
        return True

    def set_deadline(self, seconds: float) -> None:
        """Let the exchange take until `seconds` after its start, in place of its limits' `deadline_seconds`."""
        if self.source is not None:
            self.source.set_deadline(seconds)

    def let_go(self) -> None:
        """Read no further. The connection is kept for the next call if the body ends within a moment."""
        self._sink = None
        if self.source is not None:
            source, self.source = self.source, None
            source.drain()

    def close(self) -> None:
        """Read no further. A connection with an unfinished body is closed at once."""
        if self.source is not None:
            self.source.abort()

    async def aclose(self) -> None:
        """As `close`."""
        self.close()

    async def _wait(self) -> None:
        self.woken = asyncio.get_running_loop().create_future()
        try:
            await self.woken
        except asyncio.CancelledError:
            self.close()
            raise

    def _take(self) -> bytes:
        """All that lies unread."""
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self.unread_bytes > PAUSE_ABOVE_BYTES and self.source is not None:
            self.source.resume()
        self.unread_bytes = 0
        return data

    # What the connection tells: never called by the reader.

    def end(self, body: bytes, error: BaseException | None = None) -> None:
        """Nothing comes after `body`: all is here, or the rest failed with `error`."""
        if body:
            self.pieces.append(body)
        self.source = None
        self.error = error
        if not self.woken.done():
            self.woken.set_result(None)

    def arrived(self, body: bytes) -> None:
        """There is more, and it is not all: the sink is given it at once, if its task waits for that; else it is kept,
        and the reader woken."""
        waits = not self.woken.done()
        if waits and self.whole and 200 <= self.status < 300:
            if body:
                self.pieces.append(body)
            return
        if waits and self._sink is not None:
            pause = self._sink(body) if body else None
            if pause is None and self._sink is not None:
                return
            self._pause = pause
        elif body:
            self.pieces.append(body)
            self.unread_bytes += len(body)
            if self.unread_bytes > PAUSE_ABOVE_BYTES and self.source is not None:
                self.source.pause()
        if waits:
            self.woken.set_result(None)
