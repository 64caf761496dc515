"""Gates that have texts embedded, through a whole gateway: one more call in the record, its failure is a check's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.gateway.house import House, house, two_tiers
from tests.gateway.keyed import ask as ask_with
from tests.gateway.keyed import issue
from tests.gateway.test_asides import FINISHED, OPINIONS, STREAMED, ask, told, verdict_of
from tiercel.domain.catalog import Capabilities, Deployment, Prices
from tiercel.domain.keys import AccessKey, Budget
from tiercel.domain.policy import Gate, Limits, Policy, Rule
from tiercel.domain.record import Record
from tiercel.testing.scripted import Delivery, Fails, Raw, Reply, Says, ScriptedProvider

A = "You can return the cup within thirty days if you keep the receipt, and we will send you the money."
B = "Returns are fine for a month after buying: bring the bill along and you get back what you paid."
C = "The cup is made of thick clay, fired twice in our own kiln, and it may be washed by a machine."
D = "Please write to our support team about this, they know the rules of every shop and will answer."

NEAR, FAR = [1.0, 0.0, 0.05], [0.0, 1.0, 0.0]
MEANING = replace(OPINIONS, embed="vectors")
LIKE_REQUEST = Gate(
    check="similarity", at_least=0.8, embed="vectors", options={"to": "request", "measure": "meaning"}
)


def embeds(*vectors: list[float], tokens: int = 60) -> Raw:
    """The vectors as OpenAI's API gives them."""
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = msgspec.json.encode({"object": "list", "data": data, "model": "vectors", "usage": usage})
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return Raw(data=head + body)


def says(**texts: str) -> dict[str, Reply]:
    """What each of these models says."""
    return {name: Says(text=text) for name, text in texts.items()}


def policy(*gates: Gate, **limits: Any) -> Policy:
    rule = Rule(name="any", ladder=("fast", "balanced"))
    return two_tiers(gates=(FINISHED, *gates), limits=Limits(**limits), rules=(rule,))


@asynccontextmanager
async def embedding(
    folder: Path,
    replies: Mapping[str, Reply],
    *gates: Gate,
    limits: Mapping[str, Any] = {},
    vectors: Callable[[Deployment], Deployment] | None = None,
) -> AsyncIterator[tuple[House, dict[str, ScriptedProvider]]]:
    """`cheap` and `dear` on the ladder, `one` and `two` for opinions; `vectors` embeds, and may be changed first."""
    providers = {
        name: ScriptedProvider(*([replies[name]] if name in replies else []), name=f"at-{name}")
        for name in ("cheap", "dear", "one", "two", "vectors")
    }
    async with (
        providers["cheap"],
        providers["dear"],
        providers["one"],
        providers["two"],
        providers["vectors"] as embedder,
    ):
        deployments = {
            name: one.deployment(name, capabilities=Capabilities(max_output=1_000))
            for name, one in providers.items()
        }
        deployments["vectors"] = (vectors or _as_it_is)(embedder.deployment("vectors", prices=EMBEDDING))
        made = policy(*gates, **limits)
        async with house(folder, *deployments.values(), policy=made) as here:
            yield here, providers


EMBEDDING = Prices(input=20_000_000)
"""Two cents for a million tokens, and no price for output, which there is none of."""


def _as_it_is(deployment: Deployment) -> Deployment:
    return deployment


def embedded(record: Record) -> Any:
    (found,) = [attempt for attempt in record.attempts if attempt.why == "embedding"]
    return found


@STREAMED
async def test_other_words_for_the_same_agree_and_the_call_is_in_the_record(
    tmp_path: Path, stream: bool
) -> None:
    replies = says(cheap=A, one=B, two=C)
    async with embedding(tmp_path, replies, MEANING) as (here, providers):
        providers["vectors"].add(embeds(NEAR, NEAR, FAR))
        text, record = await ask(here, stream=stream)
        (seen,) = providers["vectors"].requests
    assert (text, record.outcome, record.delivered) == (A, "passed", 1)
    assert seen.path == "/v1/embeddings"
    assert seen.json == {"model": "vectors", "input": [A, B, C]}
    assert told(record) == [
        (1, "first", "cheap", "answered"),
        (2, "opinion", "one", "answered"),
        (3, "opinion", "two", "answered"),
        (4, "embedding", "vectors", "answered"),
    ]
    score, reason, _ = verdict_of(record.attempts[0], "agreement")
    assert score == 0.5
    assert reason == "1 of 2 agree (compared as text); by meaning (vectors)"
    assert (embedded(record).usage.input, embedded(record).cost_nano) == (60, 60 * 20)
    assert embedded(record).asked_by == "agreement"
    assert record.cost_nano == sum(attempt.cost_nano or 0 for attempt in record.attempts)


@STREAMED
async def test_who_means_something_else_than_the_others_gives_way(tmp_path: Path, stream: bool) -> None:
    replies = says(cheap=C, one=A, two=B)
    async with embedding(tmp_path, replies, MEANING) as (here, providers):
        providers["vectors"].add(embeds(FAR, NEAR, NEAR))
        text, record = await ask(here, stream=stream)
    assert (text, record.outcome, record.delivered) == (A, "passed", 2)


