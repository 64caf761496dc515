"""Streams: late commit, heartbeats, holds, clients that leave, servers that stop, many at once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

from tests.gateway.house import USER, House, house, two_tiers
from tests.gateway.plain_http import Answer, call
from tiercel.domain.policy import Limits
from tiercel.testing.scripted import Fails, Fault, Says, ScriptedProvider

JSON_OBJECT: Any = {"type": "json_object"}
QUICK_COMMIT = two_tiers(limits=Limits(commit_after_seconds=0.1))


async def raw_stream(here: House, **more: Any) -> Answer:
    """The bytes of a whole stream, chunk framing included."""
    body = msgspec.json.encode({"model": "auto", "messages": USER, "stream": True, **more})
    return await call(here.url, "POST", "/v1/chat/completions", body)


async def test_a_slow_start_is_bridged_by_heartbeats_and_may_still_fall_back(tmp_path: Path) -> None:
    slow_failure = Fails(status=500, before_seconds=0.25)
    async with (
        ScriptedProvider(slow_failure, slow_failure) as cheap,
        ScriptedProvider(Says(text="saved")) as dear,
    ):
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=QUICK_COMMIT) as here:
            answer = await raw_stream(here)
            assert answer.status == 200
            assert answer.body.count(b": keep-alive") >= 1
            assert b"saved" in answer.body
            assert answer.body.count(b"[DONE]") == 1


async def test_after_a_heartbeat_a_failure_is_an_error_in_the_stream(tmp_path: Path) -> None:
    slow_failure = Fails(status=500, before_seconds=0.25)
    async with (
        ScriptedProvider(slow_failure, slow_failure) as cheap,
        ScriptedProvider(Fails(status=500)) as dear,
    ):
        dear.default = Fails(status=500)
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=QUICK_COMMIT) as here:
            answer = await raw_stream(here)
            assert answer.status == 200
            assert b'"error"' in answer.body
            assert b"[DONE]" not in answer.body
            assert b"finish_reason" not in answer.body


async def test_a_held_stream_sends_nothing_but_heartbeats_before_its_check(tmp_path: Path) -> None:
    says = Says(text='```json\n{"a": 1}\n```', release=asyncio.Event(), release_after=3)
    assert says.release is not None
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=QUICK_COMMIT) as here:
            stream = await here.client.chat.completions.with_raw_response.create(
                model="auto", messages=USER, stream=True, response_format=JSON_OBJECT
            )
            pieces = stream.http_response.aiter_bytes()
            before = await anext(pieces)
            while b": keep-alive" not in before:
                before += await anext(pieces)
            assert b"data:" not in before
            says.release.set()
            assert b"```" not in b"".join([piece async for piece in pieces])


async def test_an_error_as_the_first_event_falls_back_unseen(tmp_path: Path) -> None:
    says = Says(text="never", fault=Fault(error_in_stream=True, after=0))
    async with ScriptedProvider(says, says) as cheap, ScriptedProvider(Says(text="saved")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            answer = await raw_stream(here)
            assert b"saved" in answer.body
            assert b'"error"' not in answer.body


async def test_an_error_after_content_is_passed_on_as_an_error(tmp_path: Path) -> None:
    says = Says(text="one two three", fault=Fault(error_in_stream=True, after=3))
    async with ScriptedProvider(says) as cheap, ScriptedProvider(Says(text="other")) as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            answer = await raw_stream(here)
            assert b"one" in answer.body
            assert b'"error"' in answer.body
            assert b"[DONE]" not in answer.body
    assert dear.requests == []


async def test_a_client_that_leaves_a_stream_stops_it_and_its_cost_is_kept(tmp_path: Path) -> None:
    says = Says(text="one two three four five", release=asyncio.Event(), release_after=3)
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            stream = await here.client.chat.completions.create(model="auto", messages=USER, stream=True)
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    break
            record_id = stream.response.headers["x-tiercel-record"]
            await stream.close()
            await asyncio.wait_for(cheap.wait_for_abandoned(1), 2)
            record = await ended(here, record_id)
            assert record.outcome == "cancelled"
            (attempt,) = record.attempts
            assert attempt.state == "cancelled"
            assert attempt.usage is not None
            assert attempt.usage.source == "partial"
            assert attempt.usage.input > 0
            assert attempt.cost_nano


async def ended(here: House, record_id: str) -> Any:
    """The record, as soon as it is there."""
    for _ in range(200):
        record = here.gateway.recorder.find(record_id)
        if record is not None and record.outcome != "interrupted":
            return record
        await asyncio.sleep(0.01)
    raise AssertionError("the record never came")


async def test_stopping_ends_a_stream_with_an_error_when_its_time_is_up(tmp_path: Path) -> None:
    says = Says(text="one two three", release=asyncio.Event(), release_after=3)
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            streaming = asyncio.create_task(raw_stream(here))
            await cheap.wait_for_requests(1)
            await asyncio.sleep(0.1)
            # leaving the context drains for two seconds, which this answer does not keep
        answer = await streaming
    assert b"one" in answer.body
    assert b'"error"' in answer.body
    assert b"[DONE]" not in answer.body


async def test_the_usage_chunk_comes_only_when_asked_for(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="a"), Says(text="a")) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            without = await raw_stream(here)
            with_usage = await raw_stream(here, stream_options={"include_usage": True})
    assert b"prompt_tokens" not in without.body
    assert with_usage.body.count(b"prompt_tokens") >= 1
    # the gateway itself asks upstream in both cases, since it bills by it
    assert [request.json["stream_options"]["include_usage"] for request in cheap.requests] == [True, True]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_delivered_as_it_is(tmp_path: Path, stream: bool) -> None:
    says = Says(text="I can't help with that.", finish="content_filter")
    async with ScriptedProvider(says) as cheap, ScriptedProvider() as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            body = msgspec.json.encode({"model": "auto", "messages": USER, "stream": stream})
            answer = await call(here.url, "POST", "/v1/chat/completions", body)
            assert answer.status == 200
            assert b"content_filter" in answer.body
    assert dear.requests == []


async def test_a_hundred_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default = Says(text="same for all")
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            answers = await asyncio.gather(*(one(here.client, i) for i in range(100)))
            assert answers == ["same for all"] * 100
            ids = {request.json["messages"][0]["content"] for request in cheap.requests}
            assert len(ids) == 100
            tasks = [task for task in asyncio.all_tasks() if task.get_name() in ("climb", "client-left")]
            assert tasks == []


async def one(client: openai.AsyncOpenAI, number: int) -> str:
    messages: Any = [{"role": "user", "content": f"Say hello {number}"}]
    if number % 2:
        answer = await client.chat.completions.create(model="auto", messages=messages)
        return answer.choices[0].message.content or ""
    stream = await client.chat.completions.create(model="auto", messages=messages, stream=True)
    return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])


async def test_what_a_client_sends_reaches_a_provider_of_the_same_format_untouched(tmp_path: Path) -> None:
    body = {
        "model": "cheap",
        "messages": [{"role": "user", "content": "hi", "x_future": [1, {"a": None}]}],
        "future_field": {"deep": [1.5, "ü"]},
    }
    async with ScriptedProvider(Says(text="ok")) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        await call(here.url, "POST", "/v1/chat/completions", json.dumps(body).encode())
    assert cheap.requests[0].json == body


async def test_hints_are_read_and_never_sent_on(tmp_path: Path) -> None:
    metadata = {"tiercel.task": "coding", "tiercel.session": "s-1", "team": "blue"}
    async with ScriptedProvider(Says(text="ok")) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        raw = await here.client.chat.completions.with_raw_response.create(
            model="auto", messages=USER, metadata=metadata, extra_headers={"x-tiercel-risk": "medium"}
        )
        record = here.record(raw.headers["x-tiercel-record"])
        assert (record.task, record.session, record.risk) == ("coding", "s-1", "medium")
        assert set(record.stated) == {"task", "session", "risk"}
    assert cheap.requests[0].json["metadata"] == {"team": "blue"}
    assert not [name for name in cheap.requests[0].headers if name.startswith("x-tiercel")]


class Bug:
    """Whatever is asked of it fails."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("a bug of ours")


