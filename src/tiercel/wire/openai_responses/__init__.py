"""OpenAI Responses, both ends."""

from tiercel.wire.openai_responses.codec import OpenAIResponses

__all__ = ["OpenAIResponses"]
