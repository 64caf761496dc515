"""Who tries again, when, and how often: the gateway and no client, a little, and never what is known to fail."""

import time
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest

from tests.gateway.faults.clients import CLIENTS, ClientName, sdks
from tests.gateway.house import USER, House, house, one_tier, two_tiers
from tests.gateway.plain_http import Answer, call
from tiercel.domain.policy import Limits
from tiercel.domain.request import Format
from tiercel.testing.scripted import Fails, Fault, Reply, Says, ScriptedProvider

HELLO = Says(text="Hello!")
ONCE: dict[str, Reply] = {
    "500": Fails(status=500),
    "502": Fails(status=502),
    "503": Fails(status=503),
    "529": Fails(status=529),
    "429 with a short wait": Fails(status=429, message="Rate limit reached. Please try again in 20ms."),
    "closed before the headers": Fails(cut=True, no_head=True),
    "closed after the headers": Says(text="never", fault=Fault(cut=True)),
    "an error as the first event": Says(text="never", fault=Fault(error_in_stream=True)),
    "thought away": Says(reasoning="hm, hm", finish="length"),
}


async def ask(here: House, **more: Any) -> Answer:
    body = msgspec.json.encode({"model": "auto", "messages": USER, **more})
    return await call(here.url, "POST", "/v1/chat/completions", body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("once", ONCE)
async def test_what_fails_once_is_asked_once_more_and_nobody_notices(
    tmp_path: Path, once: str, stream: bool
) -> None:
    async with ScriptedProvider(ONCE[once], HELLO) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            answer = await ask(here, stream=stream)
            record = here.record(answer.headers["x-tiercel-record"])
    assert answer.status == 200
    assert b'"error"' not in answer.body
    assert [(attempt.why, attempt.state) for attempt in record.attempts] == [
        ("first", "failed"),
        ("retry", "answered"),
    ]
    assert len(provider.requests) == 2


async def test_an_answer_that_thinking_ate_is_asked_for_with_more_room(tmp_path: Path) -> None:
    """T57."""
    eaten = Says(reasoning="hm, hm", finish="length", reasoning_tokens=2_000, output_tokens=2_000)
    async with ScriptedProvider(eaten, HELLO) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            answer = await ask(here, max_tokens=2_000)
    assert (answer.status, b"Hello!" in answer.body) == (200, True)
    budgets = [next(v for k, v in r.json.items() if k.startswith("max_")) for r in provider.requests]
    assert budgets[1] > budgets[0] >= 2_000


@pytest.mark.parametrize("client", CLIENTS)
async def test_who_is_told_when_to_come_back_comes_back_then(tmp_path: Path, client: ClientName) -> None:
    """T55: a wait that the gateway does not sit out itself is the client's, and Google's SDK has no retries."""
    limited = Fails(status=429, retry_after="1")
    policy = two_tiers(limits=Limits(retries=0))
    async with ScriptedProvider(limited, HELLO) as cheap, ScriptedProvider(limited, HELLO) as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=policy) as here, sdks(here.url) as clients:
            began = time.monotonic()
            seen = await clients.ask(client, "auto", stream=False)
            waited = time.monotonic() - began
    if client == "gemini":
        assert (seen.error, seen.status, seen.tries) == ("ClientError", 429, 1)
    else:
        assert (seen.text, seen.error, seen.tries) == ("Hello!", None, 2)
        assert waited >= 0.9


