"""`Ollama`: the native `/api/chat`, with lines of JSON for streams.

Unlike Ollama's OpenAI-compatible endpoint it takes the size of the context and says when a prompt does not fit it.
"""

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire import error_facts
from tiercel.wire.codec import StreamDecoder, StreamEncoder
from tiercel.wire.ollama import problem, request_decoder, request_encoder, response
from tiercel.wire.ollama.stream_decoder import ChatLinesDecoder
from tiercel.wire.ollama.stream_encoder import ChatLinesEncoder


class Ollama:
    """The codec of `ollama`; see `Codec` for what each function promises."""

    format: Format = "ollama"

    decode_request = staticmethod(request_decoder.decode_request)
    encode_response = staticmethod(response.encode_response)
    encode_request = staticmethod(request_encoder.encode_request)
    encode_problem = staticmethod(problem.encode_problem)
    decode_error = staticmethod(error_facts.read_error)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        return ChatLinesEncoder(stamp)

    def decode_response(self, body: bytes, target: Target) -> ModelResponse:
        return response.decode_response(body)

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return ChatLinesDecoder()
