"""Holds on streams: what a client sees of a beginning, and of JSON that is checked while it comes."""

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.house import House, house, two_tiers
from tests.gateway.plain_http import Answer, call
from tiercel.domain.policy import Gate, Hold, HoldMode, Limits, Policy
from tiercel.domain.record import Record
from tiercel.testing.scripted import Fault, Raw, Says, ScriptedProvider

LONG = "It was a bright cold day in April, and the clocks were striking thirteen. " * 8
JSON_LONG = '{"name": "Ann", "notes": "' + "a quiet house by the sea " * 20 + '", "age": 40}'
SCHEMA: Any = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "notes": {"type": "string"},
        "age": {"type": "integer", "maximum": 99},
    },
    "required": ["name", "notes", "age"],
    "additionalProperties": False,
}
WANTS_JSON: Any = {
    "type": "json_schema",
    "json_schema": {"name": "person", "strict": True, "schema": SCHEMA},
}
FINISHED = (Gate(check="finished", needs_whole=False),)
WITH_JSON = (*FINISHED, Gate(check="json_schema"))


def holding(hold: Hold, gates: tuple[Gate, ...] = FINISHED, **more: Any) -> Policy:
    return two_tiers(gates=gates, hold=hold, **more)


async def ask(here: House, **more: Any) -> tuple[Answer, Record]:
    """A streamed chat completion's bytes, and its record."""
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        **more,
    }
    answer = await call(here.url, "POST", "/v1/chat/completions", msgspec.json.encode(body))
    return answer, here.record(answer.headers["x-tiercel-record"])


def text_of(answer: Answer) -> str:
    """What the client reads."""
    lines = [line[6:] for line in answer.body.splitlines() if line.startswith(b"data: {")]
    chunks = [msgspec.json.decode(line) for line in lines]
    return "".join(
        [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ())]
    )


def is_whole(answer: Answer) -> bool:
    return (
        b"[DONE]" in answer.body
        and b'"finish_reason":"stop"' in answer.body.replace(b" ", b"")
        and b'"error"' not in answer.body
    )


async def test_a_beginning_is_held_until_its_tokens_are_there(tmp_path: Path) -> None:
    says = Says(text=LONG, release=asyncio.Event(), release_after=4)
    assert says.release is not None
    policy = holding(Hold(mode="first", tokens=40), limits=Limits(commit_after_seconds=0.1))
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            stream = await here.client.chat.completions.with_raw_response.create(
                model="auto", messages=[{"role": "user", "content": "Hi"}], stream=True
            )
            pieces = stream.http_response.aiter_bytes()
            before = await anext(pieces)
            while before.count(b": keep-alive") < 2:
                before += await anext(pieces)
            assert b"data:" not in before
            says.release.set()
            after = b"".join([piece async for piece in pieces])
            assert b"[DONE]" in after


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Says(text="", finish="stop"), "fallback"),
        (Says(text=LONG, fault=Fault(error_in_stream=True, after=3)), "fallback"),
        (Says(text=LONG, fault=Fault(cut=True, after=3)), "fallback"),
        (Says(text="I'm sorry, but I can't help with that request. " + "Really. " * 30), "escalation"),
        (Says(text="I can't help with that.", finish="content_filter"), "escalation"),
    ],
    ids=["empty", "error", "broken", "declines", "filtered"],
)
async def test_a_bad_beginning_is_never_seen(tmp_path: Path, bad: Says, why: str) -> None:
    """Empty, broken or refused within the held tokens: the next rung answers, and the client sees one good answer."""
    policy = holding(Hold(mode="first", tokens=12), (*FINISHED, Gate(check="refusal")), on_refusal="escalate")
    async with ScriptedProvider(bad, bad) as cheap, ScriptedProvider(Says(text=LONG)) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, record = await ask(here)
    assert is_whole(answer)
    assert text_of(answer) == LONG
    assert record.outcome == "passed"
    assert record.attempts[-1].why == why


async def test_a_beginning_that_comes_too_slowly_is_left_for_the_next_rung(tmp_path: Path) -> None:
    slow = Says(text=LONG, release=asyncio.Event(), release_after=8)
    assert slow.release is not None
    policy = holding(Hold(mode="first", tokens=40, least_tokens_per_second=100_000.0))
    async with ScriptedProvider(slow) as cheap, ScriptedProvider(Says(text="quick " * 60)) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            asking = asyncio.create_task(ask(here))
            await cheap.wait_for_requests(1)
            await asyncio.sleep(0.3)  # 40 tokens at this speed would have taken less than a thousandth
            slow.release.set()
            answer, record = await asking
    assert text_of(answer) == "quick " * 60
    assert is_whole(answer)
    first, second = record.attempts
    assert first.failure is not None
    assert (first.failure.kind, first.failure.code, second.why) == ("timeout", "too_slow", "fallback")
    assert first.usage is not None


