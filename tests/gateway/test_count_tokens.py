"""Counting tokens: the provider's own count where it has one, else an estimate that is marked and not too low."""

from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest

from tests.gateway.house import house
from tiercel.domain.catalog import Capabilities
from tiercel.testing.scripted import Fails, Raw, ScriptedProvider

MESSAGES: Any = {
    "model": "auto",
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "word " * 400}],
}
CONTENT: Any = {"contents": [{"role": "user", "parts": [{"text": "word " * 400}]}]}
ENDPOINTS: Any = [
    ("/v1/messages/count_tokens", MESSAGES, "input_tokens"),
    ("/v1/responses/input_tokens", {"model": "auto", "input": "word " * 400}, "input_tokens"),
    ("/v1beta/models/auto:countTokens", CONTENT, "totalTokens"),
]


def counts(body: bytes) -> Raw:
    """A provider's answer with this body."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return Raw(data=head + body)


@pytest.mark.parametrize(("path", "body", "field"), ENDPOINTS)
@pytest.mark.parametrize(
    ("upstream", "answer", "asked_at"),
    [
        ("anthropic", b'{"input_tokens": 321}', "/messages/count_tokens"),
        (
            "openai_responses",
            b'{"object":"response.input_tokens","input_tokens":321}',
            "/responses/input_tokens",
        ),
        ("gemini", b'{"totalTokens": 321}', ":countTokens"),
    ],
)
async def test_the_provider_that_would_answer_counts(
    tmp_path: Path, path: str, body: Any, field: str, upstream: Any, answer: bytes, asked_at: str
) -> None:
    async with ScriptedProvider(counts(answer), format=upstream) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            counted = await client.post(here.url + path, json=body)
    assert counted.json()[field] == 321
    assert "x-tiercel-estimated" not in counted.headers
    assert provider.requests[0].path.endswith(asked_at)


@pytest.mark.parametrize(("path", "body", "field"), ENDPOINTS)
async def test_without_a_counting_provider_the_estimate_is_marked_and_not_too_low(
    tmp_path: Path, path: str, body: Any, field: str
) -> None:
    """T53."""
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            counted = await client.post(here.url + path, json=body)
    assert counted.headers["x-tiercel-estimated"] == "true"
    assert 400 <= counted.json()[field] <= 800
    assert provider.requests == []


async def test_a_provider_that_fails_to_count_costs_no_answer(tmp_path: Path) -> None:
    async with ScriptedProvider(Fails(status=500), format="anthropic") as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            counted = await client.post(f"{here.url}/v1/messages/count_tokens", json=MESSAGES)
    assert counted.status_code == 200
    assert counted.headers["x-tiercel-estimated"] == "true"


async def test_what_is_too_long_for_everybody_can_still_be_counted(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        small = provider.deployment("cheap", capabilities=Capabilities(window=100))
        async with house(tmp_path, small) as here:
            async with anthropic.AsyncAnthropic(base_url=here.url, api_key="unused-key") as client:
                counted = await client.messages.count_tokens(
                    model="auto", messages=[{"role": "user", "content": "word " * 400}]
                )
    assert counted.input_tokens >= 400


async def test_tools_and_system_are_counted(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            plain = await client.post(f"{here.url}/v1/messages/count_tokens", json=MESSAGES)
            tool = {"name": "t", "description": "many words " * 50, "input_schema": {"type": "object"}}
            more = await client.post(
                f"{here.url}/v1/messages/count_tokens",
                json={**MESSAGES, "tools": [tool], "system": "x " * 300},
            )
    assert more.json()["input_tokens"] > plain.json()["input_tokens"] + 200
