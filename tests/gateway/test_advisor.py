"""An advisor that the answering model asks through a hidden tool: what the client sees, and what the record tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from tests.gateway.faults.clients import CLIENTS, ClientName, sdks
from tests.gateway.house import USER, House, house, two_tiers
from tests.gateway.test_asides import STREAMED, told
from tiercel.domain.catalog import Prices
from tiercel.domain.policy import Advisor, Gate, Limits, Rule
from tiercel.domain.record import Record
from tiercel.domain.request import Format
from tiercel.testing.faults import Fault
from tiercel.testing.scripted import Called, Fails, Reply, Says, ScriptedProvider

FINISHED = Gate(check="finished")
FORMATS: tuple[Format, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini")
DEAR = Prices(input=100_000_000_000, output=500_000_000_000)
TOOLS: Any = [
    {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
]


def asks(
    *, text: str = "", question: str = "Left or right?", more: tuple[Called, ...] = (), **says: Any
) -> Says:
    """An answer that calls the advisor."""
    arguments = msgspec.json.encode({"question": question}).decode()
    call = Called(name=says.pop("name", "ask_advisor"), arguments=arguments, id=says.pop("id", "call_adv"))
    return Says(text=text, calls=(*more, call), finish="tool_calls", **says)


@asynccontextmanager
async def advised(
    folder: Path,
    *answers: Reply,
    advice: tuple[Reply, ...] = (),
    format: Format = "openai_chat",
    advisor_format: Format = "openai_chat",
    limits: Limits = Limits(),
    gates: tuple[Gate, ...] = (),
    prices: Prices = Prices(input=1_000_000_000, output=5_000_000_000),
    **more: Any,
) -> AsyncIterator[tuple[House, dict[str, ScriptedProvider]]]:
    """`cheap` answers, then `dear`; `strong` advises, at these prices. `more` is of the advisor."""
    rule = Rule(name="any", ladder=("fast", "balanced"), advisor=Advisor(by=more.pop("by", "strong"), **more))
    policy = two_tiers(gates=(FINISHED, *gates), limits=limits, rules=(rule,))
    providers = {
        "cheap": ScriptedProvider(*answers, name="at-cheap", format=format),
        "dear": ScriptedProvider(name="at-dear"),
        "strong": ScriptedProvider(*advice, name="at-strong", format=advisor_format),
    }
    async with providers["cheap"], providers["dear"], providers["strong"]:
        ladder = [providers[name].deployment(name) for name in ("cheap", "dear")]
        strong = providers["strong"].deployment("strong", prices=prices)
        async with house(folder, *ladder, strong, policy=policy) as here:
            yield here, providers


class Got(msgspec.Struct, kw_only=True):
    """What the official client made of the answer."""

    text: str = ""
    calls: list[tuple[str, str]] = []
    finish: str | None = None
    usage: Any = None
    record: Record


async def ask(here: House, *, stream: bool = False, **more: Any) -> Got:
    """One request by OpenAI's SDK."""
    more = {"model": "auto", "messages": USER, **more}
    create = here.client.chat.completions.with_raw_response.create
    if not stream:
        raw = await create(**more)
        choice = raw.parse().choices[0]
        calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]
        return Got(
            text=choice.message.content or "",
            calls=calls,
            finish=choice.finish_reason,
            usage=raw.parse().usage,
            record=here.record(raw.headers["x-tiercel-record"]),
        )
    raw = await create(stream=True, stream_options={"include_usage": True}, **more)
    text, finish, usage = "", None, None
    names: dict[int, list[str]] = {}
    async for chunk in raw.parse():
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or ():
                known = names.setdefault(call.index, ["", ""])
                known[0] += call.function.name or ""
                known[1] += call.function.arguments or ""
    assert sorted(names) == list(range(len(names)))
    record = here.record(raw.headers["x-tiercel-record"])
    calls = [(name, arguments) for name, arguments in names.values()]
    return Got(text=text, calls=calls, finish=finish, usage=usage, record=record)


