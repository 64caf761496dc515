"""OpenAI's Responses API as the gateway serves it, through the official client."""

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.gateway.house import house
from tiercel.testing.scripted import Called, Fault, Says, ScriptedProvider

WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic", "openai_responses"])
async def test_a_response_is_made_by_an_upstream_of_any_format(tmp_path: Path, upstream: Any) -> None:
    async with ScriptedProvider(Says(text="Hello!"), format=upstream) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            raw = await here.client.responses.with_raw_response.create(model="auto", input="Say hello")
            answer = raw.parse()
    assert answer.output_text == "Hello!"
    assert (answer.status, answer.model) == ("completed", "cheap")
    assert answer.id == f"resp_{raw.headers['x-tiercel-record']}"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 5)


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic", "openai_responses"])
async def test_a_stream_adds_up_in_the_clients_own_accumulator(tmp_path: Path, upstream: Any) -> None:
    says = Says(
        text="one two", calls=(Called(name="weather", arguments='{"city":"Bern"}'),), finish="tool_calls"
    )
    async with ScriptedProvider(says, format=upstream) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            async with here.client.responses.stream(model="auto", input="Hi", tools=[WEATHER]) as stream:
                kinds = [event.type async for event in stream]
                final = await stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert final.output_text == "one two"
    assert [item.type for item in final.output] == ["message", "function_call"]
    assert final.usage is not None
    assert final.usage.output_tokens == 5


async def test_a_broken_stream_fails_explicitly(tmp_path: Path) -> None:
    broken = Says(text="one two three four", fault=Fault(cut=True, after=3))
    async with ScriptedProvider(broken) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            stream = await here.client.responses.create(model="auto", input="Hi", stream=True)
            with pytest.raises(openai.APIError):
                async for _ in stream:
                    pass


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "background"])
async def test_state_that_only_a_provider_has_is_refused_by_name(tmp_path: Path, field: Any) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            with pytest.raises(openai.BadRequestError) as caught:
                await here.client.responses.create(model="auto", input="Hi", extra_body={field: "resp_1"})
    assert caught.value.param == field
    assert provider.requests == []
