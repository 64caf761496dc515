"""Requests that are too large, too deep or too many are refused by name, and cost no memory that stays."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from tests.crash.served import configure, served
from tests.gateway.house import house
from tests.gateway.plain_http import call
from tests.security.raw_bytes import exchange_bytes, statuses
from tiercel.testing.scripted import Says, ScriptedProvider

GROWTH_BYTES = 32 * 2**20


def chat(**changes: object) -> bytes:
    usual = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps(usual | changes).encode()


def deep(levels: int) -> bytes:
    return b'{"model": "auto", "messages": [], "x": ' + b"[" * levels + b"]" * levels + b"}"


def posted(body: bytes) -> bytes:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


NEXT = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

TOO_MUCH: dict[str, tuple[bytes, int]] = {
    "a body over 20 MB": (chat(x="y" * 20_000_001), 413),
    "64 levels and more": (deep(65), 400),
    "a hundred thousand levels": (deep(100_000), 400),
    "over 100,000 values": (chat(x=[0] * 100_001), 400),
    "over 2,000 messages": (chat(messages=[{"role": "user", "content": "x"}] * 2_001), 400),
    "a key twice": (b'{"model": "auto", "model": "dear", "messages": []}', 400),
    "a key twice, spelt otherwise": (b'{"model": "auto", "mod\\u0065l": "dear", "messages": []}', 400),
    "a key twice, far down": (chat()[:-1] + b', "x": [[{"a": 1, "a": 2}]]}', 400),
    "more choices than eight": (chat(n=9), 400),
    "choices without end": (chat(n=10**12), 400),
    "a number beyond all numbers": (chat()[:-1] + b', "temperature": 1e999}', 400),
    "NaN": (chat()[:-1] + b', "temperature": NaN}', 400),
    "half a character": (b'{"model": "auto", "messages": [{"role": "user", "content": "\xff"}]}', 400),
    "half a pair": (b'{"model": "auto", "messages": [{"role": "user", "content": "\\ud800"}]}', 400),
    "nothing": (b"", 400),
    "two bodies": (chat() + chat(), 400),
}


@pytest.mark.parametrize(("body", "status"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
async def test_too_much_is_refused_before_any_call(tmp_path: Path, body: bytes, status: int) -> None:
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        cheap.default = Says(text="fine")
        received, _ = await exchange_bytes(here.url, posted(body) + NEXT)
        # what was not read of it is thrown away, and the connection serves on
        assert statuses(received) == [status, 200]
        assert b'"message":' in received
        assert cheap.requests == []


async def test_a_body_without_a_length_is_counted_as_it_comes(tmp_path: Path) -> None:
    """Chunked, it is refused once it has sent too much, and the rest is thrown away."""
    piece = b"%x\r\n%b\r\n" % (2**20, b"x" * 2**20)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        received, _ = await exchange_bytes(here.url, head + piece * 25 + b"0\r\n\r\n" + NEXT)
        assert statuses(received) == [413, 200]
        assert cheap.requests == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_flood_of_them_leaves_no_memory_behind(tmp_path: Path) -> None:
    """A real server, everything above ten times over, four at once."""
    async with ScriptedProvider() as provider:
        provider.default = Says(text="fine")
        configure(tmp_path, provider.base_url)
        async with served(tmp_path) as server:
            base_url = await server.base_url()

            async def flood() -> None:
                for body, _ in TOO_MUCH.values():
                    asked = [
                        call(base_url, "POST", "/v1/chat/completions", body[:5_000_000]) for _ in range(4)
                    ]
                    await asyncio.gather(*asked)

            await flood()
            before = resident_bytes(server.pid)
            for _ in range(10):
                await flood()
            assert resident_bytes(server.pid) - before < GROWTH_BYTES


def resident_bytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024
