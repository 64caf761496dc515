"""Hedging over real sockets: a slow call gets a rival, the first answer wins, and the loser is closed and paid for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from tiercel.checks.registry import Registry
from tiercel.domain.climb import Deliver, GiveUp, Plan, Rung
from tiercel.domain.events import StreamEvent, TextDelta
from tiercel.domain.facts import Facts
from tiercel.domain.policy import Gate, Limits
from tiercel.domain.record import AttemptRecord
from tiercel.domain.request import Message, ModelRequest, Text
from tiercel.domain.response import ModelResponse
from tiercel.domain.tokens import TokenEstimate
from tiercel.engine.attempt import Machinery
from tiercel.engine.climb import Climb, Climbed
from tiercel.engine.delivery import Delivery
from tiercel.engine.origins import Origins
from tiercel.engine.sessions import Sessions
from tiercel.testing.scripted import Fails, Fault, Reply, Says, ScriptedProvider
from tiercel.upstream.call import CallResult, Upstream
from tiercel.upstream.health import MIN_TIMES, REQUESTS_PER_HEDGE, Health
from tiercel.upstream.http import HttpClient
from tiercel.wire.registry import CODECS

PASSING_THROUGH = (Gate(check="finished", needs_whole=False),)
HELD = (Gate(check="finished"),)
AT_ONCE = 0.05
NEVER = 100.0
PATIENCE_SECONDS = 5.0


class House:
    """Two providers, `first` before `second` on the ladder, with measured times, and climbs between them."""

    def __init__(self, first: ScriptedProvider, second: ScriptedProvider, http: HttpClient) -> None:
        self.first = first
        self.second = second
        self.health = Health(monotonic)
        self.machinery = Machinery(
            upstream=Upstream(http, CODECS, monotonic),
            health=self.health,
            registry=Registry.load(),
            clock=monotonic,
            draw=lambda: 0.0,
            origins=Origins(),
            sessions=Sessions(monotonic),
        )
        self.sent = b""

    def measured(self, seconds: float, *, requests: int = REQUESTS_PER_HEDGE) -> None:
        """As after so many requests whose answers, and first contents of streams, came after so many seconds."""
        for _ in range(requests):
            self.health.note_request()
        whole = CallResult(response=ModelResponse(choices=()), seconds=seconds)
        begun = CallResult(
            response=ModelResponse(choices=()),
            seconds=seconds,
            ttft_seconds=seconds / 2,
            ttfa_seconds=seconds / 2,
        )
        for name in ("first", "second"):
            for _ in range(MIN_TIMES):
                self.health.observe(name, whole)
                self.health.observe(name, begun)

    def plan(self, gates: tuple[Gate, ...], *, hedges: bool, third: bool) -> Plan:
        """Both providers at one stage; with `third` another model of the second one above them."""
        rungs = [Rung(deployment=p.deployment(p.name), stage=0) for p in (self.first, self.second)]
        if third:
            rungs.append(Rung(deployment=self.second.deployment("third"), stage=1))
        return Plan(
            facts=Facts(size=TokenEstimate(tokens=100)),
            rule="any",
            stages=("fast", "deep"),
            rungs=tuple(rungs),
            gates=gates,
            limits=Limits(deadline_seconds=10.0, retries=0),
            hedges=hedges,
        )

    async def climb(
        self,
        *,
        stream: bool = False,
        gates: tuple[Gate, ...] = PASSING_THROUGH,
        hedges: bool = True,
        third: bool = False,
    ) -> Climbed:
        messages = (Message(role="user", parts=(Text(text="hi"),)),)
        request = ModelRequest(format="openai_chat", model="auto", messages=messages, stream=stream)
        plan = self.plan(gates, hedges=hedges, third=third)
        delivery = Delivery(text_of, self._write, hold=plan.holds, clock=monotonic) if stream else None
        climb = Climb(self.machinery, request, plan, received=monotonic(), delivery=delivery)
        climbed = await asyncio.wait_for(climb.run(), PATIENCE_SECONDS)
        if delivery is not None and climbed.response is not None:
            self.sent += delivery.conclude(climbed.response)
        return climbed

    def _write(self, data: bytes) -> None:
        self.sent += data


def text_of(events: Sequence[StreamEvent]) -> bytes:
    return "".join(event.text for event in events if isinstance(event, TextDelta)).encode()


@asynccontextmanager
async def house(first: Reply, second: Reply) -> AsyncIterator[House]:
    http = HttpClient({})
    async with ScriptedProvider(first, name="first") as one, ScriptedProvider(second, name="second") as two:
        yield House(one, two, http)
        await http.aclose()


def told(climbed: Climbed) -> list[tuple[str, str, str]]:
    return [(a.why, a.deployment, a.state) for a in climbed.attempts]


def delivered(climbed: Climbed) -> int:
    assert isinstance(climbed.step, Deliver), climbed.step
    assert climbed.step.passed
    return climbed.step.attempt


def is_paid_for(attempt: AttemptRecord) -> bool:
    """A dollar a million tokens and a hundred of them, at least."""
    assert attempt.usage is not None
    return (
        attempt.usage.source == "partial"
        and attempt.usage.uncached == 100
        and (attempt.cost_nano or 0) >= 100_000
    )


WAYS = pytest.mark.parametrize(
    ("stream", "gates"),
    [(False, PASSING_THROUGH), (True, PASSING_THROUGH), (True, HELD)],
    ids=["whole", "stream", "held stream"],
)


@WAYS
async def test_a_slow_call_loses_to_its_hedge_and_is_paid_for(stream: bool, gates: tuple[Gate, ...]) -> None:
    never = asyncio.Event()
    async with house(Says(text="late", release=never), Says(text="in time")) as here:
        here.measured(AT_ONCE)
        climbed = await here.climb(stream=stream, gates=gates)
        assert told(climbed) == [("first", "first", "cancelled"), ("hedge", "second", "answered")]
        assert delivered(climbed) == 2
        assert climbed.response is not None
        assert climbed.response.text == "in time"
        assert here.sent == (b"in time" if stream else b"")
        assert is_paid_for(climbed.attempts[0])


@WAYS
async def test_the_loser_s_connection_is_closed_within_200_ms(stream: bool, gates: tuple[Gate, ...]) -> None:
    never = asyncio.Event()
    async with house(Says(text="late", release=never), Says(text="in time")) as here:
        here.measured(AT_ONCE)
        await here.climb(stream=stream, gates=gates)
        await asyncio.wait_for(here.first.wait_for_abandoned(1), 0.2)


async def test_a_stream_that_commits_ends_the_other_long_before_its_own_end() -> None:
    """The winner stands still after its first words; the loser is closed all the same."""
    never, rest = asyncio.Event(), asyncio.Event()
    winner = Says(text="one two three", release=rest, release_after=3)
    async with house(Says(text="late", release=never), winner) as here:
        here.measured(AT_ONCE)
        climbing = asyncio.create_task(here.climb(stream=True))
        await asyncio.wait_for(here.second.wait_for_requests(1), PATIENCE_SECONDS)
        await asyncio.wait_for(here.first.wait_for_abandoned(1), 0.2)
        assert not climbing.done()
        assert here.sent.startswith(b"one")
        rest.set()
        assert delivered(await climbing) == 2
        assert here.sent == b"one two three"


async def test_a_slow_stream_that_comes_first_all_the_same_wins() -> None:
    """The hedge is then the loser, and only the winner's text reaches the client."""
    soon, never = asyncio.Event(), asyncio.Event()
    async with house(Says(text="at last", release=soon), Says(text="never seen", release=never)) as here:
        here.measured(AT_ONCE)
        climbing = asyncio.create_task(here.climb(stream=True))
        await asyncio.wait_for(here.second.wait_for_requests(1), PATIENCE_SECONDS)
        soon.set()
        climbed = await climbing
        assert told(climbed) == [("first", "first", "answered"), ("hedge", "second", "cancelled")]
        assert (delivered(climbed), here.sent) == (1, b"at last")
        assert is_paid_for(climbed.attempts[1])


