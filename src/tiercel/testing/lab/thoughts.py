"""A simulated model's thinking, where the format it answers in shows it, sealed the way that format seals it. Pure."""

import msgspec

from tiercel.domain.json import Json
from tiercel.domain.request import Reasoning, Text, ToolCall
from tiercel.testing.lab.scene import Scene
from tiercel.testing.lab.seals import make_seal
from tiercel.wire.gemini.signature import call_mark, text_mark

THOUGHT = "Simulated thinking: reading the request, weighing the answer."
ENCRYPTED = "reasoning.encrypted_content"
_INCLUDE_THOUGHTS = "generationConfig.thinkingConfig.includeThoughts"


def shown_thought(scene: Scene) -> Reasoning | None:
    """What is shown of the thinking, which depends on the format and on what was asked for; `None` for nothing.

    Anthropic and Google seal it, OpenRouter too where it serves Claude; OpenAI's Responses shows a summary and gives
    the rest encrypted, each only when asked. A call that was demanded is made without thinking.
    """
    if scene.must_call:
        return None
    extra = scene.request.extra
    match scene.request.format:
        case "anthropic":
            seal = make_seal(scene.model.name, THOUGHT)
            return Reasoning(text=THOUGHT, signature=seal, source="anthropic")
        case "openai_responses":
            summary = _key(extra.get("reasoning"), "summary") is not None
            listed = extra.get("include")
            wanted = isinstance(listed, list) and ENCRYPTED in listed
            return Reasoning(
                text=THOUGHT if summary else "",
                signature=make_seal(scene.model.name, THOUGHT) if wanted else None,
                source="openai_responses",
                extra={"summary": [{"type": "summary_text", "text": THOUGHT}] if summary else []},
            )
        case "gemini":
            return Reasoning(text=THOUGHT, source="gemini") if extra.get(_INCLUDE_THOUGHTS) else None
        case "ollama":
            return Reasoning(text=THOUGHT, source="ollama")
        case _:
            return _in_chat(scene)


def sealed_text(scene: Scene, text: str) -> Text:
    """A text with Google's signature on it, where Google answers in its own format."""
    if scene.request.format != "gemini":
        return Text(text=text)
    return Text(text=text, extra=text_mark(make_seal(scene.model.name, text)))


def sealed_calls(scene: Scene, calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Calls of which the first has Google's signature, in either of the formats Google speaks."""
    if not calls or not seals_calls(scene.request.format, scene.model.provider):
        return calls
    mark = call_mark(make_seal(scene.model.name, calls[0].name))
    first = msgspec.structs.replace(calls[0], extra={**calls[0].extra, **mark})
    return (first, *calls[1:])


def seals_calls(format: str, provider: str) -> bool:
    """Whether calls are signed, and must come back so."""
    return format == "gemini" or provider == "gemini"


def _in_chat(scene: Scene) -> Reasoning:
    if scene.model.provider != "openrouter":
        return Reasoning(text=THOUGHT, source="openai_chat")
    return Reasoning(text=THOUGHT, signature=make_seal(scene.model.name, THOUGHT), source="anthropic")


def _key(value: Json, key: str) -> Json:
    return value.get(key) if isinstance(value, dict) else None
