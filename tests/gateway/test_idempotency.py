"""`Idempotency-Key`: sent twice, answered once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.gateway.house import USER, house
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Listener
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

ONCE: Any = {"Idempotency-Key": "order-1"}


async def test_the_second_request_gets_the_first_ones_answer(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="once"), Says(text="twice")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            ask = here.client.chat.completions.with_raw_response.create
            first = await ask(model="auto", messages=USER, extra_headers=ONCE)
            second = await ask(model="auto", messages=USER, extra_headers=ONCE)
    assert second.content == first.content
    assert second.headers["x-tiercel-record"] == first.headers["x-tiercel-record"]
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(provider.requests) == 1


async def test_a_stream_is_replayed_whole(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="one two three")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx.AsyncClient() as client:
            body = {"model": "auto", "messages": USER, "stream": True}
            answers = [
                await client.post(f"{here.url}/v1/chat/completions", json=body, headers=ONCE)
                for _ in range(2)
            ]
    assert answers[0].content == answers[1].content
    assert answers[1].content.endswith(b"data: [DONE]\n\n")
    assert answers[1].headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_while_it_runs_the_key_is_taken(tmp_path: Path) -> None:
    release = asyncio.Event()
    async with ScriptedProvider(Says(text="once", release=release)) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            create = here.client.chat.completions.create
            running = asyncio.create_task(create(model="auto", messages=USER, extra_headers=ONCE))
            await provider.wait_for_requests(1)
            with pytest.raises(openai.ConflictError):
                await create(model="auto", messages=USER, extra_headers=ONCE)
            release.set()
            assert (await running).choices[0].message.content == "once"


async def test_the_key_of_another_request_is_refused(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="once")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            create = here.client.chat.completions.create
            await create(model="auto", messages=USER, extra_headers=ONCE)
            with pytest.raises(openai.UnprocessableEntityError):
                await create(model="fast", messages=USER, extra_headers=ONCE)


async def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        provider.default = Fails(status=400, message="no")
        async with house(tmp_path, provider.deployment("cheap")) as here:
            create = here.client.chat.completions.create
            with pytest.raises(openai.BadRequestError):
                await create(model="auto", messages=USER, extra_headers=ONCE)
            provider.add(Says(text="now"))
            answer = await create(model="auto", messages=USER, extra_headers=ONCE)
    assert answer.choices[0].message.content == "now"


async def test_two_clients_may_use_the_same_key(tmp_path: Path) -> None:
    keys = ("a-key-of-one-client", "a-key-of-the-other")
    listener = Listener(port=0, keys=tuple(Secret(key) for key in keys))
    async with ScriptedProvider(Says(text="mine"), Says(text="yours")) as provider:
        async with house(tmp_path, provider.deployment("cheap"), listener=listener) as here:
            said = []
            for key in keys:
                client = here.client.with_options(api_key=key)
                answer = await client.chat.completions.create(model="auto", messages=USER, extra_headers=ONCE)
                said.append(answer.choices[0].message.content)
    assert said == ["mine", "yours"]


async def test_an_answer_too_long_to_keep_is_delivered_and_may_run_again(tmp_path: Path) -> None:
    long = Says(text="x" * 4_100_000)
    async with ScriptedProvider(long, Says(text="again")) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            create = here.client.chat.completions.create
            first = await create(model="auto", messages=USER, extra_headers=ONCE)
            second = await create(model="auto", messages=USER, extra_headers=ONCE)
    assert first.choices[0].message.content == long.text
    assert second.choices[0].message.content == "again"


async def test_want_of_room_forgets_old_answers_and_nothing_that_is_being_answered(tmp_path: Path) -> None:
    release = asyncio.Event()
    slow = Says(text="slow", release=release)
    async with ScriptedProvider(slow) as provider:
        provider.default = Says(text="x" * 3_000_000)
        async with house(tmp_path, provider.deployment("cheap")) as here:
            create = here.client.chat.completions.create
            running = asyncio.create_task(create(model="auto", messages=USER, extra_headers=ONCE))
            await provider.wait_for_requests(1)
            for number in range(24):  # 72 MB, where there is room for 64
                await create(model="auto", messages=USER, extra_headers={"Idempotency-Key": f"n{number}"})
            with pytest.raises(openai.ConflictError):
                await create(model="auto", messages=USER, extra_headers=ONCE)
            release.set()
            await running
            for key, calls in ((ONCE, 25), ({"Idempotency-Key": "n23"}, 25), ({"Idempotency-Key": "n0"}, 26)):
                await create(model="auto", messages=USER, extra_headers=key)
                assert len(provider.requests) == calls
