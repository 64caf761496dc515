"""Embeddings through OpenAI's and Google's clients: the named model's vectors, from whichever deployment answers."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from google import genai
from google.genai import errors, types
from msgspec.structs import replace

from tests.gateway.house import House, house, two_tiers
from tiercel.domain.catalog import Capabilities, Deployment, Prices
from tiercel.domain.policy import Limits
from tiercel.domain.request import Format
from tiercel.records.query import load_history
from tiercel.testing.scripted import Fails, Raw, Reply, Says, ScriptedProvider

VECTORS = [[0.5, -1.25, 3.0], [0.0, 2.0, -0.125]]
TEXTS = ["first", "second"]
ONCE: Any = {"Idempotency-Key": "batch-1"}


def raw(value: Any) -> Raw:
    """A provider's answer with this body."""
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return Raw(data=head + body)


def embeds(
    vectors: list[list[float]] = VECTORS, format: Format = "openai_chat", tokens: int | None = 7
) -> Raw:
    """The vectors as a provider of this format sends them."""
    if format == "gemini":
        return raw({"embeddings": [{"values": vector} for vector in vectors]})
    if format == "ollama":
        return raw({"model": "e", "embeddings": vectors, "prompt_eval_count": tokens})
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    return raw({"object": "list", "data": data, "model": "upstream", **usage})


def copies(first: ScriptedProvider, second: ScriptedProvider, **fields: Any) -> tuple[Deployment, Deployment]:
    """The model `embedder` at two providers, the first to be asked first."""
    model = first.deployment("embedder", **fields)
    other = replace(second.deployment("embedder", **fields), name="embedder-b", weight=0.5)
    return replace(model, name="embedder-a"), other


def vectors_of(answer: Any) -> list[list[float]]:
    return [item.embedding for item in answer.data]


@pytest.mark.parametrize("format", ["openai_chat", "openai_responses", "gemini", "ollama"])
async def test_floats_and_base64_are_the_same_vectors_whoever_made_them(
    tmp_path: Path, format: Format
) -> None:
    async with ScriptedProvider(
        embeds(format=format), embeds(format=format), embeds(format=format), format=format
    ) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            create = here.client.embeddings.create
            default = await create(model="embedder", input=TEXTS)
            floats = await create(model="embedder", input=TEXTS, encoding_format="float")
            text: Any = await create(model="embedder", input=TEXTS, encoding_format="base64")
    assert vectors_of(default) == vectors_of(floats) == VECTORS
    packed = [base64.b64decode(item.embedding) for item in text.data]
    assert [list(struct.unpack("<3f", item)) for item in packed] == VECTORS
    assert default.model == "embedder"


@pytest.mark.parametrize(
    ("format", "path", "sent"),
    [
        ("openai_chat", "/v1/embeddings", {"model": "embedder", "input": TEXTS, "dimensions": 3}),
        (
            "ollama",
            "/api/embed",
            {"model": "embedder", "input": TEXTS, "dimensions": 3, "truncate": False},
        ),
        (
            "gemini",
            "/v1beta/models/embedder:batchEmbedContents",
            {
                "requests": [
                    {
                        "model": "models/embedder",
                        "outputDimensionality": 3,
                        "content": {"parts": [{"text": text}]},
                    }
                    for text in TEXTS
                ]
            },
        ),
    ],
)
async def test_texts_and_dimensions_reach_the_provider_in_order(
    tmp_path: Path, format: Format, path: str, sent: Any
) -> None:
    async with ScriptedProvider(embeds(format=format), format=format) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            await here.client.embeddings.create(model="embedder", input=TEXTS, dimensions=3)
    assert provider.requests[0].path == path
    assert provider.requests[0].json == sent


async def test_vectors_come_in_the_order_of_the_texts_whatever_order_the_provider_sends(
    tmp_path: Path,
) -> None:
    data = [{"index": i, "embedding": VECTORS[i]} for i in (1, 0)]
    async with ScriptedProvider(raw({"data": data})) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            answer = await here.client.embeddings.create(model="embedder", input=TEXTS)
    assert vectors_of(answer) == VECTORS
    assert [item.index for item in answer.data] == [0, 1]


async def test_the_record_says_what_it_cost_by_the_price_of_input_alone(tmp_path: Path) -> None:
    async with ScriptedProvider(embeds(tokens=1_000)) as provider:
        deployment = provider.deployment("embedder", prices=Prices(input=20_000_000))
        async with house(tmp_path, deployment) as here:
            answer = await here.client.embeddings.with_raw_response.create(model="embedder", input=TEXTS)
            record = here.record(answer.headers["x-tiercel-record"])
    assert answer.parse().usage.prompt_tokens == 1_000
    assert answer.headers["x-tiercel-cost-usd"] == "0.00002"
    assert answer.headers["x-tiercel-model"] == "embedder"
    assert (record.format, record.outcome, record.rule) == ("embeddings", "passed", "model:embedder")
    assert record.task == "unknown"
    assert record.attempts[0].cost_nano == 20_000
    assert not record.verified


