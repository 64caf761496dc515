"""The smallest HTTP client, for tests that must send what no SDK would."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """Status, lower-case headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes


async def call(
    base_url: str, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """One request on a connection of its own. Headers given replace the usual ones of that name."""
    url = urlsplit(base_url)
    sent = {"host": url.netloc, "content-type": "application/json", "content-length": str(len(body))} | dict(
        headers or {}
    )
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}connection: close\r\n\r\n".encode("latin-1") + body)
        raw = await reader.read()
    finally:
        writer.close()
    head_bytes, _, rest = raw.partition(b"\r\n\r\n")
    status_line, *lines = head_bytes.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return Answer(int(status_line.split(" ")[1]), {name.lower(): value for name, value in pairs}, rest)
