"""What real providers refuse and tolerant servers let pass: one module for each format, in the providers' own wording.

So bugs of portability show in the lab. The rules are those that documentation or error messages in public reports
state; where a provider is known to be milder than its documentation, the documentation counts. Pure.
"""

from collections.abc import Callable, Iterator, Mapping

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Format
from tiercel.testing.lab.strict import anthropic, gemini, ollama, openai_chat, openai_responses
from tiercel.testing.lab.strict.asked import Asked, Objection

_RULES: dict[Format, Callable[[JsonObject, Asked], Iterator[Objection]]] = {
    "openai_chat": openai_chat.objections,
    "openai_responses": openai_responses.objections,
    "anthropic": anthropic.objections,
    "gemini": gemini.objections,
    "ollama": ollama.objections,
}


def objection(
    format: Format, body: JsonObject, provider: str, model: str, headers: Mapping[str, str]
) -> Objection | None:
    """The first thing that the real provider would refuse in this body, if any."""
    return next(_RULES[format](body, Asked(provider=provider, model=model, headers=headers)), None)


__all__ = ["Objection", "objection"]
