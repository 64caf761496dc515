"""Clients that keep a server busy until it dies, and know exactly which answers they have in full."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

END_OF_CHUNKS = b"\r\n0\r\n\r\n"


class Tally:
    """What happened to the requests of a load, by the model name that each asked for."""

    def __init__(self) -> None:
        self.completed: dict[str, str] = {}
        """Of every answer whose last byte arrived: the record id that its headers named."""
        self.unfinished: list[str] = []
        """Requests that were sent, and whose answers did not arrive in full."""
        self.unexpected: list[bytes] = []
        """Complete answers that were no success, which a dying server has no reason to give."""


async def keep_busy(base_url: str, names: Iterator[str], clients: int, tally: Tally) -> None:
    """Ask with `clients` connections at once, every other time for a stream, until no connection can be had."""
    await asyncio.gather(*(_one_client(base_url, names, number % 2 == 0, tally) for number in range(clients)))


async def _one_client(base_url: str, names: Iterator[str], stream: bool, tally: Tally) -> None:
    for name in names:
        try:
            raw = await _ask(base_url, name, stream)
        except OSError:
            tally.unfinished.append(name)
            return
        stream = not stream
        head, _, body = raw.partition(b"\r\n\r\n")
        if not _is_complete(head, body):
            tally.unfinished.append(name)
        elif b" 200 " not in head.partition(b"\r\n")[0] or b'"error"' in body:
            tally.unexpected.append(raw)
        else:
            tally.completed[name] = _header(head, b"x-tiercel-record")


async def _ask(base_url: str, name: str, stream: bool) -> bytes:
    """All bytes of the answer that arrived before the connection ended, in whatever way it did."""
    url = urlsplit(base_url)
    body = msgspec.json.encode(
        {"model": name, "messages": [{"role": "user", "content": f"I am {name}."}], "stream": stream}
    )
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    received = b""
    try:
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
            + body
        )
        with suppress(OSError):
            while piece := await reader.read(65_536):
                received += piece
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return received


def _is_complete(head: bytes, body: bytes) -> bool:
    if b"transfer-encoding: chunked" in head.lower():
        return body.endswith(END_OF_CHUNKS)
    return bool(head) and len(body) == int(_header(head, b"content-length") or -1)


def _header(head: bytes, name: bytes) -> str:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode("ascii")
    return ""
