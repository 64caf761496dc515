"""A rule's candidates are shown a copy of its requests, off the path; what is delivered is as without them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.gateway.faults.clients import CLIENTS, ClientName, sdks
from tests.gateway.house import USER, House, house, one_tier, settings_for
from tests.gateway.plain_http import Answer, call
from tiercel.domain.catalog import Capabilities, Deployment, Prices
from tiercel.domain.policy import Gate, Policy, Shadow
from tiercel.domain.record import ShadowPair
from tiercel.domain.settings import ContentKept
from tiercel.domain.shadow import ShadowRun
from tiercel.gateway.app import running
from tiercel.records.pairs import each_pair
from tiercel.records.shadow_store import ShadowStore
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

DOLLAR = 1_000_000_000
BRIEF = Capabilities(max_output=100)
"""So that it is known what an answer costs at most: 0.0005 dollars, and a little for its question."""


def shadowed(live: Deployment, **changes: object) -> Policy:
    """Everything is answered by `live`, and every request is copied for `candidate`."""
    policy = one_tier((live,))
    shadow = Shadow(candidates=("candidate",), share=1.0, day_nano=DOLLAR)
    rule = msgspec.structs.replace(policy.rules[0], shadow=msgspec.structs.replace(shadow, **changes))
    return msgspec.structs.replace(policy, rules=(rule,))


@asynccontextmanager
async def pair_of_models(
    folder: Path, live: ScriptedProvider, candidate: ScriptedProvider, **changes: object
) -> AsyncIterator[House]:
    """A house with both, and the candidate on the rule's shadow table."""
    first = live.deployment("live")
    second = candidate.deployment("candidate", capabilities=BRIEF)
    async with house(folder, first, second, policy=shadowed(first, **changes)) as here:
        yield here


async def until(holds: Callable[[], bool]) -> None:
    """Return once this holds."""
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come to hold")


async def copies(here: House, count: int) -> None:
    """Return once so many copies were answered."""
    await until(lambda: here.gateway.runtime.shadowing.counts.copies >= count)


def skipped(here: House) -> dict[str, int]:
    return dict(here.gateway.runtime.shadowing.counts.skipped)


async def pairs(folder: Path) -> list[ShadowPair]:
    return await asyncio.to_thread(lambda: list(each_pair(folder / "data")))


