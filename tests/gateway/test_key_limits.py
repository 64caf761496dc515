"""What keys may use and spend, seen from a client: limits, budgets, allowed tiers, default hints."""

import asyncio
from pathlib import Path

import msgspec
import openai
import pytest

from tests.gateway.house import house, two_tiers
from tests.gateway.keyed import HELLO, ask, issue, message_of, sdk, send
from tiercel.domain.catalog import Capabilities, Prices
from tiercel.domain.keys import AccessKey, Budget, Quota
from tiercel.domain.money import nano_from_usd
from tiercel.domain.policy import Limits, Rule, When
from tiercel.gateway.keyring import POLL_SECONDS
from tiercel.records.key_store import KeyStore
from tiercel.testing.scripted import Delivery, Fails, Says, ScriptedProvider

PRICES = Prices(input=1_000_000_000, output=5_000_000_000)
ANSWER = Says(text="hello", input_tokens=10, output_tokens=100)
COST_NANO = 10 * 1_000 + 100 * 5_000
"""Of that answer: its output is as long as HELLO allows, so the upper estimate exceeds it by the input's margin."""
BUSY_SECONDS = 30.0
SIZED = Capabilities(max_output=1_000)


async def test_two_hundred_at_once_spend_no_more_than_ten_requests_worth(tmp_path: Path) -> None:
    """All are under way before the first is answered, so that only reservations can hold them back."""
    release = asyncio.Event()
    answer = msgspec.structs.replace(ANSWER, release=release)
    budget = 10 * (COST_NANO + 20_000)
    key = issue(tmp_path, AccessKey(budget=Budget(day_nano=budget)))
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        cheap.default = answer
        asked = [asyncio.create_task(ask(here, key)) for _ in range(200)]
        await cheap.wait_for_requests(10)
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 190:
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            more = [task for task in asked if not task.done()]
            if len(more) <= 10:
                break
            await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED)
        release.set()
        answers = await asyncio.gather(*asked)
        served = [one for one in answers if one.status == 200]
        refused = [one for one in answers if one.status == 429]
        assert (len(served), len(refused), len(cheap.requests)) == (10, 190, 10)
        spent = sum(here.record(one.headers["x-tiercel-record"]).cost_nano for one in served)
        assert spent <= budget
        assert all(one.headers["x-should-retry"] == "false" for one in refused)
        assert all(int(one.headers["retry-after"]) >= 1 for one in refused)
        # what they did not cost is free again
        assert (await ask(here, key, max_tokens=1)).status == 200


async def test_a_spent_budget_is_told_once_and_sdks_do_not_come_back(tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(budget=Budget(month_nano=1)))
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        async with sdk(here, key) as client:
            with pytest.raises(
                openai.RateLimitError, match=r"spend limit reached \(monthly; resets "
            ) as caught:
                await client.chat.completions.create(**HELLO)
        assert caught.value.code == "insufficient_quota"
        assert cheap.requests == []
        record = here.record(caught.value.response.headers["x-tiercel-record"])
        assert (record.outcome, record.problem, record.key_id) == ("rejected", "quota", key.key.id)
        assert here.gateway.recorder.counts().requests == 1


async def test_projects_have_budgets_of_their_own(tmp_path: Path) -> None:
    keys = [issue(tmp_path, AccessKey(project="team")) for _ in range(2)]
    outsider = issue(tmp_path)
    with KeyStore.open(tmp_path / "data") as store:
        store.set_project_budget("team", Budget(day_nano=COST_NANO + 20_000))
    async with ScriptedProvider(*[ANSWER] * 2) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        assert [(await ask(here, key)).status for key in (*keys, outsider)] == [200, 429, 200]


@pytest.mark.parametrize("ingested", [True, False])
async def test_a_restart_forgets_no_spending_and_counts_none_twice(tmp_path: Path, ingested: bool) -> None:
    key = issue(tmp_path, AccessKey(project="team", budget=Budget(day_nano=3 * COST_NANO)))
    async with ScriptedProvider(*[ANSWER] * 3) as cheap:
        async with house(tmp_path, cheap.deployment("cheap")) as here:
            if not ingested:
                here.gateway.recorder.pause_ingest()
            assert [(await ask(here, key)).status for _ in range(2)] == [200, 200]
        async with house(tmp_path, cheap.deployment("cheap")) as here:
            allowance = here.gateway.runtime.access.budgets.allowance(key.key)
            assert allowance.covers(COST_NANO)
            assert not allowance.covers(COST_NANO + 1)


