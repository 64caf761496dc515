"""Anthropic's Messages API as the gateway serves it, through Anthropic's own client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.gateway.house import House, house
from tiercel.domain.catalog import Capabilities
from tiercel.testing.scripted import Called, Fails, Fault, Says, ScriptedProvider

HELLO: Any = [{"role": "user", "content": "Say hello"}]
WEATHER: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}


@asynccontextmanager
async def claude(here: House) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Anthropic's client, pointed at the gateway."""
    async with anthropic.AsyncAnthropic(base_url=here.url, api_key="unused-key", max_retries=0) as client:
        yield client


def error_of(error: anthropic.APIStatusError) -> Any:
    """What the format's error object says."""
    assert isinstance(error.body, dict)
    return error.body["error"]


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic"])
async def test_a_message_is_answered_by_an_upstream_of_any_format(tmp_path: Path, upstream: Any) -> None:
    async with ScriptedProvider(Says(text="Hello!"), format=upstream) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, claude(here) as client:
            raw = await client.messages.with_raw_response.create(model="auto", max_tokens=50, messages=HELLO)
            answer = await raw.parse()
            assert [block.text for block in answer.content if block.type == "text"] == ["Hello!"]
            assert (answer.stop_reason, answer.model) == ("end_turn", "cheap")
            assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 5)
            assert answer.id == f"msg_{raw.headers['x-tiercel-record']}"
            assert raw.headers["x-tiercel-tier"] == "fast"


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic"])
async def test_a_stream_adds_up_in_the_clients_own_accumulator(tmp_path: Path, upstream: Any) -> None:
    says = Says(
        text="one two", calls=(Called(name="weather", arguments='{"city":"Bern"}'),), finish="tool_calls"
    )
    async with ScriptedProvider(says, format=upstream) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, claude(here) as client:
            async with client.messages.stream(
                model="auto", max_tokens=50, messages=HELLO, tools=[WEATHER]
            ) as stream:
                final = await stream.get_final_message()
            assert [block.type for block in final.content] == ["text", "tool_use"]
            assert [b.input for b in final.content if b.type == "tool_use"] == [{"city": "Bern"}]
            assert final.stop_reason == "tool_use"
            assert final.usage.output_tokens == 5


async def test_versions_and_betas_go_along_to_an_upstream_of_the_same_format(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="Hi"), format="anthropic") as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, claude(here) as client:
            await client.messages.create(
                model="auto",
                max_tokens=5,
                messages=HELLO,
                extra_headers={"anthropic-beta": "one-2026,two-2026"},
            )
    sent = provider.requests[0].headers
    assert sent["anthropic-beta"] == "one-2026,two-2026"
    assert sent["anthropic-version"] == client.default_headers["anthropic-version"]


async def test_versions_and_betas_stay_away_from_an_upstream_of_another_format(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="Hi")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, claude(here) as client:
            await client.messages.create(
                model="auto", max_tokens=5, messages=HELLO, extra_headers={"anthropic-beta": "one-2026"}
            )
    assert not [name for name in provider.requests[0].headers if name.startswith("anthropic")]


async def test_a_conversation_too_long_for_everybody_is_told_in_the_words_agents_know(tmp_path: Path) -> None:
    """T58: the client shortens its conversation when it reads exactly this."""
    async with ScriptedProvider() as provider:
        small = provider.deployment("cheap", capabilities=Capabilities(window=2_000))
        async with house(tmp_path, small) as here, claude(here) as client:
            long: Any = [{"role": "user", "content": "word " * 4_000}]
            with pytest.raises(anthropic.BadRequestError) as caught:
                await client.messages.create(model="auto", max_tokens=50, messages=long)
    error = error_of(caught.value)
    assert error["type"] == "invalid_request_error"
    tokens, maximum = error["message"].removeprefix("prompt is too long: ").split(" tokens > ")
    assert int(tokens) > 2_000
    assert maximum.startswith("2000 maximum")
    assert provider.requests == []


async def test_the_upstreams_own_refusal_of_length_is_told_in_those_words_too(tmp_path: Path) -> None:
    refusal = Fails(
        status=400, message="maximum context length is 8192 tokens", code="context_length_exceeded"
    )
    async with ScriptedProvider(refusal) as provider:
        small = provider.deployment("cheap", capabilities=Capabilities(window=8_192))
        async with house(tmp_path, small) as here, claude(here) as client:
            with pytest.raises(
                anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > 8192 maximum"
            ):
                await client.messages.create(model="auto", max_tokens=50, messages=HELLO)


async def test_overload_has_anthropics_own_status(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        provider.default = Fails(status=503, message="busy")
        async with house(tmp_path, provider.deployment("cheap")) as here, claude(here) as client:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await client.messages.create(model="auto", max_tokens=50, messages=HELLO)
    assert caught.value.status_code == 529
    assert error_of(caught.value)["type"] == "overloaded_error"
    assert caught.value.request_id == caught.value.response.headers["x-tiercel-record"]


async def test_a_stream_that_breaks_raises_in_the_client(tmp_path: Path) -> None:
    broken = Says(text="one two three four", fault=Fault(cut=True, after=3))
    async with ScriptedProvider(broken) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, claude(here) as client:
            with pytest.raises(anthropic.APIStatusError):
                async with client.messages.stream(model="auto", max_tokens=50, messages=HELLO) as stream:
                    await stream.get_final_message()


async def test_an_unreadable_request_is_refused_in_the_formats_own_shape(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, claude(here) as client:
            with pytest.raises(anthropic.BadRequestError) as caught:
                await client.messages.create(model="auto", max_tokens=5, messages=[])
    assert error_of(caught.value)["message"].startswith("messages:")


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_provider_cannot_carry_is_named(tmp_path: Path, stream: bool) -> None:
    """Also in the first headers of a stream, before the record is complete."""
    async with ScriptedProvider(Says(text="Hi")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, claude(here) as client:
            create: Any = client.messages.with_raw_response.create
            raw = await create(
                model="auto", max_tokens=5, messages=HELLO, stream=stream, extra_body={"mcp_servers": []}
            )
            await raw.parse() if not stream else None
            record = here.record(raw.headers["x-tiercel-record"])
    assert raw.headers["x-tiercel-lost"] == "mcp_servers"
    assert record.attempts[0].lost == ("mcp_servers",)
