"""The lab: real formats over real sockets, deterministic by its seed, with the quirks it promises."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from tiercel.domain.errors import ConfigError
from tiercel.domain.request import Message, ModelRequest, ResponseFormat, Text
from tiercel.testing.faults import Fault
from tiercel.testing.lab.behaviour import Scene, perform
from tiercel.testing.lab.models import MANNERS, find_model
from tiercel.testing.lab.recorded import Recorded, RecordedAnswer, RecordedUsage
from tiercel.testing.lab.server import Lab
from tiercel.testing.tasks import demo_tasks

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["city", "count"],
}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab(time_scale=0) as running:
        yield running


def chat(lab: Lab, provider: str = "openrouter", key: str = "sk-any") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=lab.base_url(provider), api_key=key, max_retries=0, timeout=60)


def claude(lab: Lab) -> anthropic.AsyncAnthropic:
    root = lab.base_url("anthropic").removesuffix("/v1")
    return anthropic.AsyncAnthropic(base_url=root, api_key="sk-any", max_retries=0, timeout=60)


async def ask(lab: Lab, provider: str, model: str, prompt: str, **more: Any) -> Any:
    """A completion; the SDK's own types are too narrow for keywords that vary."""
    async with chat(lab, provider) as client:
        create: Any = client.chat.completions.create
        return await create(model=model, messages=[{"role": "user", "content": prompt}], **more)


def task(name: str) -> Any:
    return next(task for task in demo_tasks() if task.name == name)


async def test_any_other_prompt_gets_a_text_that_says_what_it_is(lab: Lab) -> None:
    answer = await ask(lab, "gemini", "gemini-3.5-flash", "How tall is the lighthouse?")
    assert answer.choices[0].message.content.startswith("Simulated answer of gemini-3.5-flash")
    assert answer.system_fingerprint == "simulated"


async def test_every_answer_is_marked_simulated(lab: Lab) -> None:
    async with chat(lab, "stepfun") as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="step-3.7-flash", messages=[{"role": "user", "content": "hi"}]
        )
    assert raw.headers["x-tiercel-simulated"] == "1"


