"""The client's end: OpenAI's embeddings request and answer."""

import msgspec

from tiercel.domain.embedding import EmbeddingRequest, Embeddings
from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.response import Usage
from tiercel.domain.tokens import estimate_tokens
from tiercel.wire import fields
from tiercel.wire.embeddings.vectors import base64_text
from tiercel.wire.scan import parse_object

MAX_INPUTS = 2_048
"""As many as OpenAI takes in one request."""
_KNOWN = frozenset(("model", "input", "dimensions", "encoding_format", "user"))
_INPUTS = "a text, a list of texts, a list of token ids, or a list of such lists"


def decode_embedding_request(body: bytes) -> EmbeddingRequest:
    """A client's body. Raises `CallerError` naming the field."""
    source = parse_object(body)
    model = fields.text(source, "model", "model")
    if not model:
        raise CallerError("invalid_request", "model: expected a name, got an empty string", param="model")
    texts, tokens = _inputs(source.get("input"))
    encoding = fields.optional_text(source, "encoding_format", "encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise CallerError(
            "unsupported_value", 'encoding_format: expected "float" or "base64"', param="encoding_format"
        )
    return EmbeddingRequest(
        model=model,
        texts=texts,
        tokens=tokens,
        dimensions=fields.optional_integer(source, "dimensions", "dimensions", least=1),
        encoding="base64" if encoding == "base64" else "float",
        user=fields.optional_text(source, "user", "user"),
        extra=fields.leftovers(source, _KNOWN),
    )


def encode_embeddings_answer(embeddings: Embeddings, request: EmbeddingRequest, model: str) -> bytes:
    """The answer's body, written as the client asked; `model` is the name it is shown.

    Where the provider did not count, the usage is our estimate.
    """
    as_text = request.encoding == "base64"
    data: list[JsonObject] = [
        {"object": "embedding", "index": index, "embedding": base64_text(vector) if as_text else vector}
        for index, vector in enumerate(embeddings.vectors)
    ]
    tokens = (embeddings.usage or estimated_usage(request)).input
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})


def estimated_usage(request: EmbeddingRequest) -> Usage:
    """What a request uses where the provider does not say: token ids exactly, texts by the cheap estimate."""
    tokens = sum(map(len, request.tokens)) + sum(map(estimate_tokens, request.texts))
    return Usage(uncached=tokens, source="estimated")


def _inputs(value: Json) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """The texts, or the lists of token ids."""
    if isinstance(value, str):
        return (value,), ()
    if not isinstance(value, list):
        fields.refuse("input", _INPUTS, value)
    if not value:
        raise CallerError("invalid_request", "input: expected at least one text", param="input")
    if _is_token(value[0]):
        return (), (_token_ids(value, "input"),)
    if len(value) > MAX_INPUTS:
        raise CallerError(
            "invalid_request",
            f"input: expected at most {MAX_INPUTS:,} texts, got {len(value):,}",
            param="input",
        )
    if isinstance(value[0], list):
        return (), tuple(_token_ids(item, f"input[{index}]") for index, item in enumerate(value))
    for index, item in enumerate(value):
        if not isinstance(item, str):
            fields.refuse(f"input[{index}]", "a text", item)
    return tuple(value), ()


def _token_ids(value: Json, param: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        fields.refuse(param, "a list of token ids", value)
    for index, item in enumerate(value):
        if not _is_token(item):
            fields.refuse(f"{param}[{index}]", "a token id", item)
    return tuple(value)


def _is_token(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
