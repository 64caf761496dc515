"""The codecs by format: the one place where a format's name becomes code."""

from tiercel.domain.request import Format
from tiercel.wire.anthropic import Anthropic
from tiercel.wire.codec import Codec
from tiercel.wire.ollama import Ollama
from tiercel.wire.openai_chat import OpenAIChat

CODECS: dict[Format, Codec] = {
    "openai_chat": OpenAIChat(),
    "anthropic": Anthropic(),
    "ollama": Ollama(),
}