async def test_a_stream_says_the_same_as_a_whole_answer(lab: Lab) -> None:
    prompt = task("summary-standup").prompt
    whole = await ask(lab, "gemini", "gemini-3.5-flash", prompt)
    stream = await ask(
        lab, "gemini", "gemini-3.5-flash", prompt, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content == task("summary-standup").text
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


async def test_usage_counts_hidden_thinking_as_output(lab: Lab) -> None:
    usage = (await ask(lab, "gemini", "gemini-3.5-flash", task("chat-capital").prompt)).usage
    thinking = usage.completion_tokens_details.reasoning_tokens
    assert 0 < thinking < usage.completion_tokens
    assert usage.prompt_tokens > 5


async def test_effort_changes_how_long_it_thinks(lab: Lab) -> None:
    spent = []
    for effort in ("low", "high"):
        answer = await ask(lab, "gemini", "gemini-3.5-flash", "hi", reasoning_effort=effort)
        spent.append(answer.usage.completion_tokens_details.reasoning_tokens)
    assert spent[0] < spent[1]


async def test_gemini_says_nothing_when_the_budget_goes_into_thinking(lab: Lab) -> None:
    answer = await ask(lab, "gemini", "gemini-3.5-flash", task("chat-small-budget").prompt, max_tokens=40)
    assert (answer.choices[0].message.content or "") == ""
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 40


async def test_a_larger_budget_gets_the_answer(lab: Lab) -> None:
    answer = await ask(lab, "gemini", "gemini-3.5-flash", task("chat-small-budget").prompt, max_tokens=2_000)
    assert answer.choices[0].message.content == task("chat-small-budget").text


async def test_a_schema_is_answered_with_json_that_fits(lab: Lab) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    answer = await ask(lab, "gemini", "gemini-3.5-flash", "Where?", response_format=wanted)
    assert json.loads(answer.choices[0].message.content) == {"city": "simulated", "count": 0}


def fenced_share(model: str) -> float:
    """How many of 200 prompts get fenced JSON where no schema holds the model."""
    played = find_model("anthropic", model)
    assert played is not None
    wanted = ResponseFormat(kind="json_object")
    fenced = 0
    for number in range(200):
        said = Message(role="user", parts=(Text(text=f"Give me item {number}"),))
        request = ModelRequest(format="anthropic", model=model, messages=(said,), response_format=wanted)
        fenced += perform(Scene(model=played, request=request)).response.text.startswith("```json")
    return fenced / 200


def test_claude_fences_its_json_and_haiku_most_often() -> None:
    shares = [fenced_share(model) for model in ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-8")]
    assert shares == pytest.approx([0.7, 0.4, 0.1], abs=0.1)


async def test_claude_does_not_fence_in_its_structured_mode(lab: Lab) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    for number in range(10):
        answer = await ask(
            lab, "openrouter", "anthropic/claude-haiku-4.5", f"Item {number}", response_format=wanted
        )
        json.loads(answer.choices[0].message.content)


async def test_a_tool_that_is_demanded_is_called_with_arguments_that_fit(lab: Lab) -> None:
    answer = await ask(lab, "stepfun", "step-3.7-flash", "Go on", tools=[TOOL], tool_choice="required")
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "look_up",
        {"city": "simulated", "count": 0},
    )
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_the_seed_decides_and_nothing_else(lab: Lab) -> None:
    async def answers(seed: int) -> list[tuple[str, int]]:
        async with Lab(seed=seed, time_scale=0) as other:
            rows = [await ask(other, "stepfun", "step-3.7-flash", task.prompt) for task in tasks]
        return [(row.choices[0].message.content, row.usage.completion_tokens) for row in rows if row.choices]

    tasks = [task for task in demo_tasks() if not task.faults][:12]
    first = await answers(1)
    assert await answers(1) == first
    assert await answers(2) != first


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("openai/v1/chat/completions", {"error": {"type": "authentication_error", "code": None}}),
        ("anthropic/v1/messages", {"type": "error", "error": {"type": "authentication_error"}}),
    ],
)
async def test_a_request_without_a_key_is_refused_in_the_providers_shape(
    lab: Lab, path: str, shape: dict[str, Any]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.port)
    writer.write(f"POST /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    body = json.loads(await reader.read(65_536))
    writer.close()
    assert head.startswith(b"HTTP/1.1 401 ")
    assert {**body, "error": {**body["error"], **shape["error"]}} == body
    assert body.get("type") == shape.get("type")


async def test_an_unknown_model_is_not_found(lab: Lab) -> None:
    with pytest.raises(openai.NotFoundError, match="no such model"):
        await ask(lab, "openai", "gpt-none", "hi")


async def test_what_exceeds_the_window_is_refused(lab: Lab) -> None:
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        await ask(lab, "openrouter", "anthropic/claude-haiku-4.5", "word " * 200_000)


async def test_each_provider_lists_its_models(lab: Lab) -> None:
    async with chat(lab, "gemini") as client:
        listed = [model.id async for model in await client.models.list()]
    assert listed == ["gemini-3.5-flash", "gemini-3.5-pro"]


async def test_openai_plays_every_model_by_its_own_name(lab: Lab) -> None:
    async with chat(lab, "openai") as client:
        listed = [model.id async for model in await client.models.list()]
    assert listed == list(MANNERS)
    answer = await ask(lab, "openai", "claude-haiku-4-5", task("chat-capital").prompt)
    assert answer.choices[0].message.content == task("chat-capital").text


async def test_messages_answers_in_anthropics_format(lab: Lab) -> None:
    async with claude(lab) as client:
        message: Any = await client.messages.create(
            model="claude-opus-4-8",
            max_tokens=4_000,
            messages=[{"role": "user", "content": task("chat-capital").prompt}],
        )
    assert message.content[-1].text == task("chat-capital").text
    assert message.stop_reason == "end_turn"


async def test_messages_streams_a_tool_call_in_anthropics_format(lab: Lab) -> None:
    tool: Any = {"name": "look_up", "description": "", "input_schema": SCHEMA}
    async with (
        claude(lab) as client,
        client.messages.stream(
            model="claude-opus-4-8",
            max_tokens=4_000,
            tools=[tool],
            tool_choice={"type": "any"},
            messages=[{"role": "user", "content": "Go on"}],
        ) as stream,
    ):
        message: Any = await stream.get_final_message()
    assert [(block.name, block.input) for block in message.content] == [
        ("look_up", {"city": "simulated", "count": 0})
    ]


async def test_anthropic_lists_its_models(lab: Lab) -> None:
    async with claude(lab) as client:
        listed = [model.id async for model in await client.models.list()]
    assert listed == ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-8"]


async def test_scripted_faults_meet_the_next_calls_of_their_model(lab: Lab) -> None:
    lab.faults.add("step-3.7-flash", Fault(status=429, retry_after="1"), None)
    with pytest.raises(openai.RateLimitError):
        await ask(lab, "stepfun", "step-3.7-flash", "hi")
    for _ in range(2):
        assert (await ask(lab, "stepfun", "step-3.7-flash", "hi")).choices
    assert lab.calls == {"step-3.7-flash": 3}


async def test_a_fault_may_stay(lab: Lab) -> None:
    lab.faults.always("*", Fault(status=500))
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await ask(lab, "gemini", "gemini-3.5-flash", "hi")
    lab.faults.always("*", None)
    assert (await ask(lab, "gemini", "gemini-3.5-flash", "hi")).choices


async def test_a_demo_task_meets_its_fault_once(lab: Lab) -> None:
    prompt = task("extract-json-object").prompt
    with pytest.raises(openai.InternalServerError):
        await ask(lab, "stepfun", "step-3.7-flash", prompt)
    assert (await ask(lab, "stepfun", "step-3.7-flash", prompt)).choices


async def test_a_complaint_about_an_answer_is_often_heeded(lab: Lab) -> None:
    """The task is recognised although the last message is the complaint."""
    wanted = task("reason-strict-json")
    messages: list[Any] = [
        {"role": "user", "content": wanted.prompt},
        {"role": "assistant", "content": "{}"},
    ]
    heeded = 0
    form = wanted.body()["response_format"]
    async with chat(lab, "stepfun") as client:
        create: Any = client.chat.completions.create
        for number in range(40):
            complaint = {"role": "user", "content": f"'steps' is missing (remark {number})"}
            turns = [*messages, complaint]
            answer = await create(model="step-3.7-flash", messages=turns, response_format=form)
            heeded += "steps" in (answer.choices[0].message.content or "")
    assert 18 <= heeded <= 38


RECORDED = Recorded(
    [
        RecordedAnswer(
            prompt="2+2?",
            model="small",
            answer="A: 4",
            expected="4",
            usage=RecordedUsage(input=9, output=3, reasoning=1),
        )
    ]
)


async def test_recorded_answers_are_played_back_by_exact_prompt() -> None:
    async with Lab(recorded=RECORDED, time_scale=0) as lab:
        answer = await ask(lab, "recorded", "small", "2+2?")
        with pytest.raises(openai.NotFoundError):
            await ask(lab, "recorded", "small", "2+3?")
    assert answer.choices[0].message.content == "A: 4"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (9, 3)


def test_its_settings_name_no_provider_beyond_loopback() -> None:
    catalog = Lab(port=1).settings("data").catalog
    assert {provider.base_url.split("/")[2] for provider in catalog.providers.values()} == {"127.0.0.1:1"}
    assert set(catalog.models) >= {"gemini-3.5-flash", "step-3.7-flash", "claude-opus-4-8"}


def test_its_settings_mark_records_as_simulated() -> None:
    providers = Lab(port=1).settings("data").catalog.providers.values()
    assert providers
    assert all(provider.simulated for provider in providers)


def test_its_policy_for_recorded_answers_is_one_ladder_of_their_models() -> None:
    policy = Lab(recorded=RECORDED).policy()
    assert [rule.ladder for rule in policy.rules] == [("small",)]
    assert [gate.check for gate in policy.gates] == ["finished", "number"]


async def test_a_port_that_is_taken_is_told_of(lab: Lab) -> None:
    with pytest.raises(ConfigError, match="--port"):
        await Lab(port=lab.port).start()
