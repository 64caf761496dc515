"""`:countTokens`: how many tokens a request has, asked by a client and of an upstream."""

import msgspec

from tiercel.domain.catalog import Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.request import ModelRequest
from tiercel.wire import fields
from tiercel.wire.codec import EncodedCall
from tiercel.wire.gemini.request_decoder import read_request
from tiercel.wire.gemini.request_encoder import model_path, written_body
from tiercel.wire.gemini.spelling import camel
from tiercel.wire.scan import parse_object, parse_upstream_object

WHOLE = "generateContentRequest"
TOTAL = "totalTokens"
_PUBLISHERS = "/publishers/"


def decode_count_request(body: bytes) -> ModelRequest:
    """What is to be counted: a whole generateContent body under its own key, or its fields at the top.

    Raises `CallerError` naming the field.
    """
    source = camel(parse_object(body))
    whole = fields.optional_object(source, WHOLE, WHOLE)
    return read_request(source if whole is None else camel(whole, WHOLE), raw=None)


def encode_count(total: int) -> bytes:
    """The answer to a client."""
    return msgspec.json.encode({TOTAL: total})


def encode_count_request(request: ModelRequest, target: Target) -> EncodedCall:
    """The question for an upstream. AI Studio counts tools and instructions only in a whole request, which Vertex,
    below whose publishers its models stand, does not know."""
    body = written_body(request, target)
    if _PUBLISHERS not in target.deployment.provider.base_url:
        name = target.deployment.upstream_name
        body = {WHOLE: {"model": name if "/" in name else f"models/{name}", **body}}
    return EncodedCall(path=model_path(target, "countTokens"), body=msgspec.json.encode(body))


def decode_count(body: bytes) -> int:
    """An upstream's count. Raises `UpstreamDataError`; a count of nothing is left out by some servers."""
    total = parse_upstream_object(body).get(TOTAL, 0)
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise UpstreamDataError("the upstream's count of tokens is no count")
    return total