async def test_what_the_provider_does_not_count_is_estimated_and_said_to_be(tmp_path: Path) -> None:
    async with ScriptedProvider(embeds(tokens=None)) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            answer = await here.client.embeddings.with_raw_response.create(model="embedder", input=TEXTS)
            record = here.record(answer.headers["x-tiercel-record"])
    usage = record.attempts[0].usage
    assert usage is not None
    assert usage.source == "estimated"
    assert answer.parse().usage.prompt_tokens == usage.input > 0


@pytest.mark.parametrize(
    "failing", [Fails(status=503), Fails(status=401), Fails(status=404), embeds([[1.0]]), raw({"data": []})]
)
async def test_another_deployment_of_the_model_takes_over(tmp_path: Path, failing: Reply) -> None:
    """A failure, or an answer with too few vectors."""
    async with ScriptedProvider(failing, name="a") as bad, ScriptedProvider(embeds(), name="b") as good:
        async with house(tmp_path, *copies(bad, good)) as here:
            answer = await here.client.embeddings.with_raw_response.create(model="embedder", input=TEXTS)
            record = here.record(answer.headers["x-tiercel-record"])
    assert vectors_of(answer.parse()) == VECTORS
    assert [(a.deployment, a.why, a.state) for a in record.attempts] == [
        ("embedder-a", "first", "failed"),
        ("embedder-b", "fallback", "answered"),
    ]
    assert answer.headers["x-tiercel-attempts"] == "2"


async def test_a_deployment_that_rests_comes_last(tmp_path: Path) -> None:
    limited = Fails(status=429, retry_after="60")
    async with ScriptedProvider(limited, name="a") as bad, ScriptedProvider(name="b") as good:
        good.default = embeds()
        async with house(tmp_path, *copies(bad, good)) as here:
            for _ in range(2):
                await here.client.embeddings.create(model="embedder", input=TEXTS)
    assert (len(bad.requests), len(good.requests)) == (1, 2)


async def test_a_server_error_is_retried_where_there_is_nobody_else(tmp_path: Path) -> None:
    async with ScriptedProvider(Fails(status=500), embeds()) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            answer = await here.client.embeddings.with_raw_response.create(model="embedder", input=TEXTS)
            record = here.record(answer.headers["x-tiercel-record"])
    assert [attempt.why for attempt in record.attempts] == ["first", "retry"]


async def test_when_all_are_limited_the_client_hears_how_long_to_wait(tmp_path: Path) -> None:
    limited = Fails(status=429, retry_after="45")
    async with ScriptedProvider(limited, name="a") as first, ScriptedProvider(limited, name="b") as second:
        async with house(tmp_path, *copies(first, second)) as here:
            with pytest.raises(openai.RateLimitError) as caught:
                await here.client.embeddings.create(model="embedder", input=TEXTS)
            record = here.record(caught.value.response.headers["x-tiercel-record"])
    assert caught.value.response.headers["retry-after"] == "45"
    assert (record.outcome, record.problem, len(record.attempts)) == ("failed", "rate_limit", 2)


async def test_a_model_that_cannot_embed_answers_its_own_error(tmp_path: Path) -> None:
    refusal = Fails(status=400, message="this model does not support embeddings")
    async with ScriptedProvider(refusal, name="a") as first, ScriptedProvider(name="b") as second:
        async with house(tmp_path, *copies(first, second)) as here:
            with pytest.raises(openai.BadRequestError, match="does not support embeddings"):
                await here.client.embeddings.create(model="embedder", input=TEXTS)
    assert second.requests == []


@pytest.mark.parametrize("model", ["auto", "auto:any", "fast", "gpt-4o"])
async def test_what_stands_for_several_models_is_refused_with_what_can_be_asked(
    tmp_path: Path, model: str
) -> None:
    async with ScriptedProvider() as provider:
        deployments = [provider.deployment(name) for name in ("cheap", "dear", "embedder")]
        async with house(tmp_path, *deployments, policy=two_tiers()) as here:
            with pytest.raises(openai.BadRequestError) as caught:
                await here.client.embeddings.create(model=model, input=TEXTS)
            record = here.record(caught.value.response.headers["x-tiercel-record"])
    body: Any = caught.value.body
    assert body["param"] == "model"
    assert "such as 'embedder'" in body["message"]
    assert (record.outcome, record.problem) == ("rejected", "unsupported_value")
    assert provider.requests == []


