"""The codecs by format: the one place where a format's name becomes code."""

from tiercel.domain.request import Format
from tiercel.wire.anthropic import Anthropic
from tiercel.wire.anthropic import count_tokens as anthropic_count
from tiercel.wire.codec import Codec, TokenCounter
from tiercel.wire.gemini import Gemini
from tiercel.wire.gemini import count_tokens as gemini_count
from tiercel.wire.ollama import Ollama
from tiercel.wire.openai_chat import OpenAIChat
from tiercel.wire.openai_responses import OpenAIResponses
from tiercel.wire.openai_responses import input_tokens as responses_count

CODECS: dict[Format, Codec] = {
    "openai_chat": OpenAIChat(),
    "openai_responses": OpenAIResponses(),
    "anthropic": Anthropic(),
    "gemini": Gemini(),
    "ollama": Ollama(),
}

COUNTERS: dict[Format, TokenCounter] = {
    "openai_responses": responses_count,
    "anthropic": anthropic_count,
    "gemini": gemini_count,
}
"""The formats that can count tokens without generating any."""
