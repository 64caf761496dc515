"""`Ollama`: the native `/api/chat`, with lines of JSON for streams.

Unlike Ollama's OpenAI-compatible endpoint it takes the size of the context and says when a prompt does not fit it.
"""

from collections.abc import Mapping

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire.codec import EncodedCall, ErrorFacts, Problem, StreamDecoder, StreamEncoder
from tiercel.wire.error_facts import read_error
from tiercel.wire.ollama.problem import encode_problem
from tiercel.wire.ollama.request_decoder import decode_request
from tiercel.wire.ollama.request_encoder import encode_request
from tiercel.wire.ollama.response import decode_response, encode_response
from tiercel.wire.ollama.stream_decoder import ChatLinesDecoder
from tiercel.wire.ollama.stream_encoder import ChatLinesEncoder


class Ollama:
    """The codec of `ollama`; see `Codec` for what each function promises."""

    format: Format = "ollama"

    def decode_request(self, body: bytes) -> ModelRequest:
        return decode_request(body)

    def encode_response(self, response: ModelResponse, stamp: Stamp) -> bytes:
        return encode_response(response, stamp)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        return ChatLinesEncoder(stamp)

    def encode_problem(self, problem: Problem) -> bytes:
        return encode_problem(problem)

    def encode_request(self, request: ModelRequest, target: Target) -> EncodedCall:
        return encode_request(request, target)

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        return decode_response(body)

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return ChatLinesDecoder()

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        return read_error(status, headers, body)
