"""Answers that do not stream: how long they are waited for, and what becomes of those that never come."""

from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import USER, house, one_tier, two_tiers
from tests.gateway.plain_http import Answer, call
from tiercel.domain.policy import Limits
from tiercel.testing.scripted import Fails, Fault, Reply, Says, ScriptedProvider

HASTY = Limits(deadline_seconds=20.0, whole_answer_seconds=0.3, retries=0)
HELLO = Says(text="Hello!")
NEVER: dict[str, Reply] = {
    "silent": Fails(stall=True, no_head=True),
    "silent after its headers": Says(text="late", fault=Fault(stall=True)),
    "far too slow": Says(text="late", fault=Fault(before_seconds=30.0)),
    "byte by byte": Says(text="late", fault=Fault(drip_seconds=0.1)),
}


async def ask(url: str) -> Answer:
    return await call(
        url, "POST", "/v1/chat/completions", msgspec.json.encode({"model": "auto", "messages": USER})
    )


@pytest.mark.parametrize("never", NEVER)
async def test_a_whole_answer_that_does_not_come_leaves_time_for_another(tmp_path: Path, never: str) -> None:
    async with ScriptedProvider(NEVER[never]) as cheap, ScriptedProvider(HELLO) as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=two_tiers(limits=HASTY)) as here:
            answer = await ask(here.url)
            record = here.record(answer.headers["x-tiercel-record"])
    assert (answer.status, b"Hello!" in answer.body) == (200, True)
    first, second = record.attempts
    assert first.failure is not None
    assert (first.failure.kind, first.failure.code) == ("timeout", "deadline")
    assert second.why == "fallback"
    assert record.seconds < HASTY.deadline_seconds


async def test_the_last_rung_has_the_rest_of_the_requests_time(tmp_path: Path) -> None:
    """Giving up would help nobody: no other answer can come."""
    slow = Says(text="Hello!", fault=Fault(before_seconds=1.0))
    async with ScriptedProvider(slow) as dear:
        alone = (dear.deployment("dear"),)
        async with house(tmp_path, *alone, policy=one_tier(alone, limits=HASTY)) as here:
            answer = await ask(here.url)
    assert (answer.status, b"Hello!" in answer.body) == (200, True)
