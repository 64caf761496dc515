"""`/v1/messages/count_tokens`: how many tokens a request has, asked by a client and of an upstream."""

import msgspec

from tiercel.domain.catalog import Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.request import ModelRequest
from tiercel.wire.anthropic.request_decoder import read_request
from tiercel.wire.anthropic.request_encoder import encode_request
from tiercel.wire.codec import EncodedCall
from tiercel.wire.scan import parse_object, parse_upstream_object

TOTAL = "input_tokens"
COUNTED = frozenset(
    (
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
        "context_management",
        "mcp_servers",
    )
)
"""What the endpoint takes; anything else it refuses."""


def decode_count_request(body: bytes) -> ModelRequest:
    """A client's question: a request of this format without `max_tokens`. Raises `CallerError` naming the field."""
    return read_request({"max_tokens": 1, **parse_object(body)}, raw=None)


def encode_count(total: int) -> bytes:
    """The answer to a client."""
    return msgspec.json.encode({TOTAL: total})


def encode_count_request(request: ModelRequest, target: Target) -> EncodedCall:
    """The question for an upstream."""
    call = encode_request(request, target)
    body = {key: value for key, value in msgspec.json.decode(call.body).items() if key in COUNTED}
    return EncodedCall(
        path=f"{call.path}/count_tokens", body=msgspec.json.encode(body), headers=call.headers, lost=call.lost
    )


def decode_count(body: bytes) -> int:
    """An upstream's count. Raises `UpstreamDataError`."""
    total = parse_upstream_object(body).get(TOTAL)
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise UpstreamDataError("the upstream's count of tokens is no count")
    return total
