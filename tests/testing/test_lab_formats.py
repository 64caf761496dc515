"""The lab in all five formats: what it says, calls, thinks and counts, whole and streamed, over real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any, get_args

import msgspec
import pytest

from tests.testing.lab_calls import CLOCK, WEATHER, asks, post, said, send, target
from tiercel.domain.request import (
    Format,
    Media,
    Message,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    ToolChoice,
    ToolResult,
)
from tiercel.domain.response import Choice, ModelResponse
from tiercel.testing.faults import Fault
from tiercel.testing.lab.server import Lab
from tiercel.wire.registry import CODECS

FORMATS: tuple[Format, ...] = get_args(Format)
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
every_format = pytest.mark.parametrize("format", FORMATS)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab(time_scale=0) as running:
        yield running


async def answered(lab: Lab, request: Any, to: Any) -> ModelResponse:
    answer = await send(lab, request, to)
    assert answer.response is not None, answer.body
    if answer.fold is not None:
        assert (answer.fold.failure, answer.fold.ended) == (None, True)
    return answer.response


def first(response: ModelResponse) -> Choice:
    return response.choices[0]


@every_format
@both_ways
async def test_text_comes_with_its_finish_and_usage(lab: Lab, format: Format, stream: bool) -> None:
    response = await answered(lab, asks("How tall is it?"), target(lab, format, stream=stream))
    assert response.text.startswith("Simulated answer of ")
    assert first(response).finish.reason == "stop"
    assert response.usage is not None
    assert min(response.usage.input, response.usage.visible) > 5


@every_format
async def test_a_stream_adds_up_to_the_whole_answer(lab: Lab, format: Format) -> None:
    request = asks("Ask weather x2 and clock.", tools=(WEATHER, CLOCK))
    whole = await answered(lab, request, target(lab, format, stream=False, effort="high"))
    added = await answered(lab, request, target(lab, format, stream=True, effort="high"))
    assert added.usage == whole.usage
    assert added.text == whole.text
    assert [(c.name, c.arguments) for c in first(added).tool_calls] == [
        (c.name, c.arguments) for c in first(whole).tool_calls
    ]
    assert first(added).reasoning == first(whole).reasoning
    assert first(added).finish == first(whole).finish


@every_format
@both_ways
async def test_tools_that_the_prompt_names_are_called_in_parallel(
    lab: Lab, format: Format, stream: bool
) -> None:
    request = asks("Ask clock, then weather x2.", tools=(WEATHER, CLOCK))
    response = await answered(lab, request, target(lab, format, stream=stream))
    calls = first(response).tool_calls
    assert [call.name for call in calls] == ["clock", "weather", "weather"]
    assert len({call.id for call in calls}) == 3
    assert msgspec.json.decode(calls[1].arguments) == {"city": "simulated"}
    assert first(response).finish.reason == "tool_calls"


@every_format
@both_ways
async def test_what_tools_returned_is_told(lab: Lab, format: Format, stream: bool) -> None:
    """The whole second turn, with the first one's thinking and signatures as they came."""
    to = target(lab, format, stream=stream, effort="high")
    request = asks("Ask clock and weather.", format=format, tools=(WEATHER, CLOCK))
    before = first(await answered(lab, request, to))
    results = [
        Message(role="tool", parts=(ToolResult(call_id=call.id, parts=(Text(text=text),)),))
        for call, text in zip(before.tool_calls, ("noon", "sunny"), strict=True)
    ]
    turns = (*request.messages, Message(role="assistant", parts=before.parts), *results)
    response = await answered(lab, msgspec.structs.replace(request, messages=turns), to)
    assert 'The tools returned: "noon" | "sunny".' in response.text


async def test_instructions_behind_the_prompt_do_not_hide_it(lab: Lab) -> None:
    """Agents put them there, also behind what tools returned."""
    request = asks("Ask weather.", said("system", "Be quick."), tools=(WEATHER,))
    response = await answered(lab, request, target(lab, "openai_chat", stream=False))
    assert [call.name for call in first(response).tool_calls] == ["weather"]


@every_format
async def test_a_schema_is_answered_with_json_that_fits(lab: Lab, format: Format) -> None:
    wanted = ResponseFormat(kind="json_schema", name="place", schema=WEATHER.parameters, strict=True)
    response = await answered(lab, asks("Where?", response_format=wanted), target(lab, format, stream=False))
    assert msgspec.json.decode(response.text.removeprefix("```json").removesuffix("```")) == {
        "city": "simulated"
    }


@every_format
async def test_pictures_instructions_and_earlier_turns_are_told(lab: Lab, format: Format) -> None:
    picture = Media(kind="image", data=PIXEL, mime_type="image/png")
    request = asks(
        said("system", "Be brief."),
        "Good morning",
        said("assistant", "Morning."),
        said("user", "What is it?", picture),
    )
    text = (await answered(lab, request, target(lab, format, stream=False))).text
    assert 'instructions begin with "Be brief."' in text
    assert 'turn 2 of a conversation that began with "Good morning"' in text
    assert "It was shown 1 image." in text


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "openai_responses"])
@both_ways
async def test_a_stop_sequence_ends_the_answer_before_it(lab: Lab, format: Format, stream: bool) -> None:
    request = asks("Hello", sampling=Sampling(stop=("The lab",)))
    response = await answered(lab, request, target(lab, format, stream=stream))
    assert response.text.endswith("tokens. ")
    assert first(response).finish.reason == "stop"
    assert first(response).finish.stop_sequence == ("The lab" if format == "anthropic" else None)


