"""Embeddings: OpenAI's clients in front, each upstream format behind, and the same vectors in the same order."""

import json
import struct
from base64 import b64decode, b64encode
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.catalog import Deployment, Model, Provider
from tiercel.domain.embedding import EmbeddingRequest, Embeddings
from tiercel.domain.errors import CallerError, UpstreamDataError
from tiercel.domain.request import Format
from tiercel.domain.response import Usage
from tiercel.wire.codec import UpstreamReplyError
from tiercel.wire.embeddings import (
    decode_embedding_request,
    decode_embeddings,
    encode_embeddings,
    encode_embeddings_answer,
    estimated_usage,
)

VECTORS = ((0.5, -1.25, 3.0), (0.0, 2.0, -0.125))


def deployment(format: Format = "openai_chat", quirks: str = "openai", base_url: str = "") -> Deployment:
    provider = Provider(name="p", format=format, base_url=base_url or "http://127.0.0.1", quirks=quirks)
    return Deployment(name="d", model=Model(name="m"), provider=provider, upstream_name="embedder")


def request_of(**fields: Any) -> EmbeddingRequest:
    return decode_embedding_request(json.dumps({"model": "auto", "input": ["a", "b"], **fields}).encode())


def sent(request: EmbeddingRequest, target: Deployment) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(encode_embeddings(request, target).body)
    return body


def packed(vector: tuple[float, ...]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def openai_body(vectors: list[Any], **fields: Any) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": item} for index, item in enumerate(vectors)]
    return json.dumps({"object": "list", "data": data, "model": "e", **fields}).encode()


@pytest.mark.parametrize(
    ("given_input", "texts", "tokens"),
    [
        ("one", ("one",), ()),
        (["one", "two"], ("one", "two"), ()),
        ([1, 2], (), ((1, 2),)),
        ([[1, 2], [3]], (), ((1, 2), (3,))),
    ],
)
def test_the_four_forms_of_input_are_read(given_input: Any, texts: Any, tokens: Any) -> None:
    request = request_of(input=given_input)
    assert (request.texts, request.tokens) == (texts, tokens)
    assert request.count == len(texts) + len(tokens)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": [[1], "a"]}, "input[1]"),
        ({"input": [[]]}, "input[0]"),
        ({"input": [1, True]}, "input[1]"),
        ({"input": ["a"] * 2_049}, "input"),
        ({"model": ""}, "model"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(CallerError) as refused:
        request_of(**fields)
    assert refused.value.param == param


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.binary(max_size=40)
    | json_values.map(lambda value: json.dumps({"model": "m", "input": value}).encode())
)
def test_odd_bodies_are_refused_and_nothing_else_happens(body: bytes) -> None:
    try:
        request = decode_embedding_request(body)
    except CallerError:
        return
    assert request.count > 0


def test_an_openai_compatible_server_is_sent_what_the_client_said() -> None:
    request = request_of(dimensions=8, user="u", encoding_format="base64", input_type="query")
    call = encode_embeddings(request, deployment())
    assert call.path == "/embeddings"
    assert call.lost == ()
    assert json.loads(call.body) == {
        "model": "embedder",
        "input": ["a", "b"],
        "dimensions": 8,
        "user": "u",
        "input_type": "query",
    }


def test_a_servers_quirks_hold_here_too() -> None:
    call = encode_embeddings(request_of(dimensions=8, user="u", odd=1), deployment(quirks="mistral"))
    assert json.loads(call.body) == {"model": "embedder", "input": ["a", "b"], "output_dimension": 8}
    assert call.lost == ("odd", "user")


def test_gemini_is_sent_a_batch_with_one_request_for_each_text() -> None:
    call = encode_embeddings(request_of(dimensions=8, user="u"), deployment("gemini", "generic"))
    assert call.path.endswith("/models/embedder:batchEmbedContents")
    assert call.lost == ("user",)
    assert json.loads(call.body)["requests"] == [
        {"model": "models/embedder", "content": {"parts": [{"text": text}]}, "outputDimensionality": 8}
        for text in ("a", "b")
    ]


def test_ollama_is_told_not_to_cut_what_does_not_fit() -> None:
    call = encode_embeddings(request_of(dimensions=8), deployment("ollama", "generic"))
    assert call.path == "/api/embed"
    assert json.loads(call.body) == {
        "model": "embedder",
        "input": ["a", "b"],
        "truncate": False,
        "dimensions": 8,
    }


@pytest.mark.parametrize(
    ("format", "quirks"),
    [("gemini", "generic"), ("ollama", "generic"), ("openai_chat", "ollama"), ("openai_chat", "mistral")],
)
def test_token_ids_are_refused_where_only_texts_are_embedded(format: Format, quirks: str) -> None:
    with pytest.raises(CallerError, match="takes no token ids") as refused:
        encode_embeddings(request_of(input=[1, 2]), deployment(format, quirks))
    assert refused.value.param == "input"


def test_token_ids_go_where_they_are_taken() -> None:
    assert sent(request_of(input=[1, 2]), deployment())["input"] == [[1, 2]]


def test_an_api_without_embeddings_is_said_to_have_none() -> None:
    with pytest.raises(CallerError, match="makes no embeddings"):
        encode_embeddings(request_of(), deployment("anthropic", "anthropic"))


ANSWERS: list[tuple[Format, bytes, int | None]] = [
    ("openai_chat", openai_body([*VECTORS], usage={"prompt_tokens": 5, "total_tokens": 5}), 5),
    ("openai_chat", openai_body([packed(vector) for vector in VECTORS]), None),
    ("gemini", json.dumps({"embeddings": [{"values": vector} for vector in VECTORS]}).encode(), None),
    (
        "gemini",
        json.dumps(
            {
                "embeddings": [{"values": vector} for vector in VECTORS],
                "usageMetadata": {"promptTokenCount": 5},
            }
        ).encode(),
        5,
    ),
    ("ollama", json.dumps({"embeddings": VECTORS, "prompt_eval_count": 5}).encode(), 5),
]


@pytest.mark.parametrize(("format", "body", "tokens"), ANSWERS)
@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_the_official_client_gets_equal_vectors_from_every_upstream(
    format: Format, body: bytes, tokens: int | None, encoding: Any
) -> None:
    """T56: floats or base64 upstream, floats or base64 for the client, whose default is base64."""
    target = deployment(format)

    def answer(seen: httpx2.Request) -> httpx2.Response:
        request = decode_embedding_request(seen.content)
        assert request.encoding == encoding
        embeddings = decode_embeddings(body, target, request.count)
        return httpx2.Response(200, content=encode_embeddings_answer(embeddings, request, "shown"))

    client = openai.OpenAI(
        api_key="unused",
        base_url="http://127.0.0.1/v1",
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )
    asked = {} if encoding == "base64" else {"encoding_format": encoding}
    got = client.embeddings.create(model="auto", input=["a", "b"], **asked)
    assert [tuple(item.embedding) for item in got.data] == [*VECTORS]
    assert [item.index for item in got.data] == [0, 1]
    assert (got.model, got.usage.prompt_tokens) == ("shown", tokens or 2)


def test_vectors_stand_in_the_order_of_the_request_whatever_order_they_came_in() -> None:
    data = [{"index": index, "embedding": VECTORS[index]} for index in (1, 0)]
    answer = decode_embeddings(json.dumps({"data": data}).encode(), deployment(), 2)
    assert answer.vectors == VECTORS


TWICE = b64encode(packed(VECTORS[0]).encode() + b"x").decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        openai_body([]),
        openai_body([VECTORS[0]]),
        openai_body([[], []]),
        openai_body([VECTORS[0], (1.0,)]),
        openai_body([TWICE, TWICE]),
        openai_body(["no base64!", "no base64!"]),
        openai_body([packed((float("nan"),)), packed((1.0,))]),
        openai_body([[1e300], [1.0]]),
        b'{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}',
        b'{"data":[{"index":0,"embedding":[true]}]}',
    ],
)
def test_what_is_no_answer_to_two_texts_is_said_to_be_none(body: bytes) -> None:
    """T56: also text that was encoded twice."""
    with pytest.raises(UpstreamDataError):
        decode_embeddings(body, deployment(), 2)


