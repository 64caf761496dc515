"""A client that keeps its connection open, as pools of SDKs do, and tells exactly what became of each request."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

USUAL: dict[str, object] = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}


class Outcome(msgspec.Struct, frozen=True):
    """What came of one request. `whole` is whether all of its answer arrived; `status` 0 says that nothing did."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def good(self) -> bool:
        """Answered in full and well; a stream with its terminator and without an error."""
        ended = "text/event-stream" not in self.headers.get("content-type", "") or b"[DONE]" in self.body
        return self.status == 200 and self.whole and ended and b'"error"' not in self.body


NOTHING = Outcome(0, {}, b"", whole=False)


class Persistent:
    """One connection at a time, opened anew when the server has closed it."""

    def __init__(self, base_url: str) -> None:
        url = urlsplit(base_url)
        self._host, self._port, self._netloc = url.hostname, url.port, url.netloc
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, stream: bool = False) -> Outcome:
        """One request. Raises `ConnectionRefusedError` where nobody listens any more."""
        body = msgspec.json.encode(USUAL | {"stream": stream})
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        try:
            self._writer.write(
                f"POST /v1/chat/completions HTTP/1.1\r\nhost: {self._netloc}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            outcome = await read_outcome(self._reader)
        except OSError:
            outcome = NOTHING
        if not outcome.whole or outcome.headers.get("connection") == "close":
            self.close()
        return outcome

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def read_outcome(reader: asyncio.StreamReader) -> Outcome:
    """One answer off a connection, or as much of it as came."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return NOTHING
    status_line, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    status = int(status_line.split(" ")[1])
    body = bytearray()
    try:
        if "transfer-encoding" in headers:
            while (size := int(await reader.readuntil(b"\r\n"), 16)) > 0:
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            body += await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return Outcome(status, headers, bytes(body), whole=False)
    return Outcome(status, headers, bytes(body), whole=True)


async def keep_asking(
    base_url: str, clients: int, outcomes: list[Outcome], until: Callable[[], bool]
) -> None:
    """So many clients at once, every other request a stream, until told, or until nobody listens any more."""

    async def one(number: int) -> None:
        client = Persistent(base_url)
        with suppress(ConnectionRefusedError):
            while not until():
                number += 1
                outcomes.append(await client.ask(stream=number % 2 == 0))
        client.close()

    await asyncio.gather(*(one(number) for number in range(clients)))


async def at_once(count: int, ask: Callable[[int], Awaitable[Outcome]]) -> list[Outcome]:
    """So many requests side by side."""
    return list(await asyncio.gather(*(ask(number) for number in range(count))))
