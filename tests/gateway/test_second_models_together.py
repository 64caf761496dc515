"""Reviews and advice beside the other things that a rule may say: opinions, hedges, holds, splits; and each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from google import genai
from google.genai import types
from msgspec.structs import replace

from tests.gateway.faults.clients import CLIENTS, ClientName
from tests.gateway.house import House, house, two_tiers
from tests.gateway.test_advisor import asks
from tests.gateway.test_asides import STREAMED, ask
from tests.gateway.test_review import APPROVE, improve
from tiercel.domain.policy import Advisor, Gate, Hold, Limits, Review, Rule
from tiercel.testing.faults import Fault
from tiercel.testing.scripted import Called, Reply, Says, ScriptedProvider

FINISHED = Gate(check="finished", needs_whole=False)
REVIEW, ADVISOR = Review(by="strong"), Advisor(by="strong")


@asynccontextmanager
async def gateway(
    folder: Path, gates: tuple[Gate, ...] = (), *, rule: dict[str, Any], **replies: tuple[Reply, ...]
) -> AsyncIterator[tuple[House, dict[str, ScriptedProvider]]]:
    """`cheap` and `dear` on the ladder, `strong` and `other` beside it."""
    made = two_tiers(gates=(FINISHED, *gates), rules=(Rule(name="any", ladder=("fast", "balanced"), **rule),))
    names = ("cheap", "dear", "strong", "other")
    by = {name: ScriptedProvider(*replies.get(name, ()), name=f"at-{name}") for name in names}
    async with by["cheap"], by["dear"], by["strong"], by["other"]:
        async with house(folder, *(by[name].deployment(name) for name in names), policy=made) as here:
            yield here, by


@STREAMED
async def test_advice_is_taken_and_the_answer_reviewed(tmp_path: Path, stream: bool) -> None:
    rule = {"review": REVIEW, "advisor": ADVISOR}
    replies: dict[str, Any] = {
        "cheap": (asks(text="Hm."), Says(text="Left.")),
        "strong": (Says(text="Go left."), Says(text=improve("Left, then right."))),
    }
    async with gateway(tmp_path, rule=rule, **replies) as (here, by):
        text, record = await ask(here, stream=stream)
        reviewed = by["strong"].requests[1].json["messages"][-1]["content"]
    assert (text, record.outcome) == ("Left, then right.", "passed")
    assert [a.why for a in record.attempts] == ["first", "advisor", "advised", "review"]
    assert "\nHm.\n\nLeft.\n</answer" in reviewed


async def test_the_answer_that_opinions_elect_is_reviewed(tmp_path: Path) -> None:
    agreement = Gate(check="agreement", at_least=0.5, asks="opinions", ask=("dear", "other"), on_error="open")
    replies: dict[str, Any] = {
        "cheap": (Says(text="41"),),
        "dear": (Says(text="42"),),
        "other": (Says(text="42"),),
        "strong": (Says(text=APPROVE),),
    }
    async with gateway(tmp_path, (agreement,), rule={"review": REVIEW}, **replies) as (here, by):
        text, record = await ask(here)
        assert "\n42\n</answer" in by["strong"].requests[0].json["messages"][-1]["content"]
    assert (text, record.outcome) == ("42", "passed")
    assert [a.why for a in record.attempts] == ["first", "opinion", "opinion", "review"]


@STREAMED
async def test_a_rule_that_hedges_may_have_reviews(tmp_path: Path, stream: bool) -> None:
    replies: dict[str, Any] = {"cheap": (Says(text="five"),), "strong": (Says(text=improve("four")),)}
    async with gateway(tmp_path, rule={"review": REVIEW, "hedge": True}, **replies) as (here, _):
        text, record = await ask(here, stream=stream)
    assert (text, record.outcome) == ("four", "passed")


@pytest.mark.parametrize("hold", ["none", "first", "all"])
@pytest.mark.parametrize("before", ["", "Let me think about it."])
async def test_whatever_the_hold_an_advised_stream_reads_the_same(
    tmp_path: Path, hold: Any, before: str
) -> None:
    replies: dict[str, Any] = {
        "cheap": (asks(text=before), Says(text="It is left, by the bridge.")),
        "strong": (Says(text="Go left."),),
    }
    rule = {"advisor": ADVISOR, "hold": Hold(mode=hold, tokens=4)}
    async with gateway(tmp_path, rule=rule, **replies) as (here, _):
        text, record = await ask(here, stream=True)
    assert text == (f"{before}\n\n" if before else "") + "It is left, by the bridge."
    assert record.outcome == "passed"


@pytest.mark.parametrize("hold", ["first", "all"])
async def test_a_call_that_broke_unseen_leaves_nothing_in_the_stream(tmp_path: Path, hold: Any) -> None:
    """The retry goes on from the same turn, and the client reads each word once."""
    whole = Says(text="It is left, by the bridge.")
    broken = replace(whole, fault=Fault(cut=True, after=4))
    replies: dict[str, Any] = {
        "cheap": (asks(text="Let me think."), broken, whole),
        "strong": (Says(text="Go left."),),
    }
    rule = {"advisor": ADVISOR, "hold": Hold(mode=hold, tokens=500), "limits": Limits(retries=1)}
    async with gateway(tmp_path, rule=rule, **replies) as (here, _):
        text, record = await ask(here, stream=True)
    assert text == "Let me think.\n\nIt is left, by the bridge."
    assert [a.why for a in record.attempts] == ["first", "advisor", "advised", "retry"]


async def test_a_review_wins_over_a_hold_by_default(tmp_path: Path) -> None:
    replies: dict[str, Any] = {"cheap": (Says(text="five"),), "strong": (Says(text=improve("four")),)}
    async with gateway(tmp_path, rule={"review": REVIEW, "hold": Hold(mode="first")}, **replies) as (here, _):
        text, _ = await ask(here, stream=True)
    assert text == "four"


@pytest.mark.parametrize("client", CLIENTS)
@STREAMED
async def test_every_client_gets_its_own_calls_and_no_other(
    tmp_path: Path, client: ClientName, stream: bool
) -> None:
    """The question came between two calls of the client's tools, which were made again after the advice."""
    look = Called(name="look", arguments='{"at": 1}', id="call_1")
    first = Says(
        text="Hm.", calls=(look, *asks().calls, Called(name="look", id="call_x")), finish="tool_calls"
    )
    then = Says(calls=(look, Called(name="look", arguments='{"at": 2}', id="call_2")), finish="tool_calls")
    async with gateway(
        tmp_path, rule={"advisor": ADVISOR}, cheap=(first, then), strong=(Says(text="Twice."),)
    ) as (here, _):
        text, calls = await asyncio.wait_for(CALLED_BY[client](here.url, stream), 20)
    assert text == "Hm."
    assert calls == [("look", {"at": 1}), ("look", {"at": 2})]


