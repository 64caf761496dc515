"""Gemini's end for clients: `:batchEmbedContents` and `:embedContent`. The model stands in the path."""

import msgspec

from tiercel.domain.embedding import EmbeddingRequest, Embeddings
from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.wire import fields
from tiercel.wire.embeddings.client import MAX_INPUTS, estimated_usage
from tiercel.wire.gemini.spelling import camel
from tiercel.wire.scan import parse_object

DIMENSIONS = "outputDimensionality"


def decode_embed_content(body: bytes, model: str) -> EmbeddingRequest:
    """One content. Raises `CallerError` naming the field."""
    text, settings = _read(camel(parse_object(body)), "")
    return _request(model, (text,), settings, "")


def decode_batch_embed_contents(body: bytes, model: str) -> EmbeddingRequest:
    """Several contents, which must be embedded alike: other providers take one setting for all.

    Raises `CallerError` naming the field.
    """
    requests = fields.optional_list(camel(parse_object(body)), "requests", "requests")
    if not requests:
        raise CallerError("invalid_request", "requests: expected at least one", param="requests")
    if len(requests) > MAX_INPUTS:
        message = f"requests: expected at most {MAX_INPUTS:,}, got {len(requests):,}"
        raise CallerError("invalid_request", message, param="requests")
    texts: list[str] = []
    common: JsonObject = {}
    for index, item in enumerate(requests):
        where = f"requests[{index}]"
        text, settings = _read(camel(fields.as_object(item, where), where), f"{where}.")
        if index == 0:
            common = settings
        elif settings != common:
            message = f"{where}: its settings differ from those of requests[0]; send what differs apart"
            raise CallerError("unsupported_value", message, param=where)
        texts.append(text)
    return _request(model, tuple(texts), common, "requests[0].")


def encode_embed_content(embeddings: Embeddings, request: EmbeddingRequest, model: str) -> bytes:
    """The answer to one content."""
    return _encoded({"embedding": {"values": embeddings.vectors[0]}}, embeddings, request)


def encode_batch_embed_contents(embeddings: Embeddings, request: EmbeddingRequest, model: str) -> bytes:
    """The answer to several."""
    rows: list[Json] = [{"values": vector} for vector in embeddings.vectors]
    return _encoded({"embeddings": rows}, embeddings, request)


def _encoded(answer: JsonObject, embeddings: Embeddings, request: EmbeddingRequest) -> bytes:
    tokens = (embeddings.usage or estimated_usage(request)).input
    return msgspec.json.encode({**answer, "usageMetadata": {"promptTokenCount": tokens}})


def _read(source: JsonObject, where: str) -> tuple[str, JsonObject]:
    """One content's text, and how it is to be embedded."""
    param = f"{where}content"
    content = camel(fields.as_object(source.get("content"), param), param)
    parts = fields.optional_list(content, "parts", f"{param}.parts") or []
    texts = [_text(part, f"{param}.parts[{index}]") for index, part in enumerate(parts)]
    if not texts:
        raise CallerError("invalid_request", f"{param}.parts: expected a text", param=f"{param}.parts")
    settings = {key: value for key, value in source.items() if key not in ("model", "content")}
    return "\n".join(texts), settings


def _text(value: Json, param: str) -> str:
    part = camel(fields.as_object(value, param), param)
    if "text" not in part:
        raise CallerError("unsupported_value", f"{param}: only texts are embedded here", param=param)
    return fields.text(part, "text", f"{param}.text")


def _request(model: str, texts: tuple[str, ...], settings: JsonObject, where: str) -> EmbeddingRequest:
    return EmbeddingRequest(
        format="gemini",
        model=model,
        texts=texts,
        dimensions=fields.optional_integer(settings, DIMENSIONS, f"{where}{DIMENSIONS}", least=1),
        extra=fields.leftovers(settings, frozenset((DIMENSIONS,))),
    )
