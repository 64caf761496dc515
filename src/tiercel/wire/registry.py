"""The codecs by format: the one place where a format's name becomes code."""

from tiercel.domain.request import Format
from tiercel.wire.anthropic import Anthropic
from tiercel.wire.codec import Codec
from tiercel.wire.gemini import Gemini
from tiercel.wire.ollama import Ollama
from tiercel.wire.openai_chat import OpenAIChat
from tiercel.wire.openai_responses import OpenAIResponses

CODECS: dict[Format, Codec] = {
    "openai_chat": OpenAIChat(),
    "openai_responses": OpenAIResponses(),
    "anthropic": Anthropic(),
    "gemini": Gemini(),
    "ollama": Ollama(),
}