async def test_nobody_who_means_the_same_is_sent_up(tmp_path: Path) -> None:
    replies = says(cheap=A, one=C, two=D, dear="so")
    async with embedding(tmp_path, replies, MEANING) as (here, providers):
        providers["vectors"].add(embeds(NEAR, FAR, [0.0, 0.0, 1.0]))
        text, record = await ask(here)
    assert (text, record.outcome) == ("so", "passed")
    assert [attempt.why for attempt in record.attempts][-2:] == ["embedding", "escalation"]


@pytest.mark.parametrize(
    "other", [A.replace("thirty", "30").replace("cup", "20 cups"), A.replace("can", "can not")]
)
async def test_other_numbers_and_denials_differ_however_near_they_are(tmp_path: Path, other: str) -> None:
    replies = says(cheap=A, one=other, dear="so")
    async with embedding(tmp_path, replies, replace(MEANING, ask=("one",))) as (here, providers):
        providers["vectors"].add(embeds(NEAR, NEAR))
        text, record = await ask(here)
    assert text == "so"
    assert verdict_of(record.attempts[0], "agreement")[0] == 0.0


@pytest.mark.parametrize("text", ["42", A], ids=["a number", "the very same text"])
async def test_what_needs_no_model_to_be_compared_is_not_embedded(tmp_path: Path, text: str) -> None:
    replies = says(cheap=text, one=text, two=f"{text} ")
    async with embedding(tmp_path, replies, MEANING) as (here, providers):
        _, record = await ask(here)
        assert not providers["vectors"].requests
    assert verdict_of(record.attempts[0], "agreement")[0] == 1.0


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (Fails(status=500), "server_error"),
        (Fails(status=429), "rate_limited"),
        (embeds(NEAR), "bad_response"),
        (Raw(data=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), "bad_response"),
    ],
    ids=["500", "429", "too few", "none"],
)
@pytest.mark.parametrize(("on_error", "delivered"), [("open", A), ("closed", "so")])
async def test_where_nothing_is_embedded_the_gate_decides(
    tmp_path: Path, broken: Reply, why: str, on_error: Any, delivered: str
) -> None:
    replies = says(cheap=A, one=B, two=C, dear="so")
    async with embedding(tmp_path, replies, replace(MEANING, on_error=on_error)) as (here, providers):
        providers["vectors"].add(broken)
        text, record = await ask(here)
    assert text == delivered
    assert verdict_of(record.attempts[0], "agreement")[2] == f"the model that embeds did not answer: {why}"
    assert (embedded(record).state, embedded(record).failure.kind) == ("failed", why)


@STREAMED
async def test_a_late_model_is_stopped_and_its_cost_kept(tmp_path: Path, stream: bool) -> None:
    replies = says(cheap=A, one=B, two=C)
    gate = replace(MEANING, seconds=0.2)
    never = asyncio.Event()
    async with embedding(tmp_path, replies, gate) as (here, providers):
        providers["vectors"].add(Says(text="", release=never))
        text, record = await ask(here, stream=stream)
        await asyncio.wait_for(providers["vectors"].wait_for_abandoned(1), 10)
    assert (text, record.outcome) == (A, "passed")
    assert verdict_of(record.attempts[0], "agreement")[2] == "took too long"
    late = embedded(record)
    assert (late.state, late.usage.source) == ("cancelled", "partial")
    assert late.cost_nano > 0


async def test_nothing_is_embedded_beyond_the_cost_cap(tmp_path: Path) -> None:
    """The answers fit under the cap, and what embedding them costs does not."""
    replies = says(cheap=A, one=B, two=C)

    def dear(deployment: Deployment) -> Deployment:
        return replace(deployment, prices=Prices(input=10**13))

    async with embedding(tmp_path, replies, MEANING, limits={"max_cost_nano": 100_000_000}, vectors=dear) as (
        here,
        providers,
    ):
        text, record = await ask(here)
        assert not providers["vectors"].requests
    assert text == A
    assert verdict_of(record.attempts[0], "agreement")[2] == "no money is left for the model that embeds"


@pytest.mark.parametrize(
    ("price", "error"),
    [
        (EMBEDDING.input, None),
        (10**12, "no money is left for the model that embeds"),
        (None, "the model that embeds may not be called here"),
    ],
    ids=["enough", "too dear", "unknown"],
)
async def test_budgets_bind_what_is_embedded_and_allowed_models_do_not(
    tmp_path: Path, price: int | None, error: str | None
) -> None:
    allowed = ("cheap", "dear", "one", "two")
    key = issue(tmp_path, AccessKey(allowed=allowed, budget=Budget(day_nano=1_000_000_000)))
    replies = says(cheap=A, one=B, two=C)

    def priced(deployment: Deployment) -> Deployment:
        return replace(deployment, prices=Prices(input=price))

    async with embedding(tmp_path, replies, MEANING, vectors=priced) as (here, providers):
        providers["vectors"].add(embeds(NEAR, NEAR, FAR))
        answer = await ask_with(here, key)
        record = here.record(answer.headers["x-tiercel-record"])
    assert verdict_of(record.attempts[0], "agreement")[2] == error
    assert any(attempt.why == "embedding" for attempt in record.attempts) == (error is None)