@pytest.mark.parametrize(
    ("stream", "broken", "status"),
    [(False, "upstream", 500), (True, "upstream", 500), (True, "registry", 200)],
)
async def test_a_bug_of_ours_is_an_honest_error_with_a_record(
    tmp_path: Path, stream: bool, broken: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Before anything was sent, and, where the checks are at fault, after content was."""
    async with (
        ScriptedProvider(Says(text="one two")) as cheap,
        house(tmp_path, cheap.deployment("cheap")) as here,
    ):
        runtime = here.gateway.runtime
        machinery = msgspec.structs.replace(runtime.state.machinery, **{broken: Bug()})
        runtime.state = msgspec.structs.replace(runtime.state, machinery=machinery)
        body = msgspec.json.encode({"model": "auto", "messages": USER, "stream": stream})
        answer = await call(here.url, "POST", "/v1/chat/completions", body)
        assert answer.status == status
        assert b'"error"' in answer.body
        assert b"[DONE]" not in answer.body
        assert b"bug" not in answer.body
        assert b"RuntimeError" not in answer.body
        record = here.record(answer.headers["x-tiercel-record"])
        assert (record.outcome, record.problem) == ("failed", "internal")
        assert answer.headers["x-tiercel-record"] in caplog.text
        assert (await call(here.url, "GET", "/healthz")).status == 200