async def ask(here: House, **more: object) -> Answer:
    body = msgspec.json.encode({"model": "auto", "messages": USER, **more})
    return await call(here.url, "POST", "/v1/chat/completions", body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_pair_is_kept_and_the_live_answer_is_as_ever(
    tmp_path: Path, client: ClientName, stream: bool
) -> None:
    """In every format: the SDK sees the live answer, and both stand beside each other with their checks and prices."""
    async with (
        ScriptedProvider(Says(text="Hello from live")) as live,
        ScriptedProvider(Says(text="Hello from the candidate"), format="anthropic", name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
        sdks(here.url) as clients,
    ):
        seen = await clients.ask(client, "auto", stream=stream)
        assert (seen.error, seen.text) == (None, "Hello from live")
        await copies(here, 1)
        (pair,) = await pairs(tmp_path)
        record = here.record(pair.record_id)
        assert [(one.why, one.model) for one in record.attempts] == [("first", "live")]
        assert (pair.rule, pair.run, pair.candidate, pair.propensity) == ("any", "", "candidate", 1.0)
        assert (pair.live.model, pair.live.passed, pair.live.finish) == ("live", True, "stop")
        assert (pair.shadow.model, pair.shadow.passed, pair.shadow.finish) == ("candidate", True, "stop")
        assert pair.live.cost_nano == record.cost_nano
        (attempt,) = pair.attempts
        assert (attempt.why, attempt.state, attempt.provider) == ("shadow", "answered", "other")
        assert pair.shadow.cost_nano == attempt.cost_nano == pair.cost_nano
        assert [verdict.check for verdict in attempt.verdicts] == ["finished"]


async def test_the_copy_comes_after_the_last_byte(tmp_path: Path) -> None:
    """As long as the live answer is on its way, the candidate hears nothing."""
    release = asyncio.Event()
    async with (
        ScriptedProvider(Says(text="one two three", release=release, release_after=1)) as live,
        ScriptedProvider(Says(text="later"), name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        asked = asyncio.create_task(ask(here, stream=True))
        await live.wait_for_requests(1)
        assert other.requests == []
        release.set()
        answer = await asked
        assert answer.status == 200
        await copies(here, 1)
        assert len(other.requests) == 1


async def test_a_candidate_that_never_ends_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Live requests are answered while a copy hangs; what does not fit its queue is dropped and counted."""
    never = asyncio.Event()
    async with (
        ScriptedProvider() as live,
        ScriptedProvider(Says(text="never", release=never), name="other") as other,
        pair_of_models(tmp_path, live, other, at_once=1) as here,
    ):
        live.default = Says(text="hello")
        for _ in range(70):
            assert (await ask(here)).status == 200
        await other.wait_for_requests(1)
        await until(lambda: skipped(here) == {"queue_full": 5})
        assert len(other.requests) == 1
        began = time.monotonic()
    assert time.monotonic() - began < 20, "a server that stops does not wait for copies without end"


async def test_what_was_cut_off_at_the_end_is_kept_with_what_it_cost(tmp_path: Path) -> None:
    """A copy that is answered while the server stops is cut off after the time for draining, and paid for."""
    never = asyncio.Event()
    async with ScriptedProvider(Says(text="hello")) as live, ScriptedProvider(name="other") as other:
        other.add(Says(text="one two three", release=never, release_after=1))
        async with pair_of_models(tmp_path, live, other) as here:
            await ask(here, stream=True)
            await other.wait_for_requests(1)
        (pair,) = await pairs(tmp_path)
        assert (pair.shadow.failure, pair.shadow.passed) == ("cancelled", False)
        assert pair.cost_nano > 0


@pytest.mark.parametrize("status", [500, 429])
async def test_a_candidate_that_is_down_is_asked_once_more_and_no_oftener(
    tmp_path: Path, status: int
) -> None:
    """A pair says what it failed at; the live side is not concerned, and its retries are not used up."""
    async with (
        ScriptedProvider(Says(text="hello")) as live,
        ScriptedProvider(name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        other.default = Fails(status=status)
        before = here.gateway.runtime.state.machinery.health.retry_tokens
        assert (await ask(here)).status == 200
        await copies(here, 1)
        (pair,) = await pairs(tmp_path)
        whys = ["shadow", "retry"] if status == 500 else ["shadow"]
        assert [one.why for one in pair.attempts] == whys
        assert (pair.shadow.passed, pair.shadow.model, pair.shadow.score) == (False, "", None)
        assert pair.shadow.failure in ("server_error", "rate_limited")
        assert here.gateway.runtime.state.machinery.health.retry_tokens >= before


async def test_a_candidate_that_rests_is_passed_over(tmp_path: Path) -> None:
    """A rate limit holds for copies too: the next is not sent, and counted."""
    async with (
        ScriptedProvider(Says(text="hello"), Says(text="hello")) as live,
        ScriptedProvider(Fails(status=429, retry_after="60"), name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        await ask(here)
        await copies(here, 1)
        await ask(here)
        await until(lambda: skipped(here) == {"resting": 1})
        assert len(other.requests) == 1


async def test_many_at_once_spend_no_more_than_the_day_allows(tmp_path: Path) -> None:
    """Two hundred requests side by side: what a copy may cost at most is set aside before it is called."""
    async with (
        ScriptedProvider() as live,
        ScriptedProvider(name="other") as other,
        pair_of_models(tmp_path, live, other, day_nano=3_000_000, at_once=50) as here,
    ):
        live.default = Says(text="hello")
        other.default = Says(text="a b c d e f g h i j")
        answers = await asyncio.gather(*(ask(here) for _ in range(200)))
        assert {answer.status for answer in answers} == {200}
        await until(lambda: sum(skipped(here).values()) + len(other.requests) == 200)
        await copies(here, len(other.requests))
        kept = await pairs(tmp_path)
        spent = sum(pair.cost_nano for pair in kept)
        assert 0 < spent <= 3_000_000
        assert skipped(here)["budget"] > 0


async def test_what_was_spent_is_known_after_a_restart(tmp_path: Path) -> None:
    """The day's dollars are not there anew because the server is."""
    async with ScriptedProvider() as live, ScriptedProvider(name="other") as other:
        live.default = other.default = Says(text="hello")
        most = 600_000
        async with pair_of_models(tmp_path, live, other, day_nano=most) as here:
            await ask(here)
            await copies(here, 1)
        (pair,) = await pairs(tmp_path)
        async with pair_of_models(tmp_path, live, other, day_nano=most) as here:
            for _ in range(20):
                await ask(here)
            await until(lambda: sum(skipped(here).values()) + len(other.requests) == 21)
            spent = sum(one.cost_nano for one in await pairs(tmp_path))
            assert pair.cost_nano < spent <= most


async def test_a_candidate_without_a_price_is_never_tried(tmp_path: Path) -> None:
    """No budget could be kept with it."""
    async with ScriptedProvider(Says(text="hello")) as live, ScriptedProvider(name="other") as other:
        first = live.deployment("live")
        second = other.deployment("candidate", prices=Prices(), capabilities=BRIEF)
        async with house(tmp_path, first, second, policy=shadowed(first)) as here:
            await ask(here)
            await until(lambda: skipped(here) == {"no_price": 1})
            assert other.requests == []


async def test_residency_holds_for_copies(tmp_path: Path) -> None:
    """A request that must stay in a region is not copied out of it."""
    async with ScriptedProvider(Says(text="hello")) as live, ScriptedProvider(name="other") as other:
        first = live.deployment("live", residency=("eu",))
        second = other.deployment("candidate", capabilities=BRIEF, residency=("us",))
        async with house(tmp_path, first, second, policy=shadowed(first)) as here:
            assert (await ask(here, metadata={"tiercel.residency": "eu"})).status == 200
            await until(lambda: skipped(here) == {"residency": 1})
            assert other.requests == []


async def test_both_are_measured_by_the_same_gates(tmp_path: Path) -> None:
    """A candidate that misses a gate of the rule is no better for not being delivered."""
    async with (
        ScriptedProvider(Says(text="the word is hello")) as live,
        ScriptedProvider(Says(text="no"), name="other") as other,
    ):
        first = live.deployment("live")
        second = other.deployment("candidate", capabilities=BRIEF)
        gates = (Gate(check="finished"), Gate(check="contains", options={"all": ["hello"]}))
        policy = msgspec.structs.replace(shadowed(first), gates=gates)
        async with house(tmp_path, first, second, policy=policy) as here:
            await ask(here)
            await copies(here, 1)
            (pair,) = await pairs(tmp_path)
            assert (pair.live.passed, pair.live.score) == (True, 1.0)
            assert (pair.shadow.passed, pair.shadow.score, pair.shadow.worst) == (False, 0.0, "contains")


async def test_whoever_names_a_model_is_not_copied(tmp_path: Path) -> None:
    """Only requests that a rule has routed are."""
    async with (
        ScriptedProvider(Says(text="hello"), Says(text="hello")) as live,
        ScriptedProvider(Says(text="hello"), name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        await ask(here, model="live")
        await ask(here)
        await copies(here, 1)
        assert len(other.requests) == 1


async def test_an_answer_that_is_repeated_is_copied_once(tmp_path: Path) -> None:
    """Whoever comes again with an Idempotency-Key gets what is kept, and no candidate hears of it."""
    body = msgspec.json.encode({"model": "auto", "messages": USER})
    again = {"idempotency-key": "same"}
    async with (
        ScriptedProvider(Says(text="hello")) as live,
        ScriptedProvider(Says(text="hello"), name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        answers = [await call(here.url, "POST", "/v1/chat/completions", body, again) for _ in range(2)]
        assert answers[0].body == answers[1].body
        await copies(here, 1)
        assert (len(live.requests), len(other.requests)) == (1, 1)


async def test_a_client_that_left_is_not_copied(tmp_path: Path) -> None:
    """Nobody knows what its answer would have been."""
    never = asyncio.Event()
    async with (
        ScriptedProvider(Says(text="hello", release=never), Says(text="hello")) as live,
        ScriptedProvider(Says(text="hello"), name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        left = asyncio.create_task(ask(here))
        await live.wait_for_requests(1)
        left.cancel()
        await asyncio.wait_for(live.wait_for_abandoned(1), 20)
        await ask(here)
        await copies(here, 1)
        assert len(other.requests) == 1


async def test_nobody_answered_the_client(tmp_path: Path) -> None:
    """The client is told its error, and the pair says that only the candidate answered."""
    async with (
        ScriptedProvider(name="live") as live,
        ScriptedProvider(Says(text="hello"), name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        live.default = Fails(status=500)
        assert (await ask(here)).status == 502
        await copies(here, 1)
        (pair,) = await pairs(tmp_path)
        assert (pair.live.failure, pair.live.passed, pair.live.model) == ("server_error", False, "")
        assert pair.shadow.passed


@pytest.mark.parametrize("kept", ["none", "hashes", "redacted", "full"])
async def test_texts_are_kept_by_choice_alone(tmp_path: Path, kept: ContentKept) -> None:
    """Without the choice the answers leave no trace but a keyed hash, by which equal ones are known."""
    async with ScriptedProvider(Says(text="a plain secret")) as live, ScriptedProvider(name="other") as other:
        other.add(Says(text="a plain secret"))
        first = live.deployment("live")
        second = other.deployment("candidate", capabilities=BRIEF)
        settings = settings_for(tmp_path, first, second)
        settings = msgspec.structs.replace(
            settings, storage=msgspec.structs.replace(settings.storage, content=kept)
        )
        async with running(settings, shadowed(first), port=0) as gateway:
            here = House(gateway)
            await ask(here)
            await copies(here, 1)
            await here.client.close()
        (pair,) = await pairs(tmp_path)
        assert pair.live.said is not None
        assert pair.shadow.said is not None
        assert pair.live.said.key == pair.shadow.said.key
        if kept in ("none", "hashes"):
            assert pair.live.said.text is None
            data = (tmp_path / "data" / "records.sqlite").read_bytes()
            assert b"plain secret" not in data
        else:
            assert "plain secret" in (pair.shadow.said.text or "")


async def test_a_registered_run_is_seen_while_the_server_runs(tmp_path: Path) -> None:
    """Started, its requests are copied within seconds; stopped, none is any more; its budget is its own."""
    async with ScriptedProvider() as live, ScriptedProvider(name="other") as other:
        live.default = other.default = Says(text="hello")
        first = live.deployment("live")
        second = other.deployment("candidate", capabilities=BRIEF)
        async with house(tmp_path, first, second, policy=one_tier((first,))) as here:
            store = ShadowStore(tmp_path / "data")
            run = ShadowRun(
                id="run_1", candidate="candidate", share=1.0, budget_nano=DOLLAR, started_at=time.time() - 1
            )
            await ask(here)
            store.start(run)
            await until(lambda: bool(here.gateway.runtime.shadowing.runs))
            await ask(here)
            await copies(here, 1)
            (pair,) = await pairs(tmp_path)
            assert (pair.run, pair.rule, pair.propensity) == ("run_1", "any", 1.0)
            store.stop("run_1", at=time.time(), reason="by hand")
            await until(lambda: not here.gateway.runtime.shadowing.runs)
            await ask(here)
            assert len(other.requests) == 1


async def test_metrics_tell_of_copies_apart_from_requests(tmp_path: Path) -> None:
    """Copies and their cost have families of their own; requests and attempts count the live side alone."""
    async with (
        ScriptedProvider(Says(text="hello")) as live,
        ScriptedProvider(Says(text="hello"), name="other") as other,
        pair_of_models(tmp_path, live, other) as here,
    ):
        await ask(here)
        await copies(here, 1)
        page = (await call(here.url, "GET", "/metrics")).body.decode()
        assert 'tiercel_shadow_copies_total{rule="any",candidate="candidate",outcome="passed"} 1' in page
        (cost,) = [
            line for line in page.splitlines() if line.startswith("tiercel_shadow_cost_dollars_total{")
        ]
        assert float(cost.rpartition(" ")[2]) > 0
        assert 'tiercel_attempts_total{deployment="candidate"' not in page
        assert here.gateway.recorder.counts().attempts == 1
