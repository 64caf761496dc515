"""The official SDKs against the lab, each in its own format: answers, streams, counts, embeddings, errors."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

from tiercel.testing.faults import Fault
from tiercel.testing.lab.embeddings import MODEL
from tiercel.testing.lab.server import Lab

SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab(time_scale=0) as running:
        yield running


def openai_client(lab: Lab) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=lab.base_url("openai"), api_key="any", max_retries=0, timeout=60)


def google_client(lab: Lab) -> Any:
    root = lab.base_url("gemini", "gemini").removesuffix("/v1beta")
    options = types.HttpOptions(base_url=root, api_version="v1beta")
    return genai.Client(api_key="any", http_options=options).aio


async def test_responses_stream_through_the_helper(lab: Lab) -> None:
    """The helper fails on any event out of order, and adds the items up itself."""
    tool: Any = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}
    async with openai_client(lab) as client:
        async with client.responses.stream(
            model="gemini-3.5-pro",
            input="Ask weather.",
            tools=[tool],
            reasoning={"summary": "auto"},
            include=["reasoning.encrypted_content"],
        ) as stream:
            async for _ in stream:
                pass
            response: Any = await stream.get_final_response()
    thought, call = response.output
    assert (thought.type, bool(thought.encrypted_content), bool(thought.summary)) == ("reasoning", True, True)
    assert (call.name, call.arguments) == ("weather", '{"city":"simulated"}')
    assert (response.status, response.usage.output_tokens > 0) == ("completed", True)


async def test_responses_count_their_input(lab: Lab) -> None:
    async with openai_client(lab) as client:
        counted = await client.responses.input_tokens.count(model="gemini-3.5-pro", input="Hello there")
    assert counted.input_tokens > 2


async def test_embeddings_in_base64_are_the_same_numbers(lab: Lab) -> None:
    async with openai_client(lab) as client:
        coded = await client.embeddings.create(model=MODEL, input=["one", "two words"], dimensions=8)
        plain = await client.embeddings.create(
            model=MODEL, input=["one", "two words"], dimensions=8, encoding_format="float"
        )
    assert [row.embedding for row in coded.data] == [row.embedding for row in plain.data]
    assert [len(row.embedding) for row in plain.data] == [8, 8]


async def test_azure_is_spoken_by_its_own_client(lab: Lab) -> None:
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=f"{lab.root_url}/azure",
        api_key="any",
        api_version="2026-01-01",
        max_retries=0,
        timeout=60,
    )
    async with client:
        stream = await client.chat.completions.create(
            model="claude-opus-4-8", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[0].choices == []
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("Simulated answer of claude-opus-4-8")


async def test_messages_are_counted(lab: Lab) -> None:
    root = lab.base_url("anthropic").removesuffix("/v1")
    async with anthropic.AsyncAnthropic(base_url=root, api_key="any", max_retries=0, timeout=60) as client:
        counted = await client.messages.count_tokens(
            model="claude-opus-4-8", messages=[{"role": "user", "content": "Hello there"}]
        )
    assert counted.input_tokens > 2


@pytest.mark.filterwarnings("ignore:The model .* is deprecated")  # the SDK's, of the real model's last day
@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-sonnet-4-5"])
async def test_anthropics_sdk_goes_through_a_tool_loop_with_thinking(lab: Lab, model: str) -> None:
    """The thought comes back with its signature; without it the next turn is refused, and by another model too."""
    root = lab.base_url("anthropic").removesuffix("/v1")
    asked: Any = {"role": "user", "content": "Ask weather x2."}
    more: Any = {
        "max_tokens": 9_000,
        "tools": [{"name": "weather", "input_schema": SCHEMA}],
        "thinking": {"type": "enabled", "budget_tokens": 2_000},
    }
    async with anthropic.AsyncAnthropic(base_url=root, api_key="any", max_retries=0, timeout=60) as client:
        async with client.messages.stream(model=model, messages=[asked], **more) as stream:
            first: Any = await stream.get_final_message()
        assert [block.type for block in first.content] == ["thinking", "tool_use", "tool_use"]
        said = [block.model_dump(exclude_none=True) for block in first.content]
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "sunny"} for block in said[1:]
        ]
        back: Any = {"role": "user", "content": results}
        turns: list[Any] = [asked, {"role": "assistant", "content": said}, back]
        second: Any = await client.messages.create(model=model, messages=turns, **more)
        assert second.content[-1].text.endswith('The tools returned: "sunny" | "sunny".')
        without: list[Any] = [asked, {"role": "assistant", "content": said[1:]}, back]
        with pytest.raises(anthropic.BadRequestError, match="Expected `thinking`"):
            await client.messages.create(model=model, messages=without, **more)
        other = "claude-sonnet-4-5" if model == "claude-haiku-4-5" else "claude-haiku-4-5"
        with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
            await client.messages.create(model=other, messages=turns, **more)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_googles_sdk_goes_through_a_whole_tool_loop(lab: Lab, stream: bool) -> None:
    """Two calls of one step, their results, and the signature on the way back."""
    client = google_client(lab)
    declared: Any = {"name": "weather", "description": "", "parameters_json_schema": SCHEMA}
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[types.FunctionDeclaration(**declared)])],
        thinking_config=types.ThinkingConfig(include_thoughts=True),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    asked = types.Content(role="user", parts=[types.Part(text="Ask weather x2.")])
    parts = await google_parts(client, [asked], config, stream=stream)
    calls = [part for part in parts if part.function_call]
    assert [call.function_call.name for call in calls] == ["weather", "weather"]
    assert [bool(call.thought_signature) for call in calls] == [True, False]
    results = [
        types.Part(
            function_response=types.FunctionResponse(
                id=c.function_call.id, name="weather", response={"is": "sunny"}
            )
        )
        for c in calls
    ]
    turns = [asked, types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
    said = await google_parts(client, turns, config, stream=stream)
    assert "The tools returned: " in "".join(part.text or "" for part in said)
    await client.aclose()


async def google_parts(client: Any, contents: Any, config: Any, *, stream: bool) -> list[Any]:
    model = "gemini-3.5-flash"
    if not stream:
        answer = await client.models.generate_content(model=model, contents=contents, config=config)
        return list(answer.candidates[0].content.parts)
    chunks = await client.models.generate_content_stream(model=model, contents=contents, config=config)
    return [
        part
        async for chunk in chunks
        for part in (chunk.candidates[0].content.parts or ())
        if part.text or part.function_call
    ]


async def test_googles_sdk_counts_embeds_lists_and_fails(lab: Lab) -> None:
    client = google_client(lab)
    assert (await client.models.count_tokens(model="gemini-3.5-pro", contents="Hello there")).total_tokens > 2
    embedded = await client.models.embed_content(model=MODEL, contents=["one", "two words"])
    assert [len(row.values) for row in embedded.embeddings] == [64, 64]
    names = [model.name async for model in await client.models.list()]
    assert names == ["models/gemini-3.5-flash", "models/gemini-3.5-pro"]
    lab.faults.add("*", Fault(error_in_stream=True, after=2))
    with pytest.raises(errors.ServerError):
        async for _ in await client.models.generate_content_stream(model="gemini-3.5-pro", contents="Hello"):
            pass
    await client.aclose()