@pytest.mark.parametrize("format", ["openai_chat", "openai_responses", "gemini", "ollama"])
@both_ways
async def test_logprobs_spell_out_the_answer(lab: Lab, format: Format, stream: bool) -> None:
    request = asks("Hello", sampling=Sampling(logprobs=True, top_logprobs=1))
    choice = first(await answered(lab, request, target(lab, format, stream=stream)))
    assert isinstance(choice.logprobs, dict)
    assert "".join(entry["token"] for entry in choice.logprobs["content"]) == choice.text


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "ollama"])
@both_ways
async def test_a_demanded_call_is_made(lab: Lab, format: Format, stream: bool) -> None:
    request = asks("Go on", tools=(WEATHER,), tool_choice=ToolChoice(mode="required"))
    response = await answered(lab, request, target(lab, format, stream=stream))
    assert [call.name for call in first(response).tool_calls] == ["weather"]


@pytest.mark.parametrize(
    ("format", "sealed"), [("anthropic", True), ("openai_responses", True), ("ollama", False)]
)
@both_ways
async def test_thinking_is_shown_and_sealed_as_the_format_does(
    lab: Lab, format: Format, sealed: bool, stream: bool
) -> None:
    to = target(lab, format, stream=stream, effort="high")
    choice = first(
        await answered(
            lab, asks("Think.", format=format if format != "openai_responses" else "anthropic"), to
        )
    )
    (thought,) = (part for part in choice.parts if isinstance(part, Reasoning))
    assert bool(thought.signature) is sealed


@both_ways
async def test_gemini_signs_the_first_of_parallel_calls(lab: Lab, stream: bool) -> None:
    request = asks("Ask clock and weather.", tools=(WEATHER, CLOCK))
    one, other = first(await answered(lab, request, target(lab, "gemini", stream=stream))).tool_calls
    assert "extra_content" in one.extra
    assert "extra_content" not in other.extra


FAULTY = [
    ("truncated", Fault(truncated=True, after=3)),
    ("an error inside", Fault(error_in_stream=True, after=3)),
    ("malformed", Fault(body="malformed", after=2)),
]


@every_format
@pytest.mark.parametrize("fault", [pytest.param(fault, id=name) for name, fault in FAULTY])
async def test_a_stream_that_breaks_is_seen_as_broken(lab: Lab, format: Format, fault: Fault) -> None:
    lab.faults.add("*", fault)
    answer = await send(lab, asks("Hello"), target(lab, format, stream=True))
    assert answer.fold is not None
    assert answer.fold.failure is not None


@every_format
async def test_an_error_has_the_formats_shape(lab: Lab, format: Format) -> None:
    lab.faults.add("*", Fault(status=429, message="slow down", retry_after="2"))
    answer = await send(lab, asks("Hello"), target(lab, format, stream=False))
    facts = CODECS[format].decode_error(answer.status, {}, answer.body)
    assert (answer.status, facts.message) == (429, "slow down")


KEY = {"authorization": "Bearer any", "anthropic-version": "2023-06-01"}
HELLO: list[Any] = [{"role": "user", "content": "Hello there"}]
GEMINI_HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]}


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        (
            "anthropic/v1/messages/count_tokens",
            {"model": "claude-opus-4-8", "messages": HELLO},
            "input_tokens",
        ),
        (
            "openai/v1/responses/input_tokens",
            {"model": "gemini-3.5-pro", "input": "Hello there"},
            "input_tokens",
        ),
        ("gemini/v1beta/models/gemini-3.5-pro:countTokens", GEMINI_HELLO, "totalTokens"),
    ],
)
async def test_a_count_is_what_an_answer_would_report(lab: Lab, path: str, body: Any, key: str) -> None:
    counted = await call(lab, path, body)
    longer = await call(
        lab, path, msgspec.json.decode(msgspec.json.encode(body).replace(b"Hello", b"Hello " * 50))
    )
    assert 0 < counted[key] < longer[key]


async def call(lab: Lab, path: str, body: Any, status: int = 200) -> Any:
    found, answer = await asyncio.to_thread(post, lab.port, f"/{path}", msgspec.json.encode(body), KEY)
    assert found == status, answer
    return msgspec.json.decode(answer)


async def test_embeddings_are_the_same_in_every_format(lab: Lab) -> None:
    name = "simulated-embedding"
    content = {"parts": [{"text": "two words"}]}
    plain = await call(lab, "openai/v1/embeddings", {"model": name, "input": ["two words"]})
    gemini = await call(
        lab, f"gemini/v1beta/models/{name}:batchEmbedContents", {"requests": [{"content": content}]}
    )
    ollama = await call(lab, "ollama/api/embed", {"model": name, "input": "two words"})
    vector = plain["data"][0]["embedding"]
    assert len(vector) == 64
    assert gemini["embeddings"][0]["values"] == ollama["embeddings"][0] == vector


async def test_azures_older_paths_want_their_version(lab: Lab) -> None:
    path = "azure/openai/deployments/claude-opus-4-8/chat/completions"
    body = {"messages": HELLO, "max_completion_tokens": 4_000}
    assert (await call(lab, f"{path}?api-version=2026-01-01", body))["choices"]
    await call(lab, path, body, status=404)


async def test_geminis_stream_is_an_array_unless_events_are_asked_for(lab: Lab) -> None:
    path = "gemini/v1/models/gemini-3.5-pro:streamGenerateContent"
    chunks = await call(lab, path, GEMINI_HELLO)
    assert isinstance(chunks, list)
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


async def test_a_provider_does_not_speak_other_providers_formats(lab: Lab) -> None:
    await call(lab, "anthropic/v1/chat/completions", {}, status=404)
    await call(lab, "stepfun/v1/responses", {}, status=404)