@pytest.mark.parametrize("format", ["openai_chat", "anthropic"])
async def test_an_overload_is_told_in_the_clients_own_words_with_its_wait(
    tmp_path: Path, format: Format
) -> None:
    """T55: 529 is Anthropic's word, Chat's is 503; the wait goes along either way."""
    async with ScriptedProvider(format=format) as provider:
        provider.default = Fails(status=529, retry_after="40")
        async with house(tmp_path, provider.deployment("cheap")) as here:
            chat = openai.AsyncOpenAI(base_url=f"{here.url}/v1", api_key="unused", max_retries=0)
            messages = anthropic.AsyncAnthropic(base_url=here.url, api_key="unused", max_retries=0)
            async with chat, messages:
                with pytest.raises(openai.InternalServerError) as in_chat:
                    await chat.chat.completions.create(model="auto", messages=USER)
                with pytest.raises(anthropic.APIStatusError) as in_messages:
                    await messages.messages.create(model="auto", messages=USER, max_tokens=4_096)
    found = [
        (error.status_code, error.response.headers["retry-after"], error.response.headers["x-should-retry"])
        for error in (in_chat.value, in_messages.value)
    ]
    assert found == [(503, "40", "true"), (529, "40", "true")]


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_overload_without_a_wait_is_told_with_the_breakers(
    tmp_path: Path, client: ClientName
) -> None:
    """Nobody said when to come back, but until the first breaker's rest is over it would be for nothing."""
    async with ScriptedProvider() as provider:
        provider.default = Fails(status=503)
        deployment = provider.deployment("cheap")
        policy = one_tier((deployment,), limits=Limits(retries=0))
        async with house(tmp_path, deployment, policy=policy) as here, sdks(here.url, retries=0) as clients:
            waits = [
                (await clients.ask(client, "auto", stream=False)).headers["retry-after"] for _ in range(5)
            ]
    assert waits[:4] == ["5"] * 4
    assert 5 < int(waits[4]) <= 10


async def test_errors_that_opened_every_breaker_say_when_it_is_worth_coming_back(tmp_path: Path) -> None:
    """Though no SDK is told to: waiting alone mends nothing."""
    async with ScriptedProvider() as provider:
        provider.default = Fails(status=500)
        deployment = provider.deployment("cheap")
        policy = one_tier((deployment,), limits=Limits(retries=0))
        async with house(tmp_path, deployment, policy=policy) as here:
            *before, last = [await ask(here) for _ in range(5)]
    assert all("retry-after" not in answer.headers for answer in before)
    assert 5 < int(last.headers["retry-after"]) <= 10
    assert (last.status, last.headers["x-should-retry"]) == (502, "false")


async def test_of_several_waits_the_client_is_told_the_shortest(tmp_path: Path) -> None:
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default, dear.default = (Fails(status=429, retry_after=wait) for wait in ("90", "30"))
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            answer = await ask(here)
    assert (answer.status, answer.headers["retry-after"], answer.headers["x-should-retry"]) == (
        429,
        "30",
        "true",
    )


async def test_three_failures_end_a_request(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    async with ScriptedProvider() as provider:
        provider.default = Fails(body="html")
        deployments = tuple(provider.deployment(name) for name in names)
        async with house(tmp_path, *deployments, policy=one_tier(deployments)) as here:
            answer = await ask(here)
    assert (answer.status, answer.headers["x-should-retry"]) == (502, "false")
    assert [request.json["model"] for request in provider.requests] == ["a", "b", "c"]


async def test_five_failures_in_a_row_and_a_deployment_is_left_alone(tmp_path: Path) -> None:
    """Its breaker is its own: the same provider's other model goes on being asked."""
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default, dear.default = Fails(body="html"), HELLO
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            for _ in range(8):
                assert (await ask(here)).status == 200
            (resting,) = (
                d for d in here.gateway.runtime.state.machinery.health.snapshot() if d.name == "cheap"
            )
    assert (len(cheap.requests), len(dear.requests)) == (5, 8)
    assert resting.state == "open"


async def test_when_all_rest_somebody_is_asked_all_the_same(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        provider.default = Fails(body="html")
        async with house(tmp_path, provider.deployment("cheap")) as here:
            for _ in range(5):
                assert (await ask(here)).status == 502
            provider.default = HELLO
            assert (await ask(here)).status == 200


async def test_a_rate_limit_is_one_models_and_the_others_are_asked_on(tmp_path: Path) -> None:
    """The next request does not go where the wait has not passed."""
    limited = Fails(status=429, retry_after="60")
    async with ScriptedProvider(limited, HELLO, HELLO) as provider:
        deployments = (provider.deployment("cheap"), provider.deployment("dear"))
        async with house(tmp_path, *deployments) as here:
            assert [(await ask(here)).status for _ in range(2)] == [200, 200]
    assert [request.json["model"] for request in provider.requests] == ["cheap", "dear", "dear"]
