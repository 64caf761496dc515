"""Hedging from the policy to the record, through a whole gateway: what a client and an operator see of it."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import USER, House, house, one_tier
from tests.gateway.plain_http import Answer, call
from tiercel.domain.policy import Policy
from tiercel.testing.scripted import Says, ScriptedProvider

MEASURED = 20
"""Requests until enough is measured, and the first hedge is earned."""


def hedged(*providers: ScriptedProvider) -> Policy:
    return msgspec.structs.replace(one_tier(tuple(p.deployment(p.name) for p in providers)), hedge=True)


async def ask(here: House, *, stream: bool) -> Answer:
    body = msgspec.json.encode({"model": "auto", "messages": USER, "stream": stream})
    answer = await call(here.url, "POST", "/v1/chat/completions", body)
    assert answer.status == 200, answer.body
    return answer


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_slow_answer_is_outrun_and_the_record_says_so(tmp_path: Path, stream: bool) -> None:
    never = asyncio.Event()
    quick = [Says(text="quick")] * MEASURED
    slow = Says(text="slow", release=never)
    async with (
        ScriptedProvider(*quick, slow, name="cheap") as first,
        ScriptedProvider(Says(text="in time"), name="near") as second,
    ):
        deployments = (first.deployment("cheap"), second.deployment("near"))
        async with house(tmp_path, *deployments, policy=hedged(first, second)) as here:
            for _ in range(MEASURED):
                assert b"quick" in (await ask(here, stream=stream)).body
            answer = await ask(here, stream=stream)
            assert b"time" in answer.body
            assert b"slow" not in answer.body
            await asyncio.wait_for(first.wait_for_abandoned(1), 0.2)
            record = here.record(answer.headers["x-tiercel-record"])
            assert [(a.why, a.deployment, a.state) for a in record.attempts] == [
                ("first", "cheap", "cancelled"),
                ("hedge", "near", "answered"),
            ]
            assert (record.outcome, record.delivered) == ("passed", 2)
            loser = record.attempts[0]
            assert loser.usage is not None
            assert (loser.usage.source, loser.cost_nano) == ("partial", 1_000 * loser.usage.uncached)
            assert answer.headers["x-tiercel-model"] == "near"
            if not stream:
                assert answer.headers["x-tiercel-attempts"] == "2"
                assert answer.headers["x-tiercel-why"] == "rule any: first cheap stopped, hedge near"
