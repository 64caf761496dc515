"""`Gemini`: Google's generateContent, as AI Studio and Vertex serve it."""

from collections.abc import Mapping

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire.codec import EncodedCall, ErrorFacts, Problem, StreamDecoder, StreamEncoder
from tiercel.wire.gemini.error import read_gemini_error
from tiercel.wire.gemini.problem import encode_problem
from tiercel.wire.gemini.request_decoder import decode_request
from tiercel.wire.gemini.request_encoder import encode_request
from tiercel.wire.gemini.response import decode_response, encode_response
from tiercel.wire.gemini.stream_decoder import GeminiStreamDecoder
from tiercel.wire.gemini.stream_encoder import EventStreamEncoder, JsonArrayEncoder


class Gemini:
    """The codec of `gemini`; see `Codec` for what each function promises.

    The model's name and whether the answer streams stand in a client's path, so `decode_request` leaves them empty and
    false for whoever reads the path to fill in.
    """

    format: Format = "gemini"

    def decode_request(self, body: bytes) -> ModelRequest:
        return decode_request(body)

    def encode_response(self, response: ModelResponse, stamp: Stamp) -> bytes:
        return encode_response(response, stamp)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        """For a client that asked for events (`alt=sse`)."""
        return EventStreamEncoder(stamp)

    def array_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        """For a client that did not: its stream is one JSON array."""
        return JsonArrayEncoder(stamp)

    def encode_problem(self, problem: Problem) -> bytes:
        return encode_problem(problem)

    def encode_request(self, request: ModelRequest, target: Target) -> EncodedCall:
        return encode_request(request, target)

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        return decode_response(body)

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return GeminiStreamDecoder()

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
        return read_gemini_error(status, headers, body)
