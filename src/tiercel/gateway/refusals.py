"""The answer to a request that is refused before it is read: prepared once for each path, and sent with others.

Under overload nothing is done oftener than this, so nothing is done in it that could be done before. Such a request
leaves no record.
"""

import asyncio
from collections.abc import Callable
from itertools import count

from tiercel.domain.errors import UnavailableError
from tiercel.gateway.exchange import Headers
from tiercel.gateway.ids import new_record_id

MESSAGE = "the gateway is asked for more than it can do at the moment"
RETRY_AFTER_SECONDS = (1.0, 2.0, 3.0)
"""In turn, so that those who were refused together do not come back together."""
REMEMBERED = 64
"""Paths: those of some formats hold a model's name, which anybody can make up."""

NUMBER_DIGITS = 10
UNNAMED = b"-" * 26
"""Stands in prepared answers where an id belongs; no id looks like this."""

Render = Callable[[UnavailableError, str, str], tuple[int, Headers, bytes]]
"""Status, headers and body of this error for a client that asked for this path, under this id."""


class Outbox:
    """Refusals on their way to their clients, of all connections. They are written one after another, once in a turn of
    the event loop: in the midst of other work each would cost a third more."""

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.Transport, bytes, bool]] = []

    def put(self, transport: asyncio.Transport, answer: bytes, *, is_last: bool) -> None:
        """Send this soon, and before whatever the connection's next request brings; close the connection after the last
        one."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((transport, answer, is_last))

    def flush(self) -> None:
        """Send everything now."""
        waiting, self._waiting = self._waiting, []
        for transport, answer, is_last in waiting:
            if transport.is_closing():
                continue
            transport.write(answer)
            if is_last:
                transport.close()


class Refusals:
    """Whole HTTP answers but for the status line, which is the server's."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._prepared: dict[bytes, tuple[tuple[int, list[bytes]], ...]] = {}
        self._numbers = count()
        # ids like all others, but for the cost of making them: random once, then counted
        self._id_begin = new_record_id()[:-NUMBER_DIGITS].encode("ascii")

    def answer(self, url: bytes) -> tuple[int, bytes]:
        """Status, and headers and body as they go over the wire, for a client that asked for this URL."""
        prepared = self._prepared.get(url)
        if prepared is None:
            if len(self._prepared) >= REMEMBERED:
                self._prepared.clear()
            prepared = self._prepared[url] = self._prepare(url)
        number = next(self._numbers)
        status, between_ids = prepared[number % len(prepared)]
        return status, (b"%b%0*d" % (self._id_begin, NUMBER_DIGITS, number)).join(between_ids)

    def _prepare(self, url: bytes) -> tuple[tuple[int, list[bytes]], ...]:
        path = url.partition(b"?")[0].decode("latin-1")
        return tuple(self._whole(path, seconds) for seconds in RETRY_AFTER_SECONDS)

    def _whole(self, path: str, seconds: float) -> tuple[int, list[bytes]]:
        error = UnavailableError("overloaded", MESSAGE, retry_after_seconds=seconds)
        status, headers, body = self._render(error, path, UNNAMED.decode("ascii"))
        lines = [b"%b: %b\r\n" % header for header in (*headers, (b"content-length", b"%d" % len(body)))]
        return status, b"".join((*lines, b"\r\n", body)).split(UNNAMED)