async def test_failed_attempts_and_fallbacks_are_paid_from_the_same_budget(tmp_path: Path) -> None:
    """The second rung may be asked only because what the first had reserved is free again."""
    key = issue(tmp_path, AccessKey(budget=Budget(day_nano=COST_NANO + 20_000)))
    async with (
        ScriptedProvider(Fails(status=500), name="a") as cheap,
        ScriptedProvider(ANSWER, name="b") as dear,
    ):
        policy = two_tiers(limits=Limits(retries=0))
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear"), policy=policy) as here:
            assert (await ask(here, key)).status == 200
            assert len(cheap.requests) == len(dear.requests) == 1


async def test_a_rung_that_is_too_dear_is_passed_over(tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(budget=Budget(day_nano=COST_NANO + 20_000)))
    dear_prices = Prices(input=10**12, output=10**12)
    async with ScriptedProvider(name="a") as dear, ScriptedProvider(ANSWER, name="b") as cheap:
        policy = two_tiers(rules=(Rule(name="any", ladder=("balanced", "fast")),))
        deployments = (cheap.deployment("cheap"), dear.deployment("dear", prices=dear_prices))
        async with house(tmp_path, *deployments, policy=policy) as here:
            answer = await ask(here, key)
            assert answer.headers["x-tiercel-model"] == "cheap"
            assert dear.requests == []


@pytest.mark.parametrize(
    ("prices", "capabilities", "max_tokens", "status"),
    [
        (Prices(), SIZED, 100, 400),
        (PRICES, Capabilities(), None, 400),
        (PRICES, Capabilities(), 100, 200),
        (PRICES, SIZED, None, 200),
        (Prices(input=0, output=0), SIZED, None, 200),
    ],
)
async def test_a_budget_needs_a_price_and_a_longest_answer(
    tmp_path: Path, prices: Prices, capabilities: Capabilities, max_tokens: int | None, status: int
) -> None:
    key = issue(tmp_path, AccessKey(budget=Budget(day_nano=nano_from_usd(1))))
    free = issue(tmp_path)
    async with ScriptedProvider(*[ANSWER] * 2) as cheap:
        deployment = cheap.deployment("cheap", prices=prices, capabilities=capabilities)
        async with house(tmp_path, deployment) as here:
            answer = await ask(here, key, max_tokens=max_tokens)
            assert answer.status == status
            if status == 400:
                assert "has no known price, or no known longest answer" in message_of(answer)
            assert (await ask(here, free, max_tokens=max_tokens)).status == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tokens", [-5_000_000, 2**53 + 1, 10**30])
async def test_absurd_usage_is_neither_a_credit_nor_a_ruin(tmp_path: Path, tokens: int, stream: bool) -> None:
    key = issue(tmp_path, AccessKey(budget=Budget(day_nano=nano_from_usd(1))))
    absurd = Says(text="hello", input_tokens=tokens, output_tokens=tokens)
    async with ScriptedProvider(absurd, ANSWER) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        record = here.record((await ask(here, key, stream=stream)).headers["x-tiercel-record"])
        assert 0 <= record.cost_nano < nano_from_usd("0.01")
        assert record.attempts[0].usage is not None
        assert record.attempts[0].usage.source == "estimated"
        assert (await ask(here, key)).status == 200


async def test_a_client_that_leaves_frees_what_was_reserved(tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(budget=Budget(day_nano=2 * COST_NANO), quota=Quota(concurrent=1)))
    waiting = msgspec.structs.replace(ANSWER, release=asyncio.Event())
    async with ScriptedProvider(waiting, ANSWER) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        asked = asyncio.create_task(ask(here, key, max_tokens=200))
        await cheap.wait_for_requests(1)
        assert (await ask(here, key)).status == 429
        asked.cancel()
        await cheap.wait_for_abandoned(1)
        async with asyncio.timeout(5.0):
            while (await ask(here, key)).status != 200:
                cheap.add(ANSWER)


