"""`Anthropic`: the Messages API."""

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire import error_facts
from tiercel.wire.anthropic import problem, request_decoder, request_encoder, response
from tiercel.wire.anthropic.stream_decoder import MessagesStreamDecoder
from tiercel.wire.anthropic.stream_encoder import MessagesStreamEncoder
from tiercel.wire.codec import StreamDecoder, StreamEncoder


class Anthropic:
    """The codec of `anthropic`; see `Codec` for what each function promises."""

    format: Format = "anthropic"

    decode_request = staticmethod(request_decoder.decode_request)
    encode_response = staticmethod(response.encode_response)
    encode_request = staticmethod(request_encoder.encode_request)
    encode_problem = staticmethod(problem.encode_problem)
    decode_error = staticmethod(error_facts.read_error)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        return MessagesStreamEncoder(stamp)

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        return response.decode_response(body)

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return MessagesStreamDecoder()
