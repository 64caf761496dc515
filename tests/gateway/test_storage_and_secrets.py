"""What must hold when the disk does not, and where a provider's key may never be seen."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

from tests.gateway.house import USER, everything_in, house, settings_for, two_tiers
from tests.gateway.plain_http import call
from tiercel.domain.catalog import Deployment, Prices
from tiercel.domain.errors import ConfigError
from tiercel.gateway.app import running
from tiercel.testing.scripted import Fails, Raw, Reply, Says, ScriptedProvider


@pytest.mark.parametrize(("when", "status"), [("refuse", 503), ("serve", 200)])
async def test_a_full_journal_refuses_or_serves_and_recovers(tmp_path: Path, when: Any, status: int) -> None:
    """The journal's bound stands in for a full disk; ingest, resumed, makes room again."""
    async with ScriptedProvider() as cheap, ScriptedProvider() as dear:
        cheap.default = Says(text="ok")
        settings = settings_for(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"))
        small = msgspec.structs.replace(
            settings.storage, segment_bytes=2_000, journal_limit_bytes=20_000, when_unwritable=when
        )
        settings = msgspec.structs.replace(settings, storage=small)
        async with running(settings, two_tiers(), port=0) as gateway:
            body = msgspec.json.encode({"model": "auto", "messages": USER})

            async def ask() -> int:
                return (await call(gateway.base_url, "POST", "/v1/chat/completions", body)).status

            gateway.recorder.pause_ingest()
            statuses = [await ask() for _ in range(30)]
            assert statuses[0] == 200
            assert statuses[-1] == status
            assert (await call(gateway.base_url, "GET", "/readyz")).status == 503
            assert (await call(gateway.base_url, "GET", "/healthz")).status == 200
            gateway.recorder.resume_ingest()
            await becomes_ready(gateway.base_url)
            assert await ask() == 200
            await becomes_ready(gateway.base_url)


async def becomes_ready(base_url: str) -> None:
    """Return once the gateway says that it is ready; fails when it does not within ten seconds."""
    async with asyncio.timeout(10):
        answer = await call(base_url, "GET", "/readyz")
        while answer.status != 200:
            await asyncio.sleep(0.05)
            answer = await call(base_url, "GET", "/readyz")


async def test_two_gateways_never_share_a_data_folder(tmp_path: Path) -> None:
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")):
        with pytest.raises(ConfigError, match="data"):
            async with house(tmp_path, cheap.deployment("cheap")):
                pass


KEY = "sk-marked-7f3a9c51d2e84b60"
LEAKY: list[Reply] = [
    Fails(status=401, message=f"Incorrect API key provided: {KEY}", code="invalid_api_key"),
    Fails(status=400, message=f"bad request, you sent Authorization: Bearer {KEY}"),
    Fails(status=500, message=f"internal error near {KEY}"),
    Raw(data=f"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n<html>{KEY}</html>".encode()),
    Raw(data=f"nonsense {KEY}\r\n\r\n".encode()),
    Says(text="fine"),
]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_that_a_provider_echoes_goes_no_further(
    tmp_path: Path, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    shown: list[bytes] = []
    async with ScriptedProvider() as cheap, house(tmp_path, with_key(cheap)) as here:
        for reply in LEAKY:
            cheap.default = reply
            body = msgspec.json.encode({"model": "cheap", "messages": USER, "stream": stream})
            answer = await call(here.url, "POST", "/v1/chat/completions", body)
            record = await call(here.url, "GET", f"/v1/records/{answer.headers['x-tiercel-record']}")
            assert record.status == 200
            shown += [answer.body, str(answer.headers).encode(), record.body]
        assert cheap.requests[0].headers["authorization"] == f"Bearer {KEY}"
    shown += [caplog.text.encode(), *everything_in(tmp_path)]
    assert [piece for piece in shown if b"-marked" in piece or b"7f3a9c51" in piece] == []


def with_key(provider: ScriptedProvider) -> Deployment:
    """A deployment whose provider's credential is the marked one."""
    deployment = provider.deployment("cheap")
    return msgspec.structs.replace(deployment, provider=provider.provider(KEY))


async def test_no_field_or_header_names_an_upstream_or_a_credential(tmp_path: Path) -> None:
    """What other gateways take from a request (base URLs, keys) is, at most, passed on in the body as it came."""
    async with ScriptedProvider() as stranger, ScriptedProvider(Says(text="ok")) as cheap:
        async with house(tmp_path, with_key(cheap)) as here:
            body = {
                "model": "auto",
                "messages": USER,
                "api_base": stranger.base_url,
                "base_url": stranger.base_url,
                "api_key": "sk-of-the-caller",
                "metadata": {"tiercel.base_url": stranger.base_url},
            }
            headers = {"x-tiercel-base-url": stranger.base_url, "x-upstream": stranger.base_url}
            answer = await call(here.url, "POST", "/v1/chat/completions", json.dumps(body).encode(), headers)
            assert answer.status == 200
    assert stranger.requests == []
    assert cheap.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_prompts_and_answers_are_not_stored(tmp_path: Path) -> None:
    says = Says(text="the answer is SWORDFISH-ANSWER")
    async with ScriptedProvider(says) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        messages: Any = [{"role": "user", "content": "remember SWORDFISH-PROMPT"}]
        await here.client.chat.completions.create(model="auto", messages=messages)
    stored = b"".join(everything_in(tmp_path))
    assert stored
    assert b"SWORDFISH" not in stored


async def test_an_unknown_price_is_said_to_be_unknown(tmp_path: Path) -> None:
    async with ScriptedProvider(Says(text="ok")) as cheap:
        async with house(tmp_path, cheap.deployment("cheap", prices=Prices())) as here:
            raw = await here.client.chat.completions.with_raw_response.create(model="auto", messages=USER)
            assert raw.headers["x-tiercel-cost-usd"] == "unknown"


async def test_an_sdk_is_told_not_to_multiply_our_retries(tmp_path: Path) -> None:
    """The official client would try three times; our answer keeps it at one."""
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        cheap.default = Fails(status=500)
        client = openai.AsyncOpenAI(base_url=f"{here.url}/v1", api_key="unused", max_retries=2)
        with pytest.raises(openai.APIStatusError):
            await client.chat.completions.create(model="auto", messages=USER)
        await client.close()
        assert len(cheap.requests) == 2
