"""A gateway of one's own to ask through: what it tells of an answer, its clocks, and what it leaves alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from tests.evals.running.build import policy_of, settings_of
from tiercel.cli.asking import asking
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Gate, Policy, Shadow
from tiercel.evals.asked import Ask
from tiercel.testing.scripted import Fails, Fault, Reply, Says, ScriptedProvider

HELD_SECONDS = 0.4


@asynccontextmanager
async def asked_through(
    *replies: Reply, policy: Policy | None = None, gates: bool = False
) -> AsyncIterator[tuple[Ask, ScriptedProvider]]:
    async with ScriptedProvider(*replies) as provider:
        settings = settings_of(provider)
        async with asking(settings, policy or policy_of(), gates=gates, helped=True) as ask:
            yield ask, provider


def body(**fields: object) -> bytes:
    request: JsonObject = {"model": "scripted", "messages": [{"role": "user", "content": "2 + 2?"}], **fields}
    return msgspec.json.encode(request)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_comes_with_its_record(stream: bool) -> None:
    async with asked_through(Says(text="It is 4.")) as (ask, _):
        asked = await ask(body(stream=stream))
    assert asked.response is not None
    assert asked.record is not None
    assert asked.response.text == "It is 4."
    assert asked.record.answer is not None
    assert (asked.ttft_seconds is not None) == stream


async def held(says: Says, release: asyncio.Event) -> tuple[float, float]:
    """TTFT and TTFA of an answer whose rest comes a while after its first pieces."""
    async with asked_through(says) as (ask, provider):
        asking_it = asyncio.create_task(ask(body(stream=True)))
        await provider.wait_for_requests(1)
        await asyncio.sleep(HELD_SECONDS)
        release.set()
        asked = await asking_it
    assert asked.ttft_seconds is not None
    assert asked.ttfa_seconds is not None
    return asked.ttft_seconds, asked.ttfa_seconds


async def test_a_delta_with_nothing_but_a_role_stops_no_clock() -> None:
    release = asyncio.Event()
    ttft, ttfa = await held(Says(text="It is 4.", release=release, release_after=1), release)
    assert HELD_SECONDS <= ttft <= ttfa


async def test_thoughts_stop_the_first_clock_and_the_answer_the_second() -> None:
    release = asyncio.Event()
    says = Says(reasoning="Two", text="It is 4.", release=release, release_after=2)
    ttft, ttfa = await held(says, release)
    assert ttft < ttfa
    assert ttfa >= HELD_SECONDS


async def test_a_stream_that_breaks_is_no_answer() -> None:
    async with asked_through(Says(text="one two three four", fault=Fault(cut=True, after=3))) as (ask, _):
        asked = await ask(body(stream=True))
    assert asked.response is None
    assert asked.problem
    assert asked.record is not None


async def test_who_is_asked_alone_is_not_helped_and_who_is_helped_is() -> None:
    async with asked_through(Fails(status=500), Fails(status=500), Says(text="4")) as (ask, provider):
        alone = await ask(body())
        helped = await ask(body(model="auto"), helped=True)
    assert alone.response is None
    assert helped.response is not None
    assert len(provider.requests) == 3


async def test_gates_hold_only_where_they_are_wanted() -> None:
    policy = msgspec.structs.replace(policy_of(), gates=(Gate(check="contains", options={"all": ["5"]}),))
    async with asked_through(Says(text="4"), Says(text="4"), policy=policy) as (ask, _):
        alone = await ask(body())
        helped = await ask(body(model="auto"), helped=True)
    verdicts = [
        asked.record.answer.verdicts for asked in (alone, helped) if asked.record and asked.record.answer
    ]
    assert [[verdict.check for verdict in found] for found in verdicts] == [["finished"], ["contains"]]


async def test_no_candidate_is_tried_on_copies_of_known_tasks() -> None:
    policy = policy_of()
    (rule,) = policy.rules
    shadow = Shadow(candidates=("scripted",), share=1.0, day_nano=1_000_000_000)
    policy = msgspec.structs.replace(policy, rules=(msgspec.structs.replace(rule, shadow=shadow),))
    async with asked_through(Says(text="4"), Says(text="4"), policy=policy) as (ask, provider):
        await ask(body(model="auto"), helped=True)
    assert len(provider.requests) == 1