async def test_the_last_rung_may_be_slow(tmp_path: Path) -> None:
    slow = Says(text=LONG, release=asyncio.Event(), release_after=8)
    assert slow.release is not None
    policy = two_tiers(hold=Hold(mode="first", tokens=40, least_tokens_per_second=100_000.0), gates=FINISHED)
    rules = (msgspec.structs.replace(policy.rules[0], ladder=("fast",)),)
    async with ScriptedProvider(slow) as cheap, ScriptedProvider() as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        policy = msgspec.structs.replace(policy, rules=rules)
        async with house(tmp_path, *deployments, policy=policy) as here:
            asking = asyncio.create_task(ask(here))
            await cheap.wait_for_requests(1)
            await asyncio.sleep(0.3)
            slow.release.set()
            answer, record = await asking
    assert (text_of(answer), record.outcome) == (LONG, "passed")


async def test_without_a_hold_checks_measure_what_has_gone_out(tmp_path: Path) -> None:
    """The verdict stands in the record; nothing escalates, and a repair that came too late counts as a miss."""
    says = Says(text="```json\n{}\n```")
    policy = holding(Hold(mode="none"), WITH_JSON)
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, record = await ask(here, response_format={"type": "json_object"})
    assert text_of(answer) == says.text
    assert is_whole(answer)
    (attempt,) = record.attempts
    assert (record.outcome, attempt.missed, attempt.repairs) == ("marked", "json_schema", ())
    assert "gone out" in attempt.verdicts[-1].reason
    assert dear.requests == []


async def test_everything_may_be_held(tmp_path: Path) -> None:
    policy = holding(Hold(mode="all"))
    async with ScriptedProvider(Says(text=LONG)) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, _ = await ask(here)
    assert (text_of(answer), "x-tiercel-outcome" in answer.headers) == (LONG, True)
    assert is_whole(answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
        ("/v1/responses", {"input": "Hi"}),
        ("/v1/messages", {"max_tokens": 500, "messages": [{"role": "user", "content": "Hi"}]}),
        ("/v1beta/models/auto:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "Hi"}]}]}),
    ],
    ids=["chat", "responses", "messages", "gemini"],
)
@pytest.mark.parametrize("mode", ["none", "all"])
async def test_a_stream_names_the_model_that_answered_held_or_not(
    tmp_path: Path, mode: HoldMode, path: str, body: dict[str, Any]
) -> None:
    policy = holding(Hold(mode=mode))
    if "v1beta" not in path:
        body = {"model": "auto", "stream": True, **body}
    async with ScriptedProvider(Says(text=LONG)) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer = await call(here.url, "POST", path, msgspec.json.encode(body))
    named = set(re.findall(rb'"model(?:Version)?": ?"([^"]*)"', answer.body))
    assert named == {b"cheap"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("```json\n", "\n```"),
        ("Here it is:\n\n```json\n", "\n```\nI hope {this} helps [1]."),
        ("The person in [brackets] {asked}: ", ". Done."),
        ("\ufeff", ""),
    ],
    ids=["bare", "fence", "prose and fence", "prose", "bom"],
)
async def test_json_goes_out_while_it_comes_without_what_is_around_it(
    tmp_path: Path, before: str, after: str
) -> None:
    says = Says(text=before + JSON_LONG + after, release=asyncio.Event(), release_after=80)
    assert says.release is not None
    policy = holding(Hold(mode="incremental", tokens=16), WITH_JSON)
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            stream = await here.client.chat.completions.create(
                model="auto",
                messages=[{"role": "user", "content": "Who?"}],
                stream=True,
                response_format=WANTS_JSON,
            )
            got = ""
            async for chunk in stream:
                got += (chunk.choices[0].delta.content or "") if chunk.choices else ""
                if len(got) > 40:
                    says.release.set()  # so much came before the provider had finished
            record = here.record(stream.response.headers["x-tiercel-record"])
    assert got == JSON_LONG
    assert record.outcome == "passed"
    assert record.verified


