"""What is asked for, by path: the same paths as the providers', below each one's own beginning. Pure."""

import re
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from tiercel.domain.request import Format

Action = Literal["answer", "count", "embed", "list"]

_GEMINI_ACTIONS: dict[str, Action] = {
    "generateContent": "answer",
    "streamGenerateContent": "answer",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}
_GEMINI = re.compile(
    r"v1(?:beta1?)?/(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/google/)?models/([^/:]+):(\w+)"
)
_DEPLOYMENT = re.compile(r"openai/deployments/([^/]+)/(chat/completions|embeddings)")
_PLAIN: dict[str, tuple[Format, Action]] = {
    "chat/completions": ("openai_chat", "answer"),
    "embeddings": ("openai_chat", "embed"),
    "responses": ("openai_responses", "answer"),
    "responses/input_tokens": ("openai_responses", "count"),
    "messages": ("anthropic", "answer"),
    "messages/count_tokens": ("anthropic", "count"),
}
_OLLAMA: dict[str, Action] = {"api/chat": "answer", "api/embed": "embed", "api/tags": "list"}
_BEGINNING = re.compile(r"^(?:openai/)?v1/|^openai/(?=responses)")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """What a path asks for. `model` and `stream` are set where the path says them instead of the body.

    `events` is whether a stream is one of server-sent events, which Gemini's is only where asked for. `azure` marks
    the paths that name a deployment.
    """

    format: Format
    action: Action
    model: str | None = None
    stream: bool | None = None
    events: bool = True
    azure: bool = False


def find_address(path: str, formats: tuple[Format, ...]) -> Address | None:
    """What `path`, without its provider's beginning and with its query, asks of a provider that speaks `formats`."""
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    plain = parts.path.strip("/")
    if match := _GEMINI.fullmatch(plain):
        found = _gemini(match[1], match[2], query)
    elif match := _DEPLOYMENT.fullmatch(plain):
        # the older paths of Azure are nothing without the version they are of
        found = _deployment(match[1], match[2]) if "api-version" in query else None
    elif plain in _OLLAMA:
        found = Address(format="ollama", action=_OLLAMA[plain])
    elif plain.rpartition("/")[2] == "models":
        found = Address(format=_listing_format(plain, formats), action="list")
    else:
        said = _PLAIN.get(_BEGINNING.sub("", plain))
        found = None if said is None else Address(format=said[0], action=said[1])
    return found if found is not None and found.format in formats else None


def _gemini(model: str, verb: str, query: dict[str, list[str]]) -> Address | None:
    action = _GEMINI_ACTIONS.get(verb)
    if action is None:
        return None
    stream = verb.startswith("stream")
    return Address(
        format="gemini", action=action, model=model, stream=stream, events=query.get("alt") == ["sse"]
    )


def _deployment(model: str, what: str) -> Address:
    format, action = _PLAIN[what]
    return Address(format=format, action=action, model=model, azure=True)


def _listing_format(path: str, formats: tuple[Format, ...]) -> Format:
    return "gemini" if "gemini" in formats and path.startswith("v1beta") else formats[0]
