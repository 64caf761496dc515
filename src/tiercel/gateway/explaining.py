"""A request that somebody pasted, to be explained and never sent: a plain prompt, or a body in any client's format."""

from collections.abc import Callable, Mapping
from typing import Literal, get_args

from tiercel.domain.errors import CallerError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Hints, Message, ModelRequest, Text
from tiercel.gateway.hints import HEADERS, PREFIX, checked_hints, own_metadata
from tiercel.gateway.surfaces import CHAT_COMPLETIONS, CREATE_MESSAGE, CREATE_RESPONSE, generate_content
from tiercel.wire.scan import parse_object

Pasted = Literal["prompt", "openai_chat", "openai_responses", "anthropic", "gemini"]
PASTED: tuple[Pasted, ...] = get_args(Pasted)
STATED = tuple(HEADERS)
"""The hints that may be given beside it."""
OF_ANTHROPIC = frozenset(("system", "stop_sequences", "thinking", "anthropic_version"))
"""Keys of a body with `messages` that Chat Completions do not have."""
PARTS_OF_ANTHROPIC = frozenset(("tool_use", "tool_result", "thinking", "redacted_thinking", "document"))


def asked(
    text: bytes,
    *,
    model: str = "auto",
    form: Pasted | None = None,
    stated: Mapping[str, tuple[str, str]] = {},
) -> tuple[ModelRequest, Hints]:
    """The request and what it states about itself, `stated` (`name: (value, where it stood)`) before its own metadata.

    `model` is for a prompt, and for Gemini's clients, who name it in the address. Raises `CallerError`.
    """
    request, ours = own_metadata(_read(text, form or form_of(text), model))
    hints = {name: (ours[name], f"metadata['{PREFIX}{name}']") for name in STATED if name in ours}
    return request, checked_hints(hints | dict(stated))


def form_of(text: bytes) -> Pasted:
    """What this is, as far as it tells. Raises `CallerError` for what begins like an object and is no request."""
    if not text.lstrip().startswith(b"{"):
        return "prompt"
    body = parse_object(text)
    if "contents" in body:
        return "gemini"
    if "input" in body:
        return "openai_responses"
    if "messages" in body:
        return "anthropic" if _is_of_anthropic(body) else "openai_chat"
    raise CallerError(
        "invalid_request", "this JSON is no request: it has neither messages nor contents nor input"
    )


def _is_of_anthropic(body: JsonObject) -> bool:
    if not OF_ANTHROPIC.isdisjoint(body):
        return True
    if any("input_schema" in tool for tool in _objects(body.get("tools"))):
        return True
    parts = (part for one in _objects(body["messages"]) for part in _objects(one.get("content")))
    return any(part.get("type") in PARTS_OF_ANTHROPIC or "source" in part for part in parts)


def _objects(value: Json) -> list[JsonObject]:
    """The objects of a list; none where it is something else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _read(text: bytes, form: Pasted, model: str) -> ModelRequest:
    if form == "prompt":
        words = text.decode("utf-8", "replace").strip()
        if not words:
            raise CallerError("invalid_request", "there is nothing to explain: paste a prompt or a body")
        message = Message(role="user", parts=(Text(text=words),))
        return ModelRequest(format="openai_chat", model=model, messages=(message,))
    decode: dict[Pasted, Callable[[bytes], ModelRequest]] = {
        "openai_chat": CHAT_COMPLETIONS.decode,
        "openai_responses": CREATE_RESPONSE.decode,
        "anthropic": CREATE_MESSAGE.decode,
        "gemini": generate_content(model, stream=False, as_events=False).decode,
    }
    return decode[form](text)
