"""Who takes part: the clients, the format each speaks, and what cannot be, with its reason."""

from collections.abc import Callable
from importlib.metadata import version

import msgspec

from tests.conformance.clients.anthropic_messages import AnthropicMessages
from tests.conformance.clients.google import Google
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

    @property
    def version(self) -> str:
        return version(self.package)


CLIENTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(name="openai, chat", format="openai_chat", package="openai", connect=OpenAIChat),
        Part(name="openai, responses", format="openai_responses", package="openai", connect=OpenAIResponses),
        Part(name="anthropic", format="anthropic", package="anthropic", connect=AnthropicMessages),
        Part(name="google-genai", format="gemini", package="google-genai", connect=Google),
    )
}
IMPOSSIBLE: dict[tuple[str, str, str], str] = {}


def impossible(client: str, upstream: str, case: str) -> str | None:
    """Why a cell cannot be, `None` where it can."""
    part = CLIENTS[client]
    for key in ((client, upstream, case), (part.format, upstream, case)):
        if key in IMPOSSIBLE:
            return IMPOSSIBLE[key]
    return None