async def test_a_stream_that_has_begun_is_not_hedged() -> None:
    """What the client already reads is the answer, however long it takes."""
    rest = asyncio.Event()
    async with house(Says(text="one two three", release=rest, release_after=3), Says(text="no")) as here:
        here.measured(20 * AT_ONCE)
        climbing = asyncio.create_task(here.climb(stream=True))
        done, _ = await asyncio.wait({climbing}, timeout=12 * AT_ONCE)
        assert not done
        rest.set()
        assert told(await climbing) == [("first", "first", "answered")]
        assert not here.second.requests


@WAYS
async def test_a_quick_answer_is_not_hedged(stream: bool, gates: tuple[Gate, ...]) -> None:
    async with house(Says(text="quick"), Says(text="not asked")) as here:
        here.measured(NEVER)
        climbed = await here.climb(stream=stream, gates=gates)
        assert told(climbed) == [("first", "first", "answered")]
        assert here.health.hedge_tokens > 1.0


async def test_without_budget_there_is_no_hedge() -> None:
    """The 19th request is one too few."""
    late = asyncio.Event()
    async with house(Says(text="late", release=late), Says(text="not asked")) as here:
        here.measured(AT_ONCE, requests=REQUESTS_PER_HEDGE - 2)
        climbing = asyncio.create_task(here.climb())
        done, _ = await asyncio.wait({climbing}, timeout=3 * AT_ONCE)
        assert not done
        late.set()
        assert told(await climbing) == [("first", "first", "answered")]


