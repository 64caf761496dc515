"""Embeddings of the lab: numbers made from the words of a text, so that texts with words in common are near. Pure.

Written out by hand in each format, like the scripted answers: no codec is tested only against itself.
"""

import base64
import hashlib
import math
import struct

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Format
from tiercel.domain.tokens import estimate_tokens

MODEL = "simulated-embedding"
DIMENSIONS = 64
MOST_DIMENSIONS = 3_072


class WrongInputError(Exception):
    """The body is not what this endpoint takes; the message says what is."""


def embedded(format: Format, model: str, body: JsonObject) -> bytes:
    """The answer to a body of this format's endpoint. Raises `WrongInputError`."""
    if format == "gemini":
        return _gemini(body)
    texts = _texts(body.get("input"))
    vectors = [vector(text, _dimensions(body.get("dimensions"))) for text in texts]
    tokens = sum(map(estimate_tokens, texts))
    if format == "ollama":
        return msgspec.json.encode({"model": model, "embeddings": vectors, "prompt_eval_count": tokens})
    coded = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(row) if coded else row}
        for index, row in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A vector of length 1."""
    row = [0.0] * dimensions
    for word in text.casefold().split() or [""]:
        place = int.from_bytes(
            hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big"
        )
        row[place % dimensions] += 1.0
    length = math.sqrt(sum(number * number for number in row))
    # through four bytes, so that base64 and plain numbers say exactly the same
    return list(_unpacked(_packed([number / length for number in row])))


def _gemini(body: JsonObject) -> bytes:
    requests = body.get("requests")
    if requests is None:
        return msgspec.json.encode({"embedding": {"values": _gemini_vector(body)}})
    if not isinstance(requests, list) or not requests:
        raise WrongInputError("BatchEmbedContentsRequest.requests: must not be empty")
    values = [{"values": _gemini_vector(request)} for request in requests]
    return msgspec.json.encode({"embeddings": values})


def _gemini_vector(request: Json) -> list[float]:
    content = request.get("content") if isinstance(request, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise WrongInputError("EmbedContentRequest.content: contents is not specified")
    text = "\n".join(str(part.get("text", "")) for part in parts)
    return vector(text, _dimensions(request.get("outputDimensionality")))


def _texts(value: Json) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return value
    if isinstance(value, list) and value:
        listed = value if isinstance(value[0], list) else [value]
        return [" ".join(map(str, tokens)) for tokens in listed]
    raise WrongInputError("'input': expected a string or a list of strings, which must not be empty")


def _dimensions(value: Json) -> int:
    if value is None:
        return DIMENSIONS
    if not isinstance(value, int) or not 1 <= value <= MOST_DIMENSIONS:
        raise WrongInputError(f"'dimensions': expected a number from 1 to {MOST_DIMENSIONS}")
    return value


def _packed(row: list[float]) -> bytes:
    return struct.pack(f"<{len(row)}f", *row)


def _unpacked(data: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(data) // 4}f", data)


def _base64(row: list[float]) -> str:
    return base64.b64encode(_packed(row)).decode()
