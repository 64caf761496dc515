"""Who takes part: the clients, the format each speaks, and what cannot be, with its reason."""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Literal

import msgspec

from tests.conformance.clients import pydantic_ai_direct
from tests.conformance.clients.anthropic_messages import AnthropicMessages
from tests.conformance.clients.google import Google
from tests.conformance.clients.javascript import JavaScript, installed
from tests.conformance.clients.llm_client import LLM
from tests.conformance.clients.openai_chat import OpenAIChat
from tests.conformance.clients.openai_responses import OpenAIResponses
from tests.conformance.dialogue import Client
from tiercel.domain.request import Format


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A client in one format. `connect` makes one for a gateway's address and a key."""

    name: str
    format: Format
    package: str
    connect: Callable[[str, str], Client]
    registry: Literal["PyPI", "npm"] = "PyPI"

    @property
    def version(self) -> str:
        """The installed version, empty where it is not installed."""
        return version(self.package) if self.registry == "PyPI" else installed(self.package)


CLIENTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(name="openai, chat", format="openai_chat", package="openai", connect=OpenAIChat),
        Part(name="openai, responses", format="openai_responses", package="openai", connect=OpenAIResponses),
        Part(name="anthropic", format="anthropic", package="anthropic", connect=AnthropicMessages),
        Part(name="google-genai", format="gemini", package="google-genai", connect=Google),
        Part(
            name="openai (JavaScript), chat",
            format="openai_chat",
            package="openai",
            registry="npm",
            connect=partial(JavaScript, "openai_chat"),
        ),
        Part(
            name="openai (JavaScript), responses",
            format="openai_responses",
            package="openai",
            registry="npm",
            connect=partial(JavaScript, "openai_responses"),
        ),
        Part(
            name="anthropic (JavaScript)",
            format="anthropic",
            package="@anthropic-ai/sdk",
            registry="npm",
            connect=partial(JavaScript, "anthropic"),
        ),
        Part(name="llm", format="openai_chat", package="llm", connect=LLM),
        Part(
            name="pydantic-ai, chat",
            format="openai_chat",
            package="pydantic-ai-slim",
            connect=pydantic_ai_direct.chat,
        ),
        Part(
            name="pydantic-ai, responses",
            format="openai_responses",
            package="pydantic-ai-slim",
            connect=pydantic_ai_direct.responses,
        ),
        Part(
            name="pydantic-ai, anthropic",
            format="anthropic",
            package="pydantic-ai-slim",
            connect=pydantic_ai_direct.anthropic_messages,
        ),
        Part(
            name="pydantic-ai, gemini",
            format="gemini",
            package="pydantic-ai-slim",
            connect=pydantic_ai_direct.gemini,
        ),
    )
}
SEALED_CHAT: dict[Format, str] = {
    "openai_chat": "openrouter",
    "openai_responses": "openrouter",
    "anthropic": "openrouter",
    "gemini": "gemini_chat",
}
"""Which server of Chat Completions thinks, for clients of each format: OpenAI's own shows and seals nothing there."""

_ON_THE_CALL = "a call has no place for Google's thought signature; Google's own substitute is sent"
_NOTHING_SEALED = "Ollama seals nothing, so nobody can tell whether thinking that comes back is its own"
_LLM = "llm gives nothing back of what came beside text and calls"
_PYDANTIC = (
    "Pydantic AI's model for OpenAI gives no reasoning_details back; it has one of its own for OpenRouter"
)
_EMPTY = (
    "Pydantic AI gives no thought back that has no text; OpenAI's encrypted thinking came without a summary"
)

IMPOSSIBLE: dict[tuple[str, str, str], str] = {
    ("openai_chat", "ollama", "reasoning"): _NOTHING_SEALED,
    ("llm", "openai_chat", "reasoning"): _LLM,
    ("llm", "openai_responses", "reasoning"): _LLM,
    ("llm", "anthropic", "reasoning"): _LLM,
    ("llm", "gemini", "reasoning"): _LLM,
    ("pydantic-ai, chat", "openai_chat", "reasoning"): _PYDANTIC,
    ("pydantic-ai, chat", "openai_responses", "reasoning"): _PYDANTIC,
    ("pydantic-ai, chat", "anthropic", "reasoning"): _PYDANTIC,
    ("pydantic-ai, gemini", "openai_responses", "reasoning"): _EMPTY,
    ("openai_responses", "gemini", "reasoning"): _ON_THE_CALL,
    ("openai_responses", "ollama", "reasoning"): _NOTHING_SEALED,
    ("anthropic", "gemini", "reasoning"): _ON_THE_CALL,
    ("anthropic", "ollama", "reasoning"): _NOTHING_SEALED,
    ("gemini", "ollama", "reasoning"): _NOTHING_SEALED,
}
"""By client or client's format, upstream format and case."""


def impossible(client: str, upstream: str, case: str) -> str | None:
    """Why a cell cannot be, `None` where it can."""
    by_name = IMPOSSIBLE.get((client, upstream, case))
    return by_name or IMPOSSIBLE.get((CLIENTS[client].format, upstream, case))


def server(client: str, upstream: str, case: str) -> str:
    """Which deployment of an upstream's format answers."""
    if (upstream, case) == ("openai_chat", "reasoning"):
        return SEALED_CHAT[CLIENTS[client].format]
    return upstream