async def test_a_hedge_spends_the_budget_for_twenty_requests() -> None:
    never = asyncio.Event()
    async with house(Says(text="late", release=never), Says(text="in time")) as here:
        here.measured(AT_ONCE, requests=REQUESTS_PER_HEDGE - 1)
        await here.climb()
        assert here.health.hedge_tokens == 0.0


async def test_what_is_measured_too_little_is_not_hedged() -> None:
    late = asyncio.Event()
    async with house(Says(text="late", release=late), Says(text="not asked")) as here:
        for _ in range(REQUESTS_PER_HEDGE):
            here.health.note_request()
        climbing = asyncio.create_task(here.climb())
        done, _ = await asyncio.wait({climbing}, timeout=3 * AT_ONCE)
        assert not done
        late.set()
        assert told(await climbing) == [("first", "first", "answered")]


async def test_a_plan_that_does_not_hedge_waits() -> None:
    late = asyncio.Event()
    async with house(Says(text="late", release=late), Says(text="not asked")) as here:
        here.measured(AT_ONCE)
        climbing = asyncio.create_task(here.climb(hedges=False))
        done, _ = await asyncio.wait({climbing}, timeout=3 * AT_ONCE)
        assert not done
        late.set()
        assert told(await climbing) == [("first", "first", "answered")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_an_early_failure_falls_back_as_ever(stream: bool) -> None:
    async with house(Fails(status=503), Says(text="saved")) as here:
        here.measured(NEVER)
        climbed = await here.climb(stream=stream)
        assert told(climbed) == [("first", "first", "failed"), ("fallback", "second", "answered")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_hedge_that_fails_leaves_the_slow_call_alone(stream: bool) -> None:
    late = asyncio.Event()
    async with house(Says(text="late", release=late), Fails(status=503)) as here:
        here.measured(AT_ONCE)
        climbing = asyncio.create_task(here.climb(stream=stream))
        await asyncio.wait_for(here.second.wait_for_requests(1), PATIENCE_SECONDS)
        late.set()
        climbed = await climbing
        assert told(climbed) == [("first", "first", "answered"), ("hedge", "second", "failed")]
        assert delivered(climbed) == 1


async def test_when_both_fail_the_next_rung_is_fallen_back_to() -> None:
    late = asyncio.Event()
    async with house(Says(text="late", release=late, fault=Fault(cut=True)), Fails(status=503)) as here:
        here.second.add(Says(text="saved"))
        here.measured(AT_ONCE)
        climbing = asyncio.create_task(here.climb(third=True))
        await asyncio.wait_for(here.second.wait_for_requests(1), PATIENCE_SECONDS)
        late.set()
        climbed = await climbing
        assert told(climbed) == [
            ("first", "first", "failed"),
            ("hedge", "second", "failed"),
            ("fallback", "third", "answered"),
        ]


async def test_when_both_fail_and_nobody_is_left_the_failure_is_told() -> None:
    late = asyncio.Event()
    async with house(Says(text="late", release=late, fault=Fault(cut=True)), Fails(status=503)) as here:
        here.measured(AT_ONCE)
        climbing = asyncio.create_task(here.climb())
        await asyncio.wait_for(here.second.wait_for_requests(1), PATIENCE_SECONDS)
        late.set()
        step = (await climbing).step
        assert isinstance(step, GiveUp)
        assert step.failure is not None
        assert (step.reason, step.failure.kind) == ("failed", "overloaded")


async def test_a_client_that_leaves_stops_both() -> None:
    never = asyncio.Event()
    async with house(Says(text="a", release=never), Says(text="b", release=never)) as here:
        here.measured(AT_ONCE)
        climbing = asyncio.create_task(here.climb())
        await asyncio.wait_for(here.second.wait_for_requests(1), PATIENCE_SECONDS)
        climbing.cancel()
        for provider in (here.first, here.second):
            await asyncio.wait_for(provider.wait_for_abandoned(1), 0.2)
        with pytest.raises(asyncio.CancelledError):
            await climbing


async def test_slow_calls_that_lost_still_count_as_slow() -> None:
    """Else hedging would make the measure forget how slow a deployment is."""
    never = asyncio.Event()
    async with house(Says(text="late", release=never), Says(text="in time")) as here:
        here.measured(AT_ONCE)
        before = here.health.slow_after_seconds(["first", "second"], whole=True)
        for _ in range(5):
            here.first.add(Says(text="late", release=never))
            here.second.add(Says(text="in time"))
            for _ in range(REQUESTS_PER_HEDGE):
                here.health.note_request()
            await here.climb()
        after = here.health.slow_after_seconds(["first", "second"], whole=True)
        assert after["first"] > before["first"]
        assert after["second"] == before["second"]
