"""Requests as bytes that no client would send, and what came back."""

import asyncio
import re
from contextlib import suppress
from urllib.parse import urlsplit

WAIT_SECONDS = 2.0
BODY = b'{"model": "auto", "messages": [{"role": "user", "content": "smuggled"}]}'
HIDDEN = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
"""A request that hides behind another's body; wherever it is answered, somebody was fooled."""


async def exchange_bytes(
    base_url: str, data: bytes, wait_seconds: float = WAIT_SECONDS
) -> tuple[bytes, bool]:
    """All that the server sent, and whether it closed the connection within that time."""
    url = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    received = b""
    closed = False
    try:
        with suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
        async with asyncio.timeout(wait_seconds):
            while piece := await reader.read(65_536):
                received += piece
            closed = True
    except TimeoutError:
        pass
    except ConnectionError:
        closed = True
    finally:
        writer.close()
    return received, closed


def statuses(received: bytes) -> list[int]:
    """Of all answers in it, one after the other."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
