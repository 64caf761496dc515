"""The main job over real sockets: the official client, the gateway, scripted providers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.gateway.house import USER, house, two_tiers
from tiercel.domain.catalog import Capabilities
from tiercel.domain.policy import Limits
from tiercel.testing.scripted import Called, Fails, Fault, Says, ScriptedProvider

SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
        },
    },
}
GOOD = '{"name": "Ada", "age": 36}'
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


async def test_the_cheapest_tier_answers_and_the_headers_say_so(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="Hello!")) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            raw = await here.client.chat.completions.with_raw_response.create(model="auto", messages=USER)
            answer = raw.parse()
            assert answer.choices[0].message.content == "Hello!"
            assert answer.choices[0].finish_reason == "stop"
            assert answer.model == "cheap"
            assert answer.usage is not None
            assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 5)
            assert raw.headers["x-tiercel-model"] == "cheap"
            assert raw.headers["x-tiercel-tier"] == "fast"
            assert raw.headers["x-tiercel-attempts"] == "1"
            # 10 input tokens at $1 and 5 output tokens at $5 a million
            assert raw.headers["x-tiercel-cost-usd"] == "0.000035"
            record = here.record(raw.headers["x-tiercel-record"])
            assert record.outcome == "passed"
            assert not record.verified
    assert cheap.requests[0].json["model"] == "cheap"
    assert dear.requests == []


async def test_a_stream_passes_through_chunk_by_chunk(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="one two three")) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            stream = await here.client.chat.completions.create(
                model="auto", messages=USER, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            record_id = stream.response.headers["x-tiercel-record"]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            assert text == "one two three"
            finishes = [
                c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason
            ]
            assert finishes == ["stop"]
            assert chunks[-1].choices == []
            assert chunks[-1].usage is not None
            record = here.record(record_id)
            assert (record.outcome, record.stream) == ("passed", True)
            assert record.ttft_seconds is not None
            assert record.ttfa_seconds is not None
            assert 0 < record.ttft_seconds <= record.ttfa_seconds <= record.seconds


async def test_tools_reach_the_model_and_calls_come_back(tmp_path: Path) -> None:
    says = Says(calls=(Called(name="weather", arguments='{"city": "Bern"}'),), finish="tool_calls")
    async with ScriptedProvider(says, says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            answer = await here.client.chat.completions.create(model="auto", messages=USER, tools=[WEATHER])
            calls = answer.choices[0].message.tool_calls
            assert calls is not None
            assert calls[0].type == "function"
            assert json.loads(calls[0].function.arguments) == {"city": "Bern"}
            assert answer.choices[0].finish_reason == "tool_calls"
            async with here.client.chat.completions.stream(
                model="auto", messages=USER, tools=[WEATHER]
            ) as stream:
                final = await stream.get_final_completion()
            streamed = final.choices[0].message.tool_calls
            assert streamed is not None
            assert json.loads(streamed[0].function.arguments or "{}") == {"city": "Bern"}
    assert cheap.requests[0].json["tools"][0]["function"]["name"] == "weather"


@pytest.mark.parametrize("stream", [False, True])
async def test_fenced_json_is_repaired_and_delivered_clean(tmp_path: Path, stream: bool) -> None:
    async with ScriptedProvider(Says(text=f"```json\n{GOOD}\n```")) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            text, headers = await ask(here.client, stream=stream, response_format=SCHEMA)
            assert json.loads(text) == {"name": "Ada", "age": 36}
            record = here.record(headers["x-tiercel-record"])
            assert record.attempts[0].repairs == ("fences",)
            assert (record.outcome, record.verified) == ("passed", True)


async def test_broken_json_is_asked_for_again_with_the_validators_message(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(Says(text='{"name": "Ada"}'), Says(text=GOOD)) as cheap,
        ScriptedProvider() as dear,
    ):
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            text, headers = await ask(here.client, response_format=SCHEMA)
            assert json.loads(text)["age"] == 36
            record = here.record(headers["x-tiercel-record"])
            assert [attempt.why for attempt in record.attempts] == ["first", "re_ask"]
    again = cheap.requests[1].json["messages"]
    assert again[-2] == {"role": "assistant", "content": '{"name": "Ada"}'}
    assert "age" in again[-1]["content"]


@pytest.mark.parametrize("stream", [False, True])
async def test_json_that_stays_broken_escalates(tmp_path: Path, stream: bool) -> None:
    async with (
        ScriptedProvider(Says(text="no"), Says(text="no")) as cheap,
        ScriptedProvider(Says(text=GOOD)) as dear,
    ):
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            text, headers = await ask(here.client, stream=stream, response_format=SCHEMA)
            assert text == GOOD
            record = here.record(headers["x-tiercel-record"])
            assert [(a.why, a.tier) for a in record.attempts] == [
                ("first", "fast"),
                ("re_ask", "fast"),
                ("escalation", "balanced"),
            ]
            assert record.delivered == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failing_provider_is_fallen_back_from_unseen(tmp_path: Path, stream: bool) -> None:
    async with ScriptedProvider(Fails(status=529)) as cheap, ScriptedProvider(Says(text="from dear")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            text, headers = await ask(here.client, stream=stream)
            assert text == "from dear"
            record = here.record(headers["x-tiercel-record"])
            assert [a.why for a in record.attempts] == ["first", "fallback"]
            assert record.attempts[0].failure is not None
            assert record.attempts[0].failure.kind == "overloaded"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_empty_answer_at_length_is_retried_with_more_room(tmp_path: Path, stream: bool) -> None:
    thinking = Capabilities(thinking="effort", efforts=("low", "high"), output_floor=1000, max_output=64_000)
    empty = Says(text="", finish="length", output_tokens=100, reasoning_tokens=100)
    async with ScriptedProvider(empty, Says(text="now")) as cheap, ScriptedProvider() as dear:
        async with house(
            tmp_path, cheap.deployment("cheap", capabilities=thinking), dear.deployment("dear")
        ) as here:
            text, headers = await ask(here.client, stream=stream, max_tokens=2000)
            assert text == "now"
            record = here.record(headers["x-tiercel-record"])
            assert [a.why for a in record.attempts] == ["first", "retry"]
            assert record.attempts[0].empty
    sizes = [r.json.get("max_completion_tokens", r.json.get("max_tokens")) for r in cheap.requests]
    assert sizes == [2000, 8000]


async def test_a_small_budget_is_raised_upstream_and_cut_for_the_client(tmp_path: Path) -> None:
    thinking = Capabilities(thinking="effort", efforts=("low", "high"), output_floor=1000)
    long = Says(text="word " * 200, output_tokens=500, reasoning_tokens=300)
    async with ScriptedProvider(long, long) as cheap, ScriptedProvider() as dear:
        async with house(
            tmp_path, cheap.deployment("cheap", capabilities=thinking), dear.deployment("dear")
        ) as here:
            answer = await here.client.chat.completions.create(model="auto", messages=USER, max_tokens=20)
            assert answer.choices[0].finish_reason == "length"
            assert 40 <= len(answer.choices[0].message.content or "") <= 160
            stream = await here.client.chat.completions.create(
                model="auto", messages=USER, max_tokens=20, stream=True
            )
            chunks = [chunk async for chunk in stream]
            assert chunks[-1].choices[0].finish_reason == "length"
    asked = cheap.requests[0].json
    assert asked["max_completion_tokens"] >= 1000


async def test_when_everybody_fails_the_client_gets_one_honest_error(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(Fails(status=500), Fails(status=500)) as cheap,
        ScriptedProvider(Fails(status=401)) as dear,
    ):
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            with pytest.raises(openai.APIStatusError) as caught:
                await ask(here.client)
            # the operator's credential was refused, which is not the client's 401
            assert caught.value.status_code == 502
            assert caught.value.response.headers["x-should-retry"] == "false"
            record = here.record(caught.value.response.headers["x-tiercel-record"])
            assert record.outcome == "failed"
            assert len(record.attempts) == 3


async def test_a_stream_that_breaks_after_content_ends_in_an_error(tmp_path: Path) -> None:
    says = Says(text="one two three four", fault=Fault(cut=True, after=3))
    async with ScriptedProvider(says) as cheap, ScriptedProvider(Says(text="other")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            stream = await here.client.chat.completions.create(model="auto", messages=USER, stream=True)
            with pytest.raises(openai.APIError):
                async for _ in stream:
                    pass
            record = here.record(stream.response.headers["x-tiercel-record"])
            assert record.outcome == "broken"
    assert dear.requests == []


async def test_when_nothing_passes_the_last_answer_is_marked(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(*[Says(text="no")] * 2) as cheap,
        ScriptedProvider(*[Says(text="nor me")] * 2) as dear,
    ):
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            text, headers = await ask(here.client, response_format=SCHEMA)
            assert text == "nor me"
            assert headers["x-tiercel-outcome"] == "marked"


async def test_when_nothing_passes_the_policy_may_refuse(tmp_path: Path) -> None:
    policy = two_tiers(on_exhausted="refuse")
    async with (
        ScriptedProvider(*[Says(text="no")] * 2) as cheap,
        ScriptedProvider(*[Says(text="nor")] * 2) as dear,
    ):
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            with pytest.raises(openai.APIStatusError) as caught:
                await ask(here.client, response_format=SCHEMA)
            assert caught.value.status_code == 502
            assert caught.value.body is not None


@pytest.mark.parametrize("model", ["fast", "auto:any", "gpt-4o", "cheap"])
async def test_model_may_be_a_tier_a_rule_an_alias_or_a_model(tmp_path: Path, model: str) -> None:
    async with ScriptedProvider(Says(text="ok")) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            text, _ = await ask(here.client, model=model)
            assert text == "ok"


async def test_a_concrete_model_does_not_fall_back_to_another(tmp_path: Path) -> None:
    async with ScriptedProvider(*[Fails(status=500)] * 2) as cheap, ScriptedProvider(Says(text="x")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            with pytest.raises(openai.APIStatusError):
                await ask(here.client, model="cheap")
    assert dear.requests == []


async def test_the_deadline_bounds_the_whole_climb(tmp_path: Path) -> None:
    policy = two_tiers(limits=Limits(deadline_seconds=0.3))
    async with (
        ScriptedProvider(Says(text="never", release=asyncio.Event())) as cheap,
        ScriptedProvider() as dear,
    ):
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            with pytest.raises(openai.APIStatusError) as caught:
                await ask(here.client)
            assert caught.value.status_code == 504


async def test_the_anthropic_format_is_spoken_upstream(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="Bonjour"), Says(text="Salut"), format="anthropic") as cheap:
        async with ScriptedProvider() as dear:
            async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
                assert (await ask(here.client))[0] == "Bonjour"
                assert (await ask(here.client, stream=True))[0] == "Salut"
    assert cheap.requests[0].path == "/v1/messages"
    assert cheap.requests[0].json["max_tokens"] > 0


async def test_n_choices_are_each_checked(tmp_path: Path) -> None:
    many = Capabilities(choices=True)
    async with ScriptedProvider(Says(text="ok")) as cheap, ScriptedProvider() as dear:
        async with house(
            tmp_path, cheap.deployment("cheap", capabilities=many), dear.deployment("dear")
        ) as here:
            await ask(here.client, n=2)
    assert cheap.requests[0].json["n"] == 2


async def ask(
    client: openai.AsyncOpenAI, *, stream: bool = False, model: str = "auto", **more: Any
) -> tuple[str, Any]:
    """The text and the headers of one answer."""
    if not stream:
        raw = await client.chat.completions.with_raw_response.create(model=model, messages=USER, **more)
        return raw.parse().choices[0].message.content or "", raw.headers
    chunks = await client.chat.completions.create(model=model, messages=USER, stream=True, **more)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])
    return text, chunks.response.headers