async def test_too_many_a_minute_are_told_when_to_come_again(tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(quota=Quota(requests_per_minute=2)))
    async with ScriptedProvider(*[ANSWER] * 2) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        first, second, third = [await ask(here, key) for _ in range(3)]
        assert (first.status, second.status, third.status) == (200, 200, 429)
        assert 55 <= int(third.headers["retry-after"]) <= 61
        assert third.headers["x-should-retry"] == "true"
        assert "2 requests a minute" in message_of(third)


async def test_tokens_a_minute_count_what_was_used(tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(quota=Quota(tokens_per_minute=300)))
    long = Says(text="hello", input_tokens=10, output_tokens=350)
    async with ScriptedProvider(long) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        assert (await ask(here, key)).status == 200
        refused = await ask(here, key)
        assert refused.status == 429
        assert "300 tokens a minute; 360 were used" in message_of(refused)


async def test_a_key_uses_the_tiers_it_was_given(tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(allowed=("balanced",)))
    async with ScriptedProvider(name="a") as cheap, ScriptedProvider(ANSWER, name="b") as dear:
        async with house(tmp_path, cheap.deployment("cheap"), dear.deployment("dear")) as here:
            assert (await ask(here, key)).headers["x-tiercel-model"] == "dear"
            named = await ask(here, key, model="cheap")
            assert named.status == 403
            assert "this key may use balanced only" in message_of(named)
            models = msgspec.json.decode((await send(here, key, "GET", "/v1/models")).body)["data"]
            assert [model["id"] for model in models] == ["auto", "balanced", "auto:any", "gpt-4o"]


async def test_a_key_may_say_what_its_requests_are_for(tmp_path: Path) -> None:
    """Where a request says it itself, that counts."""
    key = issue(tmp_path, AccessKey(task="coding", risk="high"))
    rules = (
        Rule(name="code", when=When(task=("coding",)), ladder=("balanced",)),
        Rule(name="any", ladder=("fast",)),
    )
    async with ScriptedProvider(ANSWER, name="a") as cheap, ScriptedProvider(ANSWER, name="b") as dear:
        deployments = (cheap.deployment("cheap"), dear.deployment("dear"))
        async with house(tmp_path, *deployments, policy=two_tiers(rules=rules)) as here:
            plain = await ask(here, key)
            stated = await ask(here, key, metadata={"tiercel.task": "summary"})
            assert plain.headers["x-tiercel-model"] == "dear"
            assert stated.headers["x-tiercel-model"] == "cheap"
            record = here.record(plain.headers["x-tiercel-record"])
            assert (record.task, record.risk) == ("coding", "high")


async def test_a_revoked_key_is_refused_within_a_second_over_http(tmp_path: Path) -> None:
    """Two looks at the store fit into it; a busy machine gets longer."""
    assert 2 * POLL_SECONDS < 1.0
    key = issue(tmp_path)
    async with ScriptedProvider() as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        assert (await send(here, key, "GET", "/v1/models")).status == 200
        with KeyStore.open(tmp_path / "data") as store:
            store.revoke(key.key.id)
        async with asyncio.timeout(BUSY_SECONDS):
            while (answer := await send(here, key, "GET", "/v1/models")).status == 200:
                pass
        assert answer.status == 401
        assert "revoked" in message_of(answer)


async def test_streams_and_embeddings_are_paid_from_the_budget_as_well(tmp_path: Path) -> None:
    key = issue(tmp_path, AccessKey(budget=Budget(day_nano=nano_from_usd(1))))
    async with ScriptedProvider(ANSWER) as cheap, house(tmp_path, cheap.deployment("cheap")) as here:
        await ask(here, key, stream=True)
        cheap.add(vectors_of(1_000))
        embedding = {"model": "cheap", "input": "hello"}
        assert (await send(here, key, "POST", "/v1/embeddings", embedding)).status == 200
        left = nano_from_usd(1) - COST_NANO - 1_000 * 1_000
        allowance = here.gateway.runtime.access.budgets.allowance(key.key)
        assert allowance.covers(left)
        assert not allowance.covers(left + 1)


def vectors_of(tokens: int) -> Delivery:
    """One vector, as OpenAI's API gives it."""
    data = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": data, "model": "cheap", "usage": usage}
    return Delivery(headers=(("content-type", "application/json"),), pieces=(msgspec.json.encode(body),))
