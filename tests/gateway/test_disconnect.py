"""A client that leaves stops the call that was made for it, at once, and what it cost until then is recorded."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.gateway.house import USER, house
from tests.gateway.lateness import lateness
from tiercel.domain.record import Record
from tiercel.records.query import load_history
from tiercel.testing.scripted import Delivery, Reply, Says, ScriptedProvider

NOTICED_WITHIN_SECONDS = 0.2
HALF_AN_ANSWER = b'{"id": "x", "object": "chat.completion", "choices": ['
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def silent() -> Reply:
    """Never begins."""
    return Says(text="one two three", release=asyncio.Event())


def stopping_midway() -> Reply:
    """Says three pieces of a stream, and then no more."""
    return Says(text="one two three four five", release=asyncio.Event(), release_after=3)


def half_of_a_body() -> Reply:
    return Delivery(
        headers=(("content-type", "application/json"),),
        pieces=(HALF_AN_ANSWER, b"]}"),
        length=1000,
        release=asyncio.Event(),
        release_after=1,
    )


async def leave(url: str, path: str, *, stream: bool, once_begun: bool, provider: ScriptedProvider) -> float:
    """Ask, and leave as soon as the provider (or with `once_begun` the answer) has; when that was."""
    host = urlsplit(url)
    body = msgspec.json.encode({"model": "auto", "messages": USER, "stream": stream, "max_tokens": 50})
    reader, writer = await asyncio.open_connection(host.hostname, host.port)
    head = f"POST {path} HTTP/1.1\r\nhost: {host.netloc}\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode("ascii") + body)
    await provider.wait_for_requests(1)
    if once_begun:
        await reader.readuntil(b"one")
    writer.close()
    return time.monotonic()


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    ("reply", "stream", "once_begun"),
    [
        pytest.param(silent, True, False, id="stream-before-its-first-token"),
        pytest.param(stopping_midway, True, True, id="stream-in-its-midst"),
        pytest.param(silent, False, False, id="whole-before-its-first-byte"),
        pytest.param(half_of_a_body, False, False, id="whole-in-its-midst"),
    ],
)
async def test_the_provider_sees_the_close_within_200_ms_and_the_record_has_what_it_cost(
    tmp_path: Path, path: str, reply: Callable[[], Reply], stream: bool, once_begun: bool
) -> None:
    async with ScriptedProvider(reply()) as cheap:
        async with house(tmp_path, cheap.deployment("cheap")) as here:
            left_at = await leave(here.url, path, stream=stream, once_begun=once_begun, provider=cheap)
            async with lateness() as late:
                await asyncio.wait_for(cheap.wait_for_abandoned(1), 30.0)
                assert time.monotonic() - left_at - late.seconds < NOTICED_WITHIN_SECONDS
    record = only_record(tmp_path)
    assert (record.outcome, record.format) == ("cancelled", "openai_chat" if path == CHAT else "anthropic")
    (attempt,) = record.attempts
    assert attempt.state == "cancelled"
    assert attempt.usage is not None
    assert attempt.usage.source == "partial"
    assert attempt.usage.input > 0
    assert (attempt.usage.visible > 0) == once_begun
    assert attempt.cost_nano


async def test_nothing_is_called_again_for_a_client_that_left(tmp_path: Path) -> None:
    async with ScriptedProvider(silent()) as cheap, ScriptedProvider(Says(text="too late")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            await leave(here.url, CHAT, stream=False, once_begun=False, provider=cheap)
            await asyncio.wait_for(cheap.wait_for_abandoned(1), 5.0)
    assert len(only_record(tmp_path).attempts) == 1
    assert dear.requests == []


def only_record(folder: Path) -> Record:
    (record,) = load_history(folder / "data").records
    return record