async def test_a_violation_before_anything_was_sent_ends_the_attempt_and_is_asked_again(
    tmp_path: Path,
) -> None:
    bad = Says(text='{"name": 5, ' + JSON_LONG[1:], release=asyncio.Event(), release_after=12)
    policy = holding(Hold(mode="incremental"), (*FINISHED, Gate(check="json_schema", re_ask=1)))
    async with ScriptedProvider(bad, Says(text=JSON_LONG)) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, record = await ask(here, response_format=WANTS_JSON)
            await asyncio.wait_for(cheap.wait_for_abandoned(1), 5)
    assert text_of(answer) == JSON_LONG
    assert is_whole(answer)
    first, second = record.attempts
    assert (first.missed, second.why) == ("json_schema", "re_ask")
    assert first.verdicts[0].reason == "$.name: type"
    assert "$.name" in str(cheap.requests[1].json["messages"])
    assert first.usage is not None
    assert first.cost_nano


async def test_a_violation_after_something_was_sent_is_an_error_and_no_finish(tmp_path: Path) -> None:
    bad = Says(text=JSON_LONG.replace("40}", '400, "and": "so on"}'))
    policy = holding(Hold(mode="incremental", tokens=16), WITH_JSON)
    async with ScriptedProvider(bad) as cheap, ScriptedProvider(Says(text=JSON_LONG)) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, record = await ask(here, response_format=WANTS_JSON)
    assert JSON_LONG.startswith(text_of(answer))
    assert text_of(answer)
    assert b'"error"' in answer.body
    assert b"[DONE]" not in answer.body
    assert b'"finish_reason":"' not in answer.body.replace(b" ", b"")
    assert (record.outcome, record.problem) == ("broken", "check_failed")
    assert record.attempts[0].missed == "json_schema"
    assert dear.requests == []


async def test_what_only_the_whole_shows_to_be_wrong_is_an_error_and_no_finish(tmp_path: Path) -> None:
    """`uniqueItems` is not followed while it comes: the whole answer misses it, after most of it has gone out."""
    schema = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    wants = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    bad = Says(text='{"a": [' + ", ".join(["1", "2", "3"] * 40) + "]}")
    policy = holding(Hold(mode="incremental", tokens=16), WITH_JSON)
    async with ScriptedProvider(bad) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, record = await ask(here, response_format=wants)
    assert b'"error"' in answer.body
    assert b"[DONE]" not in answer.body
    assert (record.outcome, record.problem) == ("broken", "check_failed")


async def test_nobody_gets_what_is_no_json(tmp_path: Path) -> None:
    """Where no answer is JSON that fits, the client gets an error, whatever on_exhausted says."""
    policy = holding(Hold(mode="incremental"), WITH_JSON)
    async with ScriptedProvider(Says(text=LONG)) as cheap, ScriptedProvider(Says(text=LONG)) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, record = await ask(here, response_format=WANTS_JSON)
    assert answer.status == 502
    assert (record.outcome, record.problem) == ("withheld", "check_failed")


async def test_a_client_that_leaves_a_held_stream_stops_it_at_once(tmp_path: Path) -> None:
    says = Says(text=LONG, release=asyncio.Event(), release_after=3)
    policy = holding(Hold(mode="first", tokens=1_000), limits=Limits(commit_after_seconds=0.1))
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            stream = await here.client.chat.completions.with_raw_response.create(
                model="auto", messages=[{"role": "user", "content": "Hi"}], stream=True
            )
            pieces = stream.http_response.aiter_bytes()
            await anext(pieces)
            await stream.http_response.aclose()
            await asyncio.wait_for(cheap.wait_for_abandoned(1), 2)


async def test_json_that_is_cut_after_something_was_sent_is_an_error_and_no_finish(tmp_path: Path) -> None:
    cut = Says(text=JSON_LONG[:300], finish="length")
    policy = holding(Hold(mode="incremental", tokens=16), WITH_JSON)
    async with ScriptedProvider(cut) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, record = await ask(here, response_format=WANTS_JSON)
    assert b'"error"' in answer.body
    assert b"[DONE]" not in answer.body
    assert (record.outcome, record.problem) == ("broken", "check_failed")


