"""Answers that ended by length: at the client's own cap that is what was asked for, at any other limit it is not."""

from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import USER, house, two_tiers
from tests.gateway.plain_http import call
from tiercel.testing.scripted import Says, ScriptedProvider

CAP = 4_000


@pytest.mark.parametrize(
    ("tokens", "delivered"), [(700, "whole"), (CAP // 2 - 1, "whole"), (CAP // 2, "cut"), (CAP, "cut")]
)
async def test_a_cut_long_before_the_clients_cap_goes_up(tmp_path: Path, tokens: int, delivered: str) -> None:
    """A server has limits of its own, which the client did not set."""
    cut = Says(text="cut", finish="length", output_tokens=tokens)
    async with ScriptedProvider(cut) as cheap, ScriptedProvider(Says(text="whole")) as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=two_tiers()) as here:
            body = msgspec.json.encode({"model": "auto", "messages": USER, "max_tokens": CAP})
            answer = await call(here.url, "POST", "/v1/chat/completions", body)
    assert msgspec.json.decode(answer.body)["choices"][0]["message"]["content"] == delivered
