"""A parameter that a provider refuses by name is left out, and the request asked once more: who sets a temperature need
not know which models take one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.faults.clients import CLIENTS, ClientName
from tests.gateway.house import USER, House, house, two_tiers
from tests.gateway.plain_http import Answer, call
from tiercel.domain.catalog import Deployment, Model, Provider
from tiercel.domain.policy import Limits
from tiercel.domain.request import Format
from tiercel.domain.secret import Secret
from tiercel.testing.lab.server import Lab
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

HELLO = Says(text="Hello!")
NO_TEMPERATURE = Fails(
    status=400,
    code="unsupported_value",
    message="Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is "
    "supported.",
)
ASKED: dict[ClientName, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "auto", "messages": USER, "temperature": 0.2}),
    "responses": ("/v1/responses", {"model": "auto", "input": "Say hello", "temperature": 0.2}),
    "messages": (
        "/v1/messages",
        {"model": "auto", "messages": USER, "max_tokens": 4_096, "temperature": 0.2},
    ),
    "gemini": (
        "/v1beta/models/auto:generateContent",
        {"contents": [{"parts": [{"text": "Say hello"}]}], "generationConfig": {"temperature": 0.2}},
    ),
}
STREAMED: dict[ClientName, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"stream": True}),
    "responses": ("/v1/responses", {"stream": True}),
    "messages": ("/v1/messages", {"stream": True}),
    "gemini": ("/v1beta/models/auto:streamGenerateContent?alt=sse", {}),
}


async def ask(here: House, client: ClientName = "chat", *, stream: bool = False, **more: Any) -> Answer:
    path, body = ASKED[client]
    if stream:
        path, added = STREAMED[client]
        body = body | added
    return await call(here.url, "POST", path, msgspec.json.encode(body | more))


def in_the_lab(lab: Lab) -> Deployment:
    """A model that takes no temperature, at a gateway that does not know it."""
    provider = Provider(
        name="anthropic",
        format="anthropic",
        base_url=lab.base_url("anthropic"),
        key=Secret("any"),
        quirks="anthropic",
        simulated=True,
    )
    return Deployment(
        name="cheap", model=Model(name="cheap"), provider=provider, upstream_name="claude-opus-4-8"
    )


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_the_client_gets_its_answer_and_is_told_what_went(
    tmp_path: Path, client: ClientName, stream: bool
) -> None:
    async with Lab() as lab, house(tmp_path, in_the_lab(lab)) as here:
        answer = await ask(here, client, stream=stream)
        record = here.record(answer.headers["x-tiercel-record"])
    assert (answer.status, answer.headers["x-tiercel-lost"]) == (200, "temperature")
    first, second = record.attempts
    assert first.failure is not None
    assert (first.failure.kind, first.failure.status) == ("parameter_refused", 400)
    assert (second.why, second.state, second.lost) == ("retry", "answered", ("temperature",))


async def test_the_second_request_does_not_pay_for_it_again(tmp_path: Path) -> None:
    async with Lab() as lab, house(tmp_path, in_the_lab(lab)) as here:
        await ask(here)
        answer = await ask(here, "messages")
        record = here.record(answer.headers["x-tiercel-record"])
        calls = lab.calls["claude-opus-4-8"]
    (attempt,) = record.attempts
    assert (answer.status, answer.headers["x-tiercel-lost"]) == (200, "temperature")
    assert attempt.notes[-1] == "temperature left out: the provider refused it before"
    assert calls == 2


@pytest.mark.parametrize("format", ["openai_chat", "openai_responses", "anthropic", "gemini"])
async def test_the_second_call_is_the_first_without_it(tmp_path: Path, format: Format) -> None:
    async with ScriptedProvider(NO_TEMPERATURE, HELLO, format=format) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            assert (await ask(here, seed=7)).status == 200
    first, second = [_without_temperature(request.json) for request in provider.requests]
    assert [("temperature" in str(request.json)) for request in provider.requests] == [True, False]
    assert first == second


async def test_two_that_are_refused_are_both_known_by_the_next_request(tmp_path: Path) -> None:
    """Once more is all that one request is asked: the second refusal is the client's to hear, or another rung's."""
    no_top_p = Fails(status=400, message="Unsupported parameter: 'top_p' is not supported with this model.")
    async with ScriptedProvider(NO_TEMPERATURE, no_top_p, HELLO) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            refused, answered = [await ask(here, top_p=0.5) for _ in range(2)]
    assert (refused.status, answered.status) == (400, 200)
    assert answered.headers["x-tiercel-lost"] == "temperature, top_p"


async def test_where_nothing_may_be_asked_twice_another_rung_takes_it_as_it_is(tmp_path: Path) -> None:
    async with ScriptedProvider(NO_TEMPERATURE) as cheap, ScriptedProvider(HELLO) as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        policy = two_tiers(limits=Limits(retries=0))
        async with house(tmp_path, *deployments, policy=policy) as here:
            answer = await ask(here)
    assert answer.status == 200
    assert dear.requests[0].json["temperature"] == 0.2


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported parameter: 'tools' is not supported with this model.",
        "Unsupported value: 'response_format' does not support 'json_schema' with this model.",
        "Unsupported parameter: 'stop' is not supported with this model.",
        "Invalid 'temperature': decimal above maximum value.",
    ],
)
async def test_what_the_request_means_is_never_left_out(tmp_path: Path, message: str) -> None:
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    async with ScriptedProvider(Fails(status=400, message=message)) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here:
            answer = await ask(here, tools=[tool], stop=["END"])
    assert (answer.status, len(provider.requests)) == (400, 1)


def _without_temperature(body: Any) -> Any:
    if isinstance(body, dict):
        return {key: _without_temperature(value) for key, value in body.items() if key != "temperature"}
    return body