@pytest.mark.parametrize("format", ["openai_chat", "gemini", "ollama"])
@given(body=st.binary(max_size=40))
def test_whatever_an_upstream_sends_is_an_answer_or_none(format: Format, body: bytes) -> None:
    with pytest.raises(UpstreamDataError):
        decode_embeddings(body, deployment(format))


@pytest.mark.parametrize("format", ["openai_chat", "gemini", "ollama"])
def test_an_error_in_a_200_is_an_error(format: Format) -> None:
    with pytest.raises(UpstreamReplyError) as refused:
        decode_embeddings(b'{"error":{"message":"no such model"}}', deployment(format))
    assert refused.value.facts.message == "no such model"


def test_an_answer_may_be_larger_than_a_request_may_be() -> None:
    """300,000 numbers, where a request's body may hold a third of that."""
    answer = decode_embeddings(openai_body([[0.5] * 3_000] * 100), deployment(), 100)
    assert len(answer.vectors) == 100


def test_what_nobody_counted_is_estimated_and_token_ids_are_counted() -> None:
    assert estimated_usage(request_of(input=[[1, 2], [3]])) == Usage(uncached=3, source="estimated")
    written = json.loads(
        encode_embeddings_answer(Embeddings(vectors=VECTORS), request_of(input=[[1, 2], [3]]), "m")
    )
    assert written["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(floats, min_size=1, max_size=4))
def test_base64_holds_every_number_exactly(numbers: list[float]) -> None:
    answer = Embeddings(vectors=(tuple(numbers),))
    request = request_of(input="a", encoding_format="base64")
    text = json.loads(encode_embeddings_answer(answer, request, "m"))["data"][0]["embedding"]
    assert struct.unpack(f"<{len(numbers)}f", b64decode(text)) == tuple(numbers)
    assert decode_embeddings(openai_body([text]), deployment()).vectors == (tuple(numbers),)
