"""`OpenAIChat`: OpenAI's Chat Completions, and the many servers that speak it with deviations (`wire/quirks.py`)."""

from tiercel.domain.catalog import Target
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import Stamp
from tiercel.wire import error_facts, openai_error
from tiercel.wire.codec import StreamDecoder, StreamEncoder
from tiercel.wire.openai_chat import request_decoder, request_encoder, response
from tiercel.wire.openai_chat.stream_decoder import ChatStreamDecoder
from tiercel.wire.openai_chat.stream_encoder import ChatStreamEncoder
from tiercel.wire.quirks import quirks_named


class OpenAIChat:
    """The codec of `openai_chat`; see `Codec` for what each function promises."""

    format: Format = "openai_chat"

    decode_request = staticmethod(request_decoder.decode_request)
    encode_response = staticmethod(response.encode_response)
    encode_request = staticmethod(request_encoder.encode_request)
    decode_response = staticmethod(response.decode_response)
    encode_problem = staticmethod(openai_error.encode_problem)
    decode_error = staticmethod(error_facts.read_error)

    def stream_encoder(self, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
        return ChatStreamEncoder(request, stamp)

    def stream_decoder(self, target: Target) -> StreamDecoder:
        return ChatStreamDecoder(quirks_named(target.deployment.provider.quirks))
