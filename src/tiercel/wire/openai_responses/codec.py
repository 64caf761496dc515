"""`OpenAIResponses`: OpenAI's Responses API, which keeps reasoning between turns, and the servers that speak it."""

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire import error_facts, openai_error
from tiercel.wire.codec import StreamDecoder, StreamEncoder
from tiercel.wire.openai_responses import request_decoder, request_encoder, response
from tiercel.wire.openai_responses.own_fields import FORMAT
from tiercel.wire.openai_responses.stream_decoder import ResponsesStreamDecoder
from tiercel.wire.openai_responses.stream_encoder import ResponsesStreamEncoder


class OpenAIResponses:
    """The codec of `openai_responses`; see `Codec` for what each function promises."""

    format: Format = FORMAT

    decode_request = staticmethod(request_decoder.decode_request)
    encode_response = staticmethod(response.encode_response)
    encode_request = staticmethod(request_encoder.encode_request)
    encode_problem = staticmethod(openai_error.encode_problem)
    decode_error = staticmethod(error_facts.read_error)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        return ResponsesStreamEncoder(stamp)

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        return response.decode_response(body)

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return ResponsesStreamDecoder()
