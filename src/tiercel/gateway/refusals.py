"""The answer to a request that is refused before it is read, prepared once for each path.

Under overload nothing is done oftener than this, so nothing is done in it that could be done before. Such a request
leaves no record.
"""

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


class Refusals:
    """Whole HTTP answers but for the status line, which is the server's."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._prepared: dict[bytes, tuple[tuple[int, bytes], ...]] = {}
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
        status, answer = prepared[number % len(prepared)]
        return status, answer.replace(UNNAMED, b"%b%0*d" % (self._id_begin, NUMBER_DIGITS, number))

    def _prepare(self, url: bytes) -> tuple[tuple[int, bytes], ...]:
        path = url.partition(b"?")[0].decode("latin-1")
        return tuple(self._whole(path, seconds) for seconds in RETRY_AFTER_SECONDS)

    def _whole(self, path: str, seconds: float) -> tuple[int, bytes]:
        error = UnavailableError("overloaded", MESSAGE, retry_after_seconds=seconds)
        status, headers, body = self._render(error, path, UNNAMED.decode("ascii"))
        lines = [b"%b: %b\r\n" % header for header in (*headers, (b"content-length", b"%d" % len(body)))]
        return status, b"".join((*lines, b"\r\n", body))
