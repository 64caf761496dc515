"""`/v1/responses/input_tokens`: how many tokens a request has, asked by a client and of an upstream."""

import msgspec

from tiercel.domain.catalog import Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.request import ModelRequest
from tiercel.wire.codec import EncodedCall
from tiercel.wire.openai_responses.request_decoder import decode_request
from tiercel.wire.openai_responses.request_encoder import encode_request
from tiercel.wire.scan import parse_upstream_object

TOTAL = "input_tokens"
COUNTED = frozenset(
    (
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "text",
        "truncation",
        "conversation",
        "previous_response_id",
    )
)
"""What the endpoint takes; anything else it refuses."""


def decode_count_request(body: bytes) -> ModelRequest:
    """A client's question: a request of this format. Raises `CallerError` naming the field."""
    return decode_request(body)


def encode_count(total: int) -> bytes:
    """The answer to a client."""
    return msgspec.json.encode({"object": "response.input_tokens", TOTAL: total})


def encode_count_request(request: ModelRequest, target: Target) -> EncodedCall:
    """The question for an upstream."""
    call = encode_request(request, target)
    body = {key: value for key, value in msgspec.json.decode(call.body).items() if key in COUNTED}
    return EncodedCall(path=f"{call.path}/input_tokens", body=msgspec.json.encode(body), lost=call.lost)


def decode_count(body: bytes) -> int:
    """An upstream's count. Raises `UpstreamDataError`."""
    total = parse_upstream_object(body).get(TOTAL)
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise UpstreamDataError("the upstream's count of tokens is no count")
    return total
