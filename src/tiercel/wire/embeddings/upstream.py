"""The upstream's end: the embeddings call of each format, and its answer."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from tiercel.domain.catalog import Deployment, Target
from tiercel.domain.embedding import EmbeddingRequest, Embeddings, Vector
from tiercel.domain.errors import CallerError, UpstreamDataError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.response import Usage
from tiercel.wire.codec import EncodedCall, UpstreamReplyError
from tiercel.wire.embeddings.vectors import checked_vector
from tiercel.wire.error_facts import facts_of
from tiercel.wire.fit import lost_names
from tiercel.wire.gemini.request_encoder import model_path
from tiercel.wire.paths import path_below
from tiercel.wire.quirks import call_path, quirks_named

Answer = TypeVar("Answer", bound="_Answer")


class _Answer(msgspec.Struct):
    error: Json = None


class _Row(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Counts(msgspec.Struct):
    prompt_tokens: int | None = None


class _OpenAIAnswer(_Answer):
    data: list[_Row] = []
    model: str | None = None
    usage: _Counts | None = None


class _Values(msgspec.Struct):
    values: list[float]


class _GeminiCounts(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None


class _GeminiAnswer(_Answer, rename="camel"):
    embeddings: list[_Values] = []
    usage_metadata: _GeminiCounts | None = None


class _OllamaAnswer(_Answer):
    embeddings: list[list[float]] = []
    model: str | None = None
    prompt_eval_count: int | None = None


def encode_embeddings(request: EmbeddingRequest, deployment: Deployment) -> EncodedCall:
    """The call of this deployment. Raises `CallerError` where its API cannot take the request.

    Floats are asked for by asking for nothing, which every server understands; the client's own wish is met when the
    answer is written.
    """
    refused = embeddings_refusal(request, deployment)
    if refused is not None:
        raise refused
    lost: list[str] = []
    upstream_format = deployment.provider.format
    if upstream_format == "gemini":
        path = model_path(Target(deployment=deployment), "batchEmbedContents")
        body = _gemini_body(request, deployment)
        lost += _foreign(request) if request.format != "gemini" else []
    elif upstream_format == "ollama":
        path = path_below(deployment.provider.base_url, "/api/embed")
        body = _ollama_body(request, deployment)
        lost += _foreign(request)
    else:
        path = call_path(deployment, "/embeddings")
        body = _openai_body(request, deployment, lost)
    return EncodedCall(path=path, body=msgspec.json.encode(body), lost=lost_names(lost))


def embeddings_refusal(request: EmbeddingRequest, deployment: Deployment) -> CallerError | None:
    """Why this deployment's API cannot take the request, or `None` where it can."""
    provider = deployment.provider
    if provider.format == "anthropic":
        message = f"model: {request.model!r} makes no embeddings; its provider's API has none"
        return CallerError("unsupported_value", message, param="model")
    if not request.tokens:
        return None
    if provider.format in ("gemini", "ollama") or not quirks_named(provider.quirks).embeds_tokens:
        message = f"input: {request.model!r} embeds texts; its provider takes no token ids"
        return CallerError("unsupported_value", message, param="input")
    return None


def decode_embeddings(body: bytes, deployment: Deployment, expected: int | None = None) -> Embeddings:
    """An answer's vectors in the request's order; `expected` is how many there must be.

    Raises `UpstreamReplyError` for an error in a 200, `UpstreamDataError` for what is no such answer.
    """
    match deployment.provider.format:
        case "gemini":
            embeddings = _from_gemini(body)
        case "ollama":
            embeddings = _from_ollama(body)
        case _:
            embeddings = _from_openai(body)
    count = len(embeddings.vectors)
    if count == 0 or (expected is not None and count != expected):
        raise UpstreamDataError(f"the upstream's answer has {count} embeddings, not {expected or 'any'}")
    return embeddings


def _openai_body(request: EmbeddingRequest, deployment: Deployment, lost: list[str]) -> JsonObject:
    quirks = quirks_named(deployment.provider.quirks)
    inputs = request.texts or request.tokens
    body: JsonObject = {"model": deployment.upstream_name, "input": inputs}
    if request.dimensions is not None:
        body[quirks.renamed.get("dimensions", "dimensions")] = request.dimensions
    if request.user is not None and "user" in quirks.rejects:
        lost.append("user")
    elif request.user is not None:
        body["user"] = request.user
    for key, value in request.extra.items():
        if request.format != "gemini" and (quirks.extra_fields is None or key in quirks.extra_fields):
            body[key] = value
        else:
            lost.append(key)
    return body


def _gemini_body(request: EmbeddingRequest, deployment: Deployment) -> JsonObject:
    """One request for each text: the batch's own call has no other place for the size of the vectors."""
    name = deployment.upstream_name
    common: JsonObject = {"model": name if "/" in name else f"models/{name}"}
    if request.dimensions is not None:
        common["outputDimensionality"] = request.dimensions
    if request.format == "gemini":
        common.update(request.extra)
    return {"requests": [{**common, "content": {"parts": [{"text": text}]}} for text in request.texts]}


def _ollama_body(request: EmbeddingRequest, deployment: Deployment) -> JsonObject:
    """A text that does not fit is refused and not cut, which would embed another text."""
    body: JsonObject = {"model": deployment.upstream_name, "input": request.texts, "truncate": False}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return body


def _foreign(request: EmbeddingRequest) -> list[str]:
    """What only the client's own format has a place for."""
    return [*request.extra, *(["user"] if request.user is not None else [])]


def _from_openai(body: bytes) -> Embeddings:
    answer = _decoded(body, _OpenAIAnswer)
    rows = {position if row.index is None else row.index: row for position, row in enumerate(answer.data)}
    if sorted(rows) != list(range(len(answer.data))):
        raise UpstreamDataError("the upstream's answer has embeddings whose order cannot be told")
    counted = answer.usage.prompt_tokens if answer.usage else None
    vectors = _vectors([rows[index].embedding for index in range(len(rows))])
    return Embeddings(vectors=vectors, model=answer.model or "", usage=_usage(counted))


def _from_gemini(body: bytes) -> Embeddings:
    answer = _decoded(body, _GeminiAnswer)
    counted = answer.usage_metadata.prompt_token_count if answer.usage_metadata else None
    return Embeddings(vectors=_vectors([item.values for item in answer.embeddings]), usage=_usage(counted))


def _from_ollama(body: bytes) -> Embeddings:
    answer = _decoded(body, _OllamaAnswer)
    return Embeddings(
        vectors=_vectors(answer.embeddings), model=answer.model or "", usage=_usage(answer.prompt_eval_count)
    )


def _decoded(body: bytes, kind: type[Answer]) -> Answer:
    """Read straight into its shape: an answer may hold a million numbers, within the cap on its bytes."""
    try:
        answer = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamDataError("the upstream's answer holds no embeddings") from None
    if answer.error:
        raise UpstreamReplyError(facts_of(answer.error))
    return answer


def _vectors(found: Sequence[Sequence[float] | str]) -> tuple[Vector, ...]:
    vectors = tuple(checked_vector(item) for item in found)
    if len({len(vector) for vector in vectors}) > 1:
        raise UpstreamDataError("the upstream's answer has embeddings of several lengths")
    return vectors


def _usage(tokens: int | None) -> Usage | None:
    return Usage(uncached=tokens) if tokens else None
