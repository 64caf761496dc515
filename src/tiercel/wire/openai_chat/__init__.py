"""OpenAI Chat Completions, both ends."""

from tiercel.wire.openai_chat.codec import OpenAIChat

__all__ = ["OpenAIChat"]