async def test_texts_do_not_leave_where_they_must_stay(tmp_path: Path) -> None:
    replies = says(cheap=A, one=B, two=C)

    def elsewhere(deployment: Deployment) -> Deployment:
        return replace(deployment, residency=("us",))

    made = replace(policy(MEANING), residency_default="eu")
    async with (
        ScriptedProvider(replies["cheap"], name="at-cheap") as cheap,
        ScriptedProvider(replies["one"], name="at-one") as one,
        ScriptedProvider(replies["two"], name="at-two") as two,
        ScriptedProvider(name="at-vectors") as vectors,
        house(
            tmp_path,
            cheap.deployment("cheap", residency=("eu",)),
            one.deployment("one", residency=("eu",)),
            two.deployment("two", residency=("eu",)),
            elsewhere(vectors.deployment("vectors")),
            policy=replace(
                made, tiers={"fast": made.tiers["fast"]}, rules=(Rule(name="any", ladder=("fast",)),)
            ),
        ) as here,
    ):
        text, record = await ask(here)
        assert not vectors.requests
    assert text == A
    assert verdict_of(record.attempts[0], "agreement")[2] == "the model that embeds may not be called here"


async def test_what_is_too_long_for_the_model_is_cut_and_said(tmp_path: Path) -> None:
    replies = says(cheap=A * 40, one=B * 40, two=C)

    def small(deployment: Deployment) -> Deployment:
        return replace(deployment, model=replace(deployment.model, capabilities=Capabilities(window=100)))

    async with embedding(tmp_path, replies, MEANING, vectors=small) as (here, providers):
        providers["vectors"].add(embeds(NEAR, NEAR, FAR))
        _, record = await ask(here)
        (seen,) = providers["vectors"].requests
    sent = seen.json["input"]
    assert [whole.startswith(text) for whole, text in zip((A * 40, B * 40, C), sent, strict=True)] == [
        True
    ] * 3
    assert [200 < len(text) < 500 for text in sent[:2]] == [True, True]
    assert sent[2] == C
    assert verdict_of(record.attempts[0], "agreement")[1].endswith("; 2 text(s) cut to what the model takes")


@STREAMED
@pytest.mark.parametrize(("vector", "delivered"), [(NEAR, "cheap"), (FAR, "dear")])
async def test_likeness_to_the_request_is_measured_by_meaning(
    tmp_path: Path, vector: list[float], delivered: str, stream: bool
) -> None:
    replies = says(cheap="Hello there", dear="Hello you")
    async with embedding(tmp_path, replies, LIKE_REQUEST) as (here, providers):
        providers["vectors"].add(embeds(vector, NEAR), embeds(NEAR, NEAR))
        _, record = await ask(here, stream=stream)
        assert providers["vectors"].requests[0].json["input"] == ["Hello there", "Say hello"]
    assert record.answer is not None
    assert record.answer.model == delivered
    assert told(record)[1] == (2, "embedding", "vectors", "answered")


async def test_what_misses_another_gate_is_not_embedded(tmp_path: Path) -> None:
    gates = (Gate(check="contains", options={"any": ["you"]}), LIKE_REQUEST)
    replies = says(cheap="Hello there", dear="Hello you")
    async with embedding(tmp_path, replies, *gates) as (here, providers):
        providers["vectors"].add(embeds(NEAR, NEAR))
        _, record = await ask(here)
        assert len(providers["vectors"].requests) == 1
    assert [attempt.why for attempt in record.attempts] == ["first", "escalation", "embedding"]


async def test_opinions_have_nothing_embedded_of_their_own(tmp_path: Path) -> None:
    replies = says(cheap="42", one="42", two="42")
    async with embedding(tmp_path, replies, MEANING, LIKE_REQUEST) as (here, providers):
        providers["vectors"].add(embeds(NEAR, NEAR))
        _, record = await ask(here)
        assert len(providers["vectors"].requests) == 1
    assert record.outcome == "passed"


async def test_who_failed_too_often_rests(tmp_path: Path) -> None:
    """A model that embeds has a breaker like any other, so that no answer waits for one that is down."""
    replies = [Says(text="Hello") for _ in range(6)]
    async with embedding(tmp_path, {}, LIKE_REQUEST) as (here, providers):
        providers["cheap"].add(*replies)
        providers["vectors"].default = Delivery(status=500)
        records = [(await ask(here))[1] for _ in range(6)]
        assert len(providers["vectors"].requests) == 5
    assert verdict_of(records[-1].attempts[0], "similarity")[2] == (
        "the model that embeds failed too often a moment ago"
    )