def sent(provider: ScriptedProvider, place: int = -1) -> Any:
    return msgspec.json.decode(provider.requests[place].body)


@STREAMED
async def test_the_model_asks_gets_advice_and_goes_on(tmp_path: Path, stream: bool) -> None:
    replies = (
        asks(text="I am not sure.", input_tokens=100, output_tokens=20),
        Says(text="Left it is.", input_tokens=150, output_tokens=7),
    )
    async with advised(tmp_path, *replies, advice=(Says(text="Left, for the bridge."),)) as (here, by):
        got = await ask(here, stream=stream, tools=TOOLS)
        first, second, question = sent(by["cheap"], 0), sent(by["cheap"]), sent(by["strong"])
    assert (got.text, got.calls, got.finish) == ("I am not sure.\n\nLeft it is.", [], "stop")
    assert told(got.record) == [
        (1, "first", "cheap", "answered"),
        (2, "advisor", "strong", "answered"),
        (3, "advised", "cheap", "answered"),
    ]
    assert (got.record.outcome, got.record.delivered) == ("passed", 3)
    assert got.record.cost_nano == sum(a.cost_nano or 0 for a in got.record.attempts)
    assert [tool["function"]["name"] for tool in first["tools"]] == ["look", "ask_advisor"]
    assert second["messages"][-1] == {
        "role": "tool",
        "tool_call_id": "call_adv",
        "content": "Left, for the bridge.",
    }
    assert "Left or right?" in question["messages"][-1]["content"]
    assert "I am not sure." in question["messages"][-1]["content"]
    assert "tools" not in question
    # the conversation as the client sent it, and all that was written
    assert (got.usage.prompt_tokens, got.usage.completion_tokens) == (100, 27)


@pytest.mark.parametrize("advisor_format", FORMATS)
@pytest.mark.parametrize("format", FORMATS)
@STREAMED
async def test_any_model_may_ask_any_other(
    tmp_path: Path, format: Format, advisor_format: Format, stream: bool
) -> None:
    replies = asks(), Says(text="Left it is.")
    advice = (Says(text="Left."),)
    async with advised(tmp_path, *replies, advice=advice, format=format, advisor_format=advisor_format) as (
        here,
        by,
    ):
        got = await ask(here, stream=stream)
        again = by["cheap"].requests[-1].body
    assert (got.text, got.record.outcome) == ("Left it is.", "passed")
    assert b"Left." in again
    assert [a.why for a in got.record.attempts] == ["first", "advisor", "advised"]


@pytest.mark.parametrize("client", CLIENTS)
@STREAMED
@pytest.mark.parametrize("before", ["", "Hm."], ids=["silent", "said"])
async def test_every_client_sees_one_whole_answer(
    tmp_path: Path, client: ClientName, stream: bool, before: str
) -> None:
    replies = asks(text=before), Says(text="Left it is.")
    async with (
        advised(tmp_path, *replies, advice=(Says(text="Left."),)) as (here, _),
        sdks(here.url, retries=0) as clients,
    ):
        seen = await clients.ask(client, "auto", stream=stream)
    assert (seen.text, seen.error) == (f"{before}\n\nLeft it is." if before else "Left it is.", None)
    assert seen.finish in ("stop", "completed", "end_turn", "STOP")


@STREAMED
async def test_calls_of_the_client_s_tools_beside_the_question_are_put_off(
    tmp_path: Path, stream: bool
) -> None:
    first = asks(text="Let me look.", more=(Called(name="look", arguments='{"at": 1}', id="call_look"),))
    then = Says(calls=(Called(name="look", arguments='{"at": 2}', id="call_2"),), finish="tool_calls")
    async with advised(tmp_path, first, then, advice=(Says(text="Look at 2."),)) as (here, by):
        got = await ask(here, stream=stream, tools=TOOLS)
        results = {
            m["tool_call_id"]: m["content"] for m in sent(by["cheap"])["messages"] if m["role"] == "tool"
        }
    assert (got.text, got.calls, got.finish) == ("Let me look.", [("look", '{"at": 2}')], "tool_calls")
    assert results["call_adv"] == "Look at 2."
    assert results["call_look"].startswith("Not carried out")


