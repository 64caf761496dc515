"""Clients that leave at the worst moment are no event: nothing breaks, and the log of errors stays empty."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.crash.served import ASK
from tests.gateway.house import house
from tiercel.testing.scripted import Says, ScriptedProvider


async def test_a_client_that_leaves_with_requests_waiting_in_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two requests sent at once: the first is under way, the second waits for it, and nobody is there any more."""
    async with ScriptedProvider() as provider, house(tmp_path, provider.deployment("cheap")) as here:
        provider.default = Says(text="late", release=asyncio.Event())
        url = urlsplit(here.url)
        _, writer = await asyncio.open_connection(url.hostname, url.port)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-length: {len(ASK)}\r\n\r\n"
        )
        writer.write(2 * (head.encode() + ASK))
        await provider.wait_for_requests(1)
        writer.close()
        await provider.wait_for_abandoned(1)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
