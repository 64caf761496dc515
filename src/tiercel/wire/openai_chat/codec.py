"""`OpenAIChat`: OpenAI's Chat Completions, and the many servers that speak it with deviations (`wire/quirks.py`)."""

from collections.abc import Mapping

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire.codec import EncodedCall, ErrorFacts, Problem, StreamDecoder, StreamEncoder
from tiercel.wire.error_facts import read_error
from tiercel.wire.openai_chat.request_decoder import decode_request
from tiercel.wire.openai_chat.request_encoder import encode_request
from tiercel.wire.openai_chat.response import decode_response, encode_response
from tiercel.wire.openai_chat.stream_decoder import ChatStreamDecoder
from tiercel.wire.openai_chat.stream_encoder import ChatStreamEncoder
from tiercel.wire.openai_error import encode_problem
from tiercel.wire.quirks import Quirks, quirks_named


class OpenAIChat:
    """The codec of `openai_chat`; see `Codec` for what each function promises."""

    format: Format = "openai_chat"

    def decode_request(self, body: bytes) -> ModelRequest:
        return decode_request(body)

    def encode_response(self, response: ModelResponse, stamp: Stamp) -> bytes:
        return encode_response(response, stamp)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        return ChatStreamEncoder(request, stamp)

    def encode_problem(self, problem: Problem) -> bytes:
        return encode_problem(problem)

    def encode_request(self, request: ModelRequest, target: Target) -> EncodedCall:
        return encode_request(request, target)

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        return decode_response(body, _quirks(target))

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return ChatStreamDecoder(_quirks(target))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        return read_error(status, headers, body)


def _quirks(target: Target) -> Quirks:
    return quirks_named(target.deployment.provider.quirks)