async def test_an_unknown_model_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            with pytest.raises(openai.NotFoundError, match="did you mean 'embedder'"):
                await here.client.embeddings.create(model="embeder", input=TEXTS)


async def test_an_effort_is_refused(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            with pytest.raises(openai.BadRequestError, match="take no effort"):
                await here.client.embeddings.create(model="embedder@high", input=TEXTS)


@pytest.mark.parametrize("model", ["embedder-b", "my-embeddings"])
async def test_a_deployment_or_an_alias_may_be_named(tmp_path: Path, model: str) -> None:
    async with ScriptedProvider(name="a") as first, ScriptedProvider(embeds(), name="b") as second:
        policy = two_tiers(aliases={"my-embeddings": "embedder-b"}, tiers={}, rules=())
        async with house(tmp_path, *copies(first, second), policy=policy) as here:
            answer = await here.client.embeddings.create(model=model, input=TEXTS)
    assert vectors_of(answer) == VECTORS
    assert first.requests == []


async def test_token_ids_go_only_where_they_are_taken(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(name="a", format="gemini") as texts_only,
        ScriptedProvider(embeds(), name="b") as takes_ids,
    ):
        async with house(tmp_path, *copies(texts_only, takes_ids)) as here:
            await here.client.embeddings.create(model="embedder", input=[[1, 2], [3]])
    assert texts_only.requests == []
    assert takes_ids.requests[0].json["input"] == [[1, 2], [3]]


@pytest.mark.parametrize("format", ["gemini", "ollama"])
async def test_token_ids_that_nobody_takes_are_refused(tmp_path: Path, format: Format) -> None:
    async with ScriptedProvider(format=format) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            with pytest.raises(openai.BadRequestError, match="takes no token ids"):
                await here.client.embeddings.create(model="embedder", input=[1, 2, 3])
    assert provider.requests == []


async def test_residency_keeps_out_who_may_not_see_the_texts(tmp_path: Path) -> None:
    async with ScriptedProvider(name="a") as abroad, ScriptedProvider(embeds(), name="b") as here_too:
        first, second = copies(abroad, here_too)
        async with house(tmp_path, first, replace(second, residency=("eu",))) as here:
            create = here.client.embeddings.create
            await create(model="embedder", input=TEXTS, extra_headers={"x-tiercel-residency": "eu"})
            with pytest.raises(openai.BadRequestError, match="not 'us'"):
                await create(model="embedder", input=TEXTS, extra_headers={"x-tiercel-residency": "us"})
    assert abroad.requests == []


async def test_a_text_that_cannot_fit_is_refused_and_one_that_may_is_left_to_the_provider(
    tmp_path: Path,
) -> None:
    async with ScriptedProvider(embeds()) as provider:
        small = provider.deployment("embedder", capabilities=Capabilities(window=100))
        async with house(tmp_path, small) as here:
            with pytest.raises(openai.BadRequestError) as caught:
                await here.client.embeddings.create(model="embedder", input=["short", "word " * 300])
            # each text has the window for itself
            await here.client.embeddings.create(model="embedder", input=["word " * 90, "word " * 90])
    body: Any = caught.value.body
    assert (body["code"], body["param"]) == ("context_length_exceeded", "input[1]")
    assert len(provider.requests) == 1


async def test_the_deadline_ends_a_provider_that_hangs(tmp_path: Path) -> None:
    never = Says(text="late", release=asyncio.Event())
    async with ScriptedProvider(never) as provider:
        policy = two_tiers(tiers={}, rules=(), limits=Limits(deadline_seconds=0.1))
        async with house(tmp_path, provider.deployment("embedder"), policy=policy) as here:
            with pytest.raises(openai.InternalServerError) as caught:
                await here.client.embeddings.create(model="embedder", input=TEXTS)
    assert caught.value.status_code == 504


async def test_a_client_that_leaves_stops_the_call_and_what_was_sent_is_kept(tmp_path: Path) -> None:
    never = Says(text="late", release=asyncio.Event())
    async with ScriptedProvider(never) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            asking = asyncio.create_task(here.client.embeddings.create(model="embedder", input=TEXTS))
            await provider.wait_for_requests(1)
            asking.cancel()
            await asyncio.wait_for(provider.wait_for_abandoned(1), 2)
    (record,) = load_history(tmp_path / "data").records
    assert (record.format, record.outcome) == ("embeddings", "cancelled")
    (attempt,) = record.attempts
    assert attempt.state == "cancelled"
    assert attempt.usage is not None
    assert attempt.usage.source == "partial"


async def test_sent_twice_with_a_key_it_is_answered_once(tmp_path: Path) -> None:
    async with ScriptedProvider(embeds()) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            ask = here.client.embeddings.with_raw_response.create
            first = await ask(model="embedder", input=TEXTS, extra_headers=ONCE)
            second = await ask(model="embedder", input=TEXTS, extra_headers=ONCE)
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert len(provider.requests) == 1


async def test_a_large_batch_comes_whole(tmp_path: Path) -> None:
    """Larger than what is read and written at once."""
    vectors = [[float(row), *([0.25] * 255)] for row in range(300)]
    async with ScriptedProvider(embeds(vectors)) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            answer = await here.client.embeddings.create(model="embedder", input=["x"] * 300)
    assert vectors_of(answer) == vectors


async def test_what_the_provider_cannot_carry_is_named(tmp_path: Path) -> None:
    async with ScriptedProvider(embeds(format="ollama"), format="ollama") as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            ask = here.client.embeddings.with_raw_response.create
            answer = await ask(model="embedder", input=TEXTS, user="u-1", extra_body={"task": "query"})
    assert answer.headers["x-tiercel-lost"] == "task, user"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model":"embedder"}', b'{"model":"embedder","input":[]}'])
async def test_bad_input_is_refused_in_openais_shape(tmp_path: Path, body: bytes) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here:
            async with httpx.AsyncClient() as client:
                answer = await client.post(f"{here.url}/v1/embeddings", content=body)
                wrong_method = await client.get(f"{here.url}/v1/embeddings")
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert wrong_method.status_code == 405


@asynccontextmanager
async def google(here: House) -> AsyncIterator[Any]:
    """Google's client, pointed at the gateway."""
    client = genai.Client(api_key="unused-key", http_options=types.HttpOptions(base_url=here.url))
    async with client.aio as asynchronous:
        yield asynchronous


@pytest.mark.parametrize("format", ["openai_chat", "gemini", "ollama"])
async def test_geminis_client_gets_vectors_from_a_provider_of_any_format(
    tmp_path: Path, format: Format
) -> None:
    config: Any = {"output_dimensionality": 3, "task_type": "RETRIEVAL_QUERY"}
    async with ScriptedProvider(embeds(format=format), format=format) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here, google(here) as client:
            answer = await client.models.embed_content(model="embedder", contents=TEXTS, config=config)
    assert [embedding.values for embedding in answer.embeddings] == VECTORS
    sent = provider.requests[0].json
    if format == "gemini":
        assert [request["taskType"] for request in sent["requests"]] == ["RETRIEVAL_QUERY"] * 2
        assert [request["content"]["parts"] for request in sent["requests"]] == [[{"text": t}] for t in TEXTS]
    else:
        assert (sent["input"], sent["dimensions"]) == (TEXTS, 3)
        assert "taskType" not in sent
        assert answer.sdk_http_response.headers["x-tiercel-lost"] == "taskType"


async def test_geminis_call_for_one_content_gets_one_vector(tmp_path: Path) -> None:
    async with ScriptedProvider(embeds(VECTORS[:1])) as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here, httpx.AsyncClient() as client:
            answer = await client.post(
                f"{here.url}/v1beta/models/embedder:embedContent",
                json={"content": {"parts": [{"text": "first"}]}},
            )
    assert answer.json() == {"embedding": {"values": VECTORS[0]}, "usageMetadata": {"promptTokenCount": 7}}


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([], "requests: expected at least one"),
        ([{}], "requests[0].content: expected an object"),
        ([{"content": {"parts": []}}], "requests[0].content.parts: expected a text"),
        ([{"content": {"parts": [{"inlineData": {}}]}}], "only texts are embedded here"),
        (
            [
                {"content": {"parts": [{"text": "a"}]}, "taskType": "X"},
                {"content": {"parts": [{"text": "b"}]}},
            ],
            "requests[1]: its settings differ",
        ),
    ],
)
async def test_what_cannot_be_embedded_is_refused_in_geminis_shape(
    tmp_path: Path, requests: Any, said: str
) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here, httpx.AsyncClient() as client:
            answer = await client.post(
                f"{here.url}/v1beta/models/embedder:batchEmbedContents", json={"requests": requests}
            )
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
    assert said in error["message"]
    assert provider.requests == []


async def test_geminis_client_is_told_who_it_may_ask(tmp_path: Path) -> None:
    async with ScriptedProvider() as provider:
        async with house(tmp_path, provider.deployment("embedder")) as here, google(here) as client:
            with pytest.raises(errors.ClientError, match="name one model"):
                await client.models.embed_content(model="auto", contents=TEXTS)