@STREAMED
async def test_a_client_s_tool_loop_goes_on_with_the_model_that_was_advised(
    tmp_path: Path, stream: bool
) -> None:
    then = Says(calls=(Called(name="look", id="call_2"),), finish="tool_calls")
    last = Says(text="There is a bridge.")
    async with advised(tmp_path, asks(), then, last, advice=(Says(text="Look."),)) as (here, by):
        await ask(here, stream=stream, tools=TOOLS)
        call = {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        loop = [
            *USER,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_2", "content": "a bridge"},
        ]
        got = await ask(here, stream=stream, tools=TOOLS, messages=loop)
        assert not by["dear"].requests
        assert sent(by["cheap"])["messages"] == loop
    assert (got.text, got.record.outcome) == ("There is a bridge.", "passed")


async def test_a_name_of_the_client_s_is_left_to_the_client(tmp_path: Path) -> None:
    theirs: Any = [
        {"type": "function", "function": {"name": "ask_advisor", "parameters": {"type": "object"}}}
    ]
    first = asks(name="ask_advisor_2")
    then = Says(calls=(Called(name="ask_advisor", id="call_2"),), finish="tool_calls")
    async with advised(tmp_path, first, then, advice=(Says(text="Ask them."),)) as (here, by):
        got = await ask(here, tools=theirs)
        assert len(by["strong"].requests) == 1
    assert got.calls == [("ask_advisor", "{}")]


@STREAMED
async def test_who_asks_in_a_loop_is_told_that_there_is_no_more(tmp_path: Path, stream: bool) -> None:
    replies = [*(asks(id=f"call_{n}") for n in range(3)), Says(text="Then left.")]
    advice = tuple(Says(text=f"Think {n}.") for n in range(5))
    async with advised(tmp_path, *replies, advice=advice, max_uses=2) as (here, by):
        got = await ask(here, stream=stream)
        assert len(by["strong"].requests) == 2
        results = [m["content"] for m in sent(by["cheap"])["messages"] if m["role"] == "tool"]
    assert (got.text, got.record.outcome) == ("Then left.", "passed")
    assert results[:2] == ["Think 0.", "Think 1."]
    assert results[2].startswith("There is no more advice to be had")


@STREAMED
async def test_who_never_stops_asking_has_said_nothing(tmp_path: Path, stream: bool) -> None:
    """The next on the ladder answers."""
    replies = [asks(id=f"call_{n}") for n in range(5)]
    async with advised(tmp_path, *replies, advice=(Says(text="Think."),), max_uses=1) as (here, by):
        by["dear"].add(Says(text="Right."))
        got = await ask(here, stream=stream)
        assert len(by["cheap"].requests) == 3
    assert (got.text, got.record.outcome) == ("Right.", "passed")
    assert [a.why for a in got.record.attempts] == ["first", "advisor", "advised", "advised", "fallback"]
    assert got.record.attempts[3].failure is not None
    assert got.record.attempts[3].failure.kind == "empty"


@STREAMED
async def test_what_else_is_in_an_answer_that_never_stops_asking_goes_out(
    tmp_path: Path, stream: bool
) -> None:
    last = asks(text="Well.", more=(Called(name="look", id="call_l"),), id="call_3")
    replies = [asks(id="call_1"), asks(id="call_2"), last]
    async with advised(tmp_path, *replies, advice=(Says(text="Think."),), max_uses=1) as (here, _):
        got = await ask(here, stream=stream, tools=TOOLS)
    assert (got.text, got.calls, got.finish) == ("Well.", [("look", "{}")], "tool_calls")


@pytest.mark.parametrize("broken", [Fails(status=500), Fails(status=429), Says(text="")], ids=str)
@STREAMED
async def test_without_an_advisor_the_model_goes_on(tmp_path: Path, broken: Reply, stream: bool) -> None:
    replies = asks(), Says(text="Then left.")
    async with advised(tmp_path, *replies, advice=(broken,)) as (here, by):
        got = await ask(here, stream=stream)
        result = sent(by["cheap"])["messages"][-1]["content"]
    assert (got.text, got.record.outcome) == ("Then left.", "passed")
    assert result.startswith("No advice can be had")
    assert got.record.attempts[1].state == "failed"


async def test_a_late_advisor_is_stopped(tmp_path: Path) -> None:
    never = asyncio.Event()
    late = Says(text="Left.", release=never)
    replies = asks(), Says(text="Then left.")
    async with advised(tmp_path, *replies, advice=(late,), wait_seconds=0.1) as (here, by):
        got = await ask(here)
        await asyncio.wait_for(by["strong"].wait_for_abandoned(1), 5)
    assert (got.text, got.record.outcome) == ("Then left.", "passed")


async def test_no_advice_is_bought_beyond_the_cost_cap(tmp_path: Path) -> None:
    replies = asks(), Says(text="Then left.")
    limits = Limits(max_cost_nano=7_000_000)
    async with advised(tmp_path, *replies, limits=limits, prices=DEAR) as (here, by):
        got = await ask(here)
        assert not by["strong"].requests
    assert got.text == "Then left."


@pytest.mark.parametrize(
    "more",
    [
        {"response_format": {"type": "json_object"}},
        {"tools": TOOLS, "tool_choice": "none"},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "look"}}},
    ],
    ids=["JSON", "no tools", "one tool"],
)
async def test_nothing_is_offered_where_it_cannot_be_used(tmp_path: Path, more: Any) -> None:
    async with advised(tmp_path, Says(text="{}")) as (here, by):
        await ask(here, **more)
        assert b"ask_advisor" not in by["cheap"].requests[0].body