@pytest.mark.parametrize("mode", ["none", "first"])
async def test_an_opinion_never_reaches_the_client_in_place_of_the_answer(
    tmp_path: Path, mode: HoldMode
) -> None:
    """It is there first, and says something else; what it is worth is told when the answer has gone out."""
    says = Says(text=LONG, release=asyncio.Event())
    assert says.release is not None
    gate = Gate(check="agreement", at_least=0.5, ask=("other",), on_error="open")
    policy = holding(Hold(mode=mode, tokens=8), (*FINISHED, gate))
    async with (
        ScriptedProvider(says) as cheap,
        ScriptedProvider(name="above") as dear,
        ScriptedProvider(Says(text="Nothing like it."), name="beside") as other,
    ):
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"), other.deployment("other"))
        async with house(tmp_path, *deployments, policy=policy) as here:
            asking = asyncio.create_task(ask(here))
            await other.wait_for_requests(1)
            await cheap.wait_for_requests(1)
            says.release.set()
            answer, record = await asking
    assert text_of(answer) == LONG
    assert is_whole(answer)
    assert [attempt.why for attempt in record.attempts] == ["first", "opinion"]
    assert "agreement" in [verdict.check for verdict in record.attempts[0].verdicts]
    assert dear.requests == []


MODES: tuple[HoldMode, ...] = ("auto", "none", "first", "incremental", "all")


@pytest.mark.parametrize("mode", MODES)
async def test_whatever_the_hold_the_client_reads_the_same(tmp_path: Path, mode: HoldMode) -> None:
    """Prose whatever is held; and JSON, where nothing has to be mended, wherever a gate wants some."""
    policy = holding(Hold(mode=mode, tokens=20), WITH_JSON)
    async with ScriptedProvider(Says(text=LONG), Says(text=JSON_LONG)) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            prose, first = await ask(here)
            strict, second = await ask(here, response_format=WANTS_JSON)
    assert (text_of(prose), text_of(strict)) == (LONG, JSON_LONG)
    assert is_whole(prose)
    assert is_whole(strict)
    assert (first.outcome, second.outcome) == ("passed", "passed")


def sure_stream(*words: str) -> Raw:
    """A streamed answer whose words come with their log probabilities."""
    chunks: list[Any] = []
    for word in words:
        entry = {"token": word, "logprob": -0.1, "bytes": None, "top_logprobs": []}
        chunks.append(
            {
                "index": 0,
                "delta": {"content": word},
                "finish_reason": None,
                "logprobs": {"content": [entry], "refusal": None},
            }
        )
    chunks.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "cheap"}
    events = [b"data: " + msgspec.json.encode({**head, "choices": [chunk]}) + b"\n\n" for chunk in chunks]
    lines = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return Raw(data=lines + b"".join(events) + b"data: [DONE]\n\n")


@pytest.mark.parametrize("mode", ["none", "first"])
async def test_probabilities_that_only_a_check_asked_for_do_not_stream(
    tmp_path: Path, mode: HoldMode
) -> None:
    gate = Gate(check="confidence", at_least=0.5)
    policy = holding(Hold(mode=mode, tokens=1), (*FINISHED, gate))
    async with ScriptedProvider(sure_stream("It ", "is ", "Paris")) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            answer, record = await ask(here)
    assert cheap.requests[0].json["logprobs"] is True
    assert text_of(answer) == "It is Paris"
    assert b'"logprob"' not in answer.body
    assert record.attempts[0].verdicts[-1].check == "confidence"
    assert record.attempts[0].verdicts[-1].error is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"name": {"type": "wrong"}}},
        {"type": "object", "properties": {"name": {"type": "string"}, "child": {"$ref": "#"}}},
    ],
    ids=["is none", "recursive"],
)
async def test_a_schema_that_cannot_be_followed_is_left_to_the_check_of_the_whole(
    tmp_path: Path, schema: Any
) -> None:
    """What it costs to check is not known, or that it is no schema at all: nothing goes out before the end."""
    says = Says(text=f"```json\n{JSON_LONG}\n```", release=asyncio.Event(), release_after=60)
    assert says.release is not None
    policy = holding(Hold(mode="incremental", tokens=1), WITH_JSON, limits=Limits(commit_after_seconds=0.05))
    wants: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            stream = await here.client.chat.completions.with_raw_response.create(
                model="auto",
                messages=[{"role": "user", "content": "Hi"}],
                stream=True,
                response_format=wants,
            )
            pieces = stream.http_response.aiter_bytes()
            before = await anext(pieces)
            while before.count(b": keep-alive") < 3:
                before += await anext(pieces)
            assert b"data:" not in before
            says.release.set()
            after = b"".join([piece async for piece in pieces])
    assert b"[DONE]" in after
    assert dear.requests == []
