"""`OpenAIResponses`: OpenAI's Responses API, which keeps reasoning between turns, and the servers that speak it."""

from collections.abc import Mapping

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire.codec import EncodedCall, ErrorFacts, Problem, StreamDecoder, StreamEncoder
from tiercel.wire.error_facts import read_error
from tiercel.wire.openai_error import encode_problem
from tiercel.wire.openai_responses.own_fields import FORMAT
from tiercel.wire.openai_responses.request_decoder import decode_request
from tiercel.wire.openai_responses.request_encoder import encode_request
from tiercel.wire.openai_responses.response import decode_response, encode_response
from tiercel.wire.openai_responses.stream_decoder import ResponsesStreamDecoder
from tiercel.wire.openai_responses.stream_encoder import ResponsesStreamEncoder


class OpenAIResponses:
    """The codec of `openai_responses`; see `Codec` for what each function promises."""

    format: Format = FORMAT

    def decode_request(self, body: bytes) -> ModelRequest:
        return decode_request(body)

    def encode_response(self, response: ModelResponse, stamp: Stamp) -> bytes:
        return encode_response(response, stamp)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        return ResponsesStreamEncoder(stamp)

    def encode_problem(self, problem: Problem) -> bytes:
        return encode_problem(problem)

    def encode_request(self, request: ModelRequest, target: Target) -> EncodedCall:
        return encode_request(request, target)

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        return decode_response(body)

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return ResponsesStreamDecoder()

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        return read_error(status, headers, body)