async def test_the_advisor_is_not_offered_itself(tmp_path: Path) -> None:
    async with advised(tmp_path, Says(text="Left."), by="cheap") as (here, by):
        await ask(here)
        assert b"ask_advisor" not in by["cheap"].requests[0].body


@STREAMED
async def test_a_failure_after_the_advice_falls_back_unseen(tmp_path: Path, stream: bool) -> None:
    replies = asks(), Fails(status=503), Fails(status=503)
    async with advised(tmp_path, *replies, advice=(Says(text="Left."),)) as (here, by):
        by["dear"].add(Says(text="Right."))
        got = await ask(here, stream=stream)
    assert (got.text, got.record.outcome) == ("Right.", "passed")
    assert [a.why for a in got.record.attempts][:3] == ["first", "advisor", "advised"]
    assert got.record.attempts[-1].deployment == "dear"


async def test_a_retry_after_the_advice_keeps_it(tmp_path: Path) -> None:
    replies = asks(), Fails(status=500), Says(text="Left it is.")
    async with advised(tmp_path, *replies, advice=(Says(text="Left, I say."),)) as (here, by):
        got = await ask(here)
        assert sent(by["cheap"])["messages"][-1]["content"] == "Left, I say."
    assert (got.text, got.record.outcome) == ("Left it is.", "passed")
    assert [a.why for a in got.record.attempts] == ["first", "advisor", "advised", "retry"]


async def test_behind_words_that_went_out_the_same_call_is_made_again(tmp_path: Path) -> None:
    """Nothing of it was seen, and it is the same model."""
    replies = asks(text="Let me think."), Fails(status=500), Says(text="Left it is.")
    async with advised(tmp_path, *replies, advice=(Says(text="Left."),)) as (here, by):
        got = await ask(here, stream=True)
        assert not by["dear"].requests
    assert (got.text, got.record.outcome) == ("Let me think.\n\nLeft it is.", "passed")
    assert [a.why for a in got.record.attempts] == ["first", "advisor", "advised", "retry"]