SCHEMA: Any = {"type": "object", "properties": {"at": {"type": "integer"}}}
Calls = list[tuple[str, Any]]


async def by_chat(url: str, stream: bool) -> tuple[str, Calls]:
    tools: Any = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]
    said: Any = {"model": "auto", "messages": [{"role": "user", "content": "Go"}], "tools": tools}
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as sdk:
        if stream:
            async with sdk.chat.completions.stream(**said) as events:
                answer: Any = await events.get_final_completion()
        else:
            answer = await sdk.chat.completions.create(**said)
    message = answer.choices[0].message
    return message.content, [(c.function.name, _json(c.function.arguments)) for c in message.tool_calls]


async def by_responses(url: str, stream: bool) -> tuple[str, Calls]:
    tools: Any = [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]
    said: Any = {"model": "auto", "input": "Go", "tools": tools}
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as sdk:
        if stream:
            async with sdk.responses.stream(**said) as events:
                answer: Any = await events.get_final_response()
        else:
            answer = await sdk.responses.create(**said)
    calls = [(item.name, _json(item.arguments)) for item in answer.output if item.type == "function_call"]
    return answer.output_text, calls


async def by_messages(url: str, stream: bool) -> tuple[str, Calls]:
    said: Any = {
        "model": "auto",
        "max_tokens": 1_000,
        "messages": [{"role": "user", "content": "Go"}],
        "tools": [{"name": "look", "input_schema": SCHEMA}],
    }
    async with anthropic.AsyncAnthropic(base_url=url, api_key="x", max_retries=0) as sdk:
        if stream:
            async with sdk.messages.stream(**said) as events:
                answer: Any = await events.get_final_message()
        else:
            answer = await sdk.messages.create(**said)
    text = "".join(block.text for block in answer.content if block.type == "text")
    return text, [(block.name, block.input) for block in answer.content if block.type == "tool_use"]


async def by_gemini(url: str, stream: bool) -> tuple[str, Calls]:
    look = types.FunctionDeclaration(name="look", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[look])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    options = types.HttpOptions(base_url=url, api_version="v1beta")
    sdk = genai.Client(api_key="x", http_options=options)
    said: Any = {"model": "auto", "contents": "Go", "config": config}
    answers = (
        [answer async for answer in await sdk.aio.models.generate_content_stream(**said)]
        if stream
        else [await sdk.aio.models.generate_content(**said)]
    )
    await sdk.aio.aclose()
    parts: list[Any] = [
        p for answer in answers for c in answer.candidates or () if c.content for p in c.content.parts or ()
    ]
    calls = [(p.function_call.name, p.function_call.args) for p in parts if p.function_call]
    return "".join(p.text or "" for p in parts), calls


def _json(text: str) -> Any:
    return msgspec.json.decode(text)


CALLED_BY = {"chat": by_chat, "responses": by_responses, "messages": by_messages, "gemini": by_gemini}
