"""An advisor within longer conversations: seals that come home, keys with budgets, models that think."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.conformance.bench import UPSTREAMS, deployment
from tests.gateway.house import house, two_tiers
from tests.gateway.keyed import ask as ask_with
from tests.gateway.keyed import issue
from tests.gateway.test_advisor import TOOLS, asks
from tests.gateway.test_asides import STREAMED
from tiercel.domain.catalog import Prices
from tiercel.domain.keys import AccessKey, Budget
from tiercel.domain.policy import Advisor, Gate, Policy, Rule
from tiercel.gateway.app import running
from tiercel.testing.lab.server import Lab
from tiercel.testing.scripted import Called, Reply, Says, ScriptedProvider

LOOK: Any = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
GATES = (Gate(check="finished", needs_whole=False),)
PROMPT = "First ask_advisor, then say what a bridge is."


def lab_policy(model: str, by: str) -> Policy:
    return Policy(rules=(Rule(name="any", ladder=(model,), advisor=Advisor(by=by)),), gates=GATES, hash="lab")


PAIRS = [
    ("gemini-3.5-flash@low", "claude-opus-4-8@low"),
    ("claude-haiku-4-5@low", "gemini-3.5-pro@low"),
    ("claude-opus-4-8@low", "step-3.7-flash"),
    ("step-3.7-flash", "claude-opus-4-8@low"),
]


@pytest.mark.parametrize(("model", "by"), PAIRS, ids=[f"{model} asks {by}" for model, by in PAIRS])
@pytest.mark.parametrize("choice", ["auto", "required"])
async def test_strict_providers_take_hidden_turns_and_the_conversation_without_them(
    tmp_path: Path, model: str, by: str, choice: Any
) -> None:
    """The lab verifies every signature, and that a turn with calls begins with thinking where Anthropic wants it."""
    async with Lab(seed=0, time_scale=0.0) as lab:
        policy = lab_policy(model, by)
        async with (
            running(lab.settings(str(tmp_path)), policy, port=0) as gateway,
            openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key="x", max_retries=0) as client,
        ):
            said: Any = [{"role": "user", "content": PROMPT}]
            whys = []
            for turn_choice in (choice, "auto"):
                raw = await client.chat.completions.with_raw_response.create(
                    model="auto", messages=said, tools=TOOLS, tool_choice=turn_choice
                )
                record = gateway.recorder.find(raw.headers["x-tiercel-record"])
                assert record is not None
                assert [attempt.failure for attempt in record.attempts] == [None] * len(record.attempts)
                whys.append([attempt.why for attempt in record.attempts])
                message = raw.parse().choices[0].message
                said.append(message.model_dump(exclude_none=True))
                said += [
                    {"role": "tool", "tool_call_id": call.id, "content": "a bridge"}
                    for call in message.tool_calls or ()
                ] or [{"role": "user", "content": "And ask_advisor once more."}]
    assert whys[0] == ["first", "advisor", "advised"]


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", ["chat", "responses"])
@STREAMED
async def test_every_format_of_a_provider_takes_hidden_turns(
    tmp_path: Path, upstream: str, client: str, stream: bool
) -> None:
    """Also where the client speaks that very format, and its items come back as the provider knows them."""
    by = "anthropic" if upstream != "anthropic" else "gemini"
    async with Lab(seed=0, time_scale=0.0) as lab:
        made = [deployment(lab, UPSTREAMS[name]) for name in (upstream, by)]
        rule = Rule(name="any", ladder=(upstream,), advisor=Advisor(by=by))
        async with (
            house(tmp_path, *made, policy=Policy(rules=(rule,), gates=GATES, hash="lab")) as here,
            openai.AsyncOpenAI(base_url=f"{here.url}/v1", api_key="x", max_retries=0) as sdk,
        ):
            record_id = await ASKED_BY[client](sdk, stream)
            record = here.record(record_id)
    assert [(a.why, a.failure) for a in record.attempts] == [
        ("first", None),
        ("advisor", None),
        ("advised", None),
    ]


async def by_chat(sdk: openai.AsyncOpenAI, stream: bool) -> str:
    asked: Any = {
        "model": "auto",
        "messages": [{"role": "user", "content": PROMPT}],
        "reasoning_effort": "low",
    }
    raw: Any = await sdk.chat.completions.with_raw_response.create(**asked, stream=stream)
    if stream:
        async for _ in raw.parse():
            pass
    return str(raw.headers["x-tiercel-record"])


async def by_responses(sdk: openai.AsyncOpenAI, stream: bool) -> str:
    asked: Any = {"model": "auto", "input": PROMPT, "reasoning": {"effort": "low"}}
    raw: Any = await sdk.responses.with_raw_response.create(**asked, stream=stream)
    if stream:
        async for _ in raw.parse():
            pass
    return str(raw.headers["x-tiercel-record"])


ASKED_BY = {"chat": by_chat, "responses": by_responses}


@asynccontextmanager
async def advised(
    tmp_path: Path, *replies: Reply
) -> AsyncIterator[tuple[anthropic.AsyncAnthropic, ScriptedProvider]]:
    """A client, and the model of Anthropic's that says this and may ask another one, which says "Look."."""
    rule = Rule(name="any", ladder=("fast",), advisor=Advisor(by="dear"))
    async with (
        ScriptedProvider(*replies, format="anthropic", name="at-cheap") as cheap,
        ScriptedProvider(Says(text="Look."), name="at-dear") as dear,
        house(
            tmp_path,
            cheap.deployment("cheap"),
            dear.deployment("dear"),
            policy=two_tiers(rules=(rule,), gates=GATES),
        ) as here,
        anthropic.AsyncAnthropic(base_url=here.url, api_key="x", max_retries=0) as client,
    ):
        yield client, cheap


