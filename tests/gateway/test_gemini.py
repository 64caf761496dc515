"""Gemini's API as the gateway serves it, through Google's own client and as raw bytes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from tests.gateway.house import House, house
from tiercel.testing.scripted import Called, Fails, Fault, Says, ScriptedProvider

WEATHER: Any = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="weather", parameters_json_schema={"type": "object", "properties": {}})
    ]
)
BODY: Any = {"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}]}


@asynccontextmanager
async def google(here: House) -> AsyncIterator[Any]:
    """Google's client, pointed at the gateway."""
    client = genai.Client(api_key="unused-key", http_options=types.HttpOptions(base_url=here.url))
    async with client.aio as asynchronous:
        yield asynchronous


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic", "gemini"])
async def test_content_is_generated_by_an_upstream_of_any_format(tmp_path: Path, upstream: Any) -> None:
    async with ScriptedProvider(Says(text="Hello!"), format=upstream) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, google(here) as client:
            answer = await client.models.generate_content(model="auto", contents="Say hello")
    assert answer.text == "Hello!"
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.model_version == "cheap"
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count) == (10, 5)


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic", "gemini"])
async def test_a_stream_reaches_the_client_with_its_tool_call(tmp_path: Path, upstream: Any) -> None:
    says = Says(
        text="one two", calls=(Called(name="weather", arguments='{"city":"Bern"}'),), finish="tool_calls"
    )
    async with ScriptedProvider(says, format=upstream) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, google(here) as client:
            stream = await client.models.generate_content_stream(
                model="auto", contents="Say hello", config=types.GenerateContentConfig(tools=[WEATHER])
            )
            chunks = [chunk async for chunk in stream]
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]
    assert "".join(part.text or "" for part in parts) == "one two"
    assert [part.function_call.args for part in parts if part.function_call] == [{"city": "Bern"}]
    assert chunks[-1].usage_metadata.candidates_token_count == 5


async def test_a_stream_without_events_is_one_json_array(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="one two")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            url = f"{here.url}/v1beta/models/auto:streamGenerateContent?key=unused-key"
            answer = await client.post(url, json=BODY)
    assert answer.headers["content-type"] == "application/json"
    texts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in answer.json()[:-1]]
    assert "".join(texts) == "one two"


async def test_a_rule_can_be_named_though_its_name_holds_a_colon(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="Hi")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            answer = await client.post(f"{here.url}/v1beta/models/auto:any:generateContent", json=BODY)
    assert answer.status_code == 200
    assert answer.headers["x-tiercel-why"].startswith("rule any")


async def test_vertex_paths_are_served_too(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="Hi")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            path = "v1/projects/p/locations/eu/publishers/google/models/auto:generateContent"
            answer = await client.post(f"{here.url}/{path}", json=BODY)
    assert answer.status_code == 200


async def test_errors_have_googles_shape(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, google(here) as client:
            with pytest.raises(errors.ClientError) as caught:
                await client.models.generate_content(model="nobody", contents="Say hello")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


async def test_an_unknown_verb_is_an_honest_404(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            answer = await client.post(f"{here.url}/v1beta/models/auto:conjure", json=BODY)
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"


async def test_a_stream_that_breaks_raises_in_the_client(tmp_path: Path) -> None:
    broken = Says(text="one two three four", fault=Fault(cut=True, after=3))
    async with ScriptedProvider(broken) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, google(here) as client:
            stream = await client.models.generate_content_stream(model="auto", contents="Say hello")
            with pytest.raises(errors.APIError):
                async for _ in stream:
                    pass


async def test_overload_is_unavailable(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        provider.default = Fails(status=503, message="busy")
        async with house(tmp_path, provider.deployment("cheap")) as here, google(here) as client:
            with pytest.raises(errors.ServerError) as caught:
                await client.models.generate_content(model="auto", contents="Say hello")
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


async def test_the_models_are_listed_in_googles_shape(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, google(here) as client:
            page = await client.models.list()
            names = [model.name for model in page]
    assert "models/auto" in names
    assert "models/cheap" in names
