"""`Gemini`: Google's generateContent, as AI Studio and Vertex serve it."""

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire.codec import StreamDecoder, StreamEncoder
from tiercel.wire.gemini import error, problem, request_decoder, request_encoder, response
from tiercel.wire.gemini.stream_decoder import GeminiStreamDecoder
from tiercel.wire.gemini.stream_encoder import EventStreamEncoder, JsonArrayEncoder


class Gemini:
    """The codec of `gemini`; see `Codec` for what each function promises.

    The model's name and whether the answer streams stand in a client's path, so `decode_request` leaves them empty and
    false for whoever reads the path to fill in.
    """

    format: Format = "gemini"

    decode_request = staticmethod(request_decoder.decode_request)
    encode_response = staticmethod(response.encode_response)
    encode_request = staticmethod(request_encoder.encode_request)
    encode_problem = staticmethod(problem.encode_problem)
    decode_error = staticmethod(error.read_gemini_error)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        """For a client that asked for events (`alt=sse`)."""
        return EventStreamEncoder(stamp)

    def array_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        """For a client that did not: its stream is one JSON array."""
        return JsonArrayEncoder(stamp)

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        return response.decode_response(body)

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return GeminiStreamDecoder()