@STREAMED
async def test_thinking_before_the_question_opens_the_turn_that_calls(tmp_path: Path, stream: bool) -> None:
    """Anthropic's models want to see it there when the tool's result comes, and what came after has none."""
    replies = (
        asks(reasoning="Hm, hm."),
        Says(calls=(Called(name="look", id="toolu_2"),), finish="tool_calls"),
        Says(text="A bridge."),
    )
    async with advised(tmp_path, *replies) as (client, cheap):
        asked: Any = {"model": "auto", "max_tokens": 4_000, "tools": [LOOK]}
        said: Any = [{"role": "user", "content": "Where am I?"}]
        if stream:
            async with client.messages.stream(messages=said, **asked) as streamed:
                answer = await streamed.get_final_message()
        else:
            answer = await client.messages.create(messages=said, **asked)
        said.append(
            {
                "role": "assistant",
                "content": [block.model_dump(exclude_none=True) for block in answer.content],
            }
        )
        said.append(
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_2", "content": "a bridge"}],
            }
        )
        await client.messages.create(messages=said, **asked)
        sent_back = cheap.requests[-1].json["messages"][1]["content"]
    assert [block.type for block in answer.content] == ["thinking", "tool_use"]
    assert [block["type"] for block in sent_back] == ["thinking", "tool_use"]
    assert (sent_back[0]["thinking"], sent_back[0]["signature"]) == ("Hm, hm.", "c2lnbmVk")


async def test_prompt_caches_hold_whether_advice_is_asked_or_not(tmp_path: Path) -> None:
    """Our tool stands behind the client's, the same in each call, and every mark of the client's stays where it was."""
    kept: Any = {"cache_control": {"type": "ephemeral"}}
    tools: Any = [{"name": "find", "input_schema": {"type": "object", "properties": {}}}, LOOK | kept]
    system: Any = [{"type": "text", "text": "Walk.", **kept}]
    said: Any = [{"role": "user", "content": [{"type": "text", "text": "Where am I?", **kept}]}]
    replies = (
        asks(),
        Says(calls=(Called(name="look", id="toolu_2"),), finish="tool_calls"),
        Says(text="Here."),
    )
    async with advised(tmp_path, *replies) as (client, cheap):
        asked: Any = {"model": "auto", "max_tokens": 4_000, "tools": tools, "system": system}
        await client.messages.create(messages=said, **asked)
        called = {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "toolu_2", "content": "a bridge"}
        said += [{"role": "assistant", "content": [called]}, {"role": "user", "content": [result]}]
        await client.messages.create(messages=said, **asked)
        bodies = [request.json for request in cheap.requests]
    assert len(bodies) == 3
    for body in bodies:
        assert body["tools"][:2] == tools
        assert body["tools"] == bodies[0]["tools"]
        assert (body["system"], body["messages"][0]) == (system, said[0])


@pytest.mark.parametrize(("cents", "advised"), [(100, True), (1, False)])
async def test_a_key_s_budget_bounds_advice(tmp_path: Path, cents: int, advised: bool) -> None:
    """What is left after the first call must cover the most that advice can cost."""
    key = issue(
        tmp_path, AccessKey(id="", role="client", project="", budget=Budget(day_nano=cents * 10_000_000))
    )
    rule = Rule(name="any", ladder=("fast",), advisor=Advisor(by="dear", max_tokens=100))
    cheap_prices = Prices(input=1_000_000, output=5_000_000)
    async with (
        ScriptedProvider(asks(), Says(text="Then left."), name="at-cheap") as cheap,
        ScriptedProvider(Says(text="Left."), name="at-dear") as dear,
        house(
            tmp_path,
            cheap.deployment("cheap", prices=cheap_prices),
            dear.deployment("dear", prices=Prices(input=10_000_000_000, output=50_000_000_000)),
            policy=two_tiers(rules=(rule,), gates=GATES),
        ) as here,
    ):
        answer = await ask_with(here, key)
        record = here.record(answer.headers["x-tiercel-record"])
        assert bool(dear.requests) is advised
    assert answer.status == 200
    assert [a.why for a in record.attempts] == ["first", *(["advisor"] if advised else []), "advised"]


async def test_a_key_that_could_not_pay_for_going_on_is_not_offered_advice(tmp_path: Path) -> None:
    """Its request is answered as without an advisor, in place of ending when the model asks."""
    key = issue(tmp_path, AccessKey(id="", role="client", project="", budget=Budget(day_nano=100_000_000)))
    rule = Rule(name="any", ladder=("fast",), advisor=Advisor(by="dear", max_tokens=100_000))
    prices = Prices(input=1_000_000_000, output=1_000_000_000)
    async with (
        ScriptedProvider(Says(text="Left."), name="at-cheap") as cheap,
        ScriptedProvider(name="at-dear") as dear,
        house(
            tmp_path,
            cheap.deployment("cheap", prices=prices),
            dear.deployment("dear", prices=prices),
            policy=two_tiers(rules=(rule,), gates=GATES),
        ) as here,
    ):
        answer = await ask_with(here, key)
        assert "tools" not in cheap.requests[0].json
    assert answer.status == 200