@pytest.mark.parametrize(
    "broken",
    [
        (Fails(status=503), Fails(status=503)),
        (Fails(status=401),),
        (Says(text="Left it is, by the bridge.", fault=Fault(cut=True, after=4)),),
    ],
    ids=["twice", "for good", "half said"],
)
async def test_once_words_went_out_a_failure_breaks_the_stream(
    tmp_path: Path, broken: tuple[Reply, ...]
) -> None:
    replies = asks(text="Let me think."), *broken
    async with (
        advised(tmp_path, *replies, advice=(Says(text="Left."),)) as (here, by),
        sdks(here.url, retries=0) as clients,
    ):
        seen = await clients.ask("chat", "auto", stream=True)
        assert not by["dear"].requests
    assert seen.text.startswith("Let me think.")
    assert seen.finish is None
    assert seen.error is not None


async def test_a_gate_measures_the_answer_as_the_client_gets_it(tmp_path: Path) -> None:
    gate = Gate(check="contains", options={"any": ["bridge"]}, re_ask=1)
    replies = asks(text="By the bridge?"), Says(text="Left it is.")
    async with advised(tmp_path, *replies, advice=(Says(text="Left."),), gates=(gate,)) as (here, _):
        got = await ask(here)
    assert (got.text, got.record.outcome) == ("By the bridge?\n\nLeft it is.", "passed")
    assert [v.check for v in got.record.attempts[0].verdicts] == []
    assert got.record.attempts[2].verdicts[1].score == 1.0


async def test_a_missed_gate_after_advice_goes_up_like_any_other(tmp_path: Path) -> None:
    gate = Gate(check="contains", options={"any": ["42"]})
    replies = asks(), Says(text="Left it is.")
    async with advised(tmp_path, *replies, advice=(Says(text="Left."),), gates=(gate,)) as (here, by):
        by["dear"].add(Says(text="42"))
        got = await ask(here)
    assert (got.text, got.record.outcome, got.record.delivered) == ("42", "passed", 4)
    assert [a.why for a in got.record.attempts] == ["first", "advisor", "advised", "escalation"]


async def test_a_stream_is_kept_alive_while_the_advisor_thinks(tmp_path: Path) -> None:
    """What was said before is read by the client meanwhile, and a heartbeat behind it."""
    done = asyncio.Event()
    replies = asks(text="Let me think."), Says(text="Left it is.")
    slow = (Says(text="Left.", release=done),)
    limits = Limits(commit_after_seconds=0.05)
    asked = {"model": "auto", "messages": USER, "stream": True}
    async with (
        advised(tmp_path, *replies, advice=slow, limits=limits) as (here, by),
        httpx2.AsyncClient(timeout=20.0) as client,
        client.stream("POST", f"{here.url}/v1/chat/completions", json=asked) as answer,
    ):
        read, pieces = "", answer.aiter_text()
        while "\n: " not in read.partition("think.")[2]:
            read += await anext(pieces)
        await asyncio.wait_for(by["strong"].wait_for_requests(1), 5)
        done.set()
        async for piece in pieces:
            read += piece
    assert read.rstrip().endswith("data: [DONE]")
    assert '" is."' in read.rpartition("think.")[2]


async def test_a_client_that_leaves_stops_the_advisor(tmp_path: Path) -> None:
    never = asyncio.Event()
    async with advised(tmp_path, asks(), advice=(Says(text="Left.", release=never),)) as (here, by):
        asking = asyncio.create_task(ask(here))
        await asyncio.wait_for(by["strong"].wait_for_requests(1), 5)
        asking.cancel()
        await asyncio.wait_for(by["strong"].wait_for_abandoned(1), 5)
