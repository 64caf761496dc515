"""The answer of `POST /v1/responses/input_tokens`, whose body is that of a Responses call without `stream`."""

import msgspec


def encode_input_tokens(tokens: int) -> bytes:
    """How many tokens the input has."""
    return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})
