"""Requests as they reach the lab, read by the codecs' client ends; and counts as each format writes them. Pure."""

import msgspec

from tiercel.domain.request import Format, ModelRequest
from tiercel.testing.lab.addresses import Address
from tiercel.wire.anthropic import count_tokens as anthropic_count
from tiercel.wire.gemini import count_tokens as gemini_count
from tiercel.wire.openai_responses import input_tokens as responses_count
from tiercel.wire.registry import CODECS
from tiercel.wire.scan import parse_object

_COUNT_READERS = {
    "anthropic": anthropic_count.decode_count_request,
    "gemini": gemini_count.decode_count_request,
    "openai_responses": responses_count.decode_count_request,
}
_COUNT_WRITERS = {
    "anthropic": anthropic_count.encode_count,
    "gemini": gemini_count.encode_count,
    "openai_responses": responses_count.encode_count,
}


def read_request(address: Address, body: bytes) -> ModelRequest:
    """What was asked, the path's part of it included. Raises `CallerError` naming the field."""
    if address.action == "count":
        request = _COUNT_READERS[address.format](body)
    else:
        request = CODECS[address.format].decode_request(_with_model(address, body))
    if address.model is None:
        return request
    stream = request.stream if address.stream is None else address.stream
    return msgspec.structs.replace(request, model=address.model, stream=stream)


def _with_model(address: Address, body: bytes) -> bytes:
    """The body as its codec wants it: Azure's paths name the model, so the body need not."""
    if not address.azure:
        return body
    return msgspec.json.encode({"model": address.model} | parse_object(body))


def counted(format: Format, tokens: int) -> bytes:
    """A count of input tokens."""
    return _COUNT_WRITERS[format](tokens)
