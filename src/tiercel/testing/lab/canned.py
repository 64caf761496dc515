"""What a simulated model says to a prompt it does not know: what it is, and what has reached it. Pure.

So a test sees in the answer whether instructions, pictures, tool results and earlier turns came through.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from tiercel.domain.request import Media, ModelRequest, Part, Text, ToolResult
from tiercel.testing.lab.from_schema import smallest
from tiercel.testing.lab.scene import Scene
from tiercel.testing.lab.tokens import input_tokens

CANNED = (
    "Simulated answer of {model} to a request of about {tokens} tokens. The lab has real answers only to the tasks of "
    "`tiercel demo` and to recorded prompts."
)
QUOTED_CHARS = 60


def canned_answer(scene: Scene) -> str:
    """JSON where that was wanted, the smallest that fits the schema; else a few sentences."""
    wanted = scene.request.response_format
    if wanted is not None and wanted.kind == "json_schema":
        return msgspec.json.encode(smallest(wanted.schema)).decode()
    if wanted is not None and wanted.kind == "json_object":
        return msgspec.json.encode({"simulated": True, "model": scene.model.name}).decode()
    said = CANNED.format(model=scene.model.name, tokens=input_tokens(scene.request))
    return " ".join((said, *_what_came(scene)))


def _what_came(scene: Scene) -> Iterator[str]:
    request = scene.request
    instructions = next((m.text for m in request.messages if m.role in ("system", "developer")), "")
    if instructions:
        yield f"Its instructions begin with {_quoted(instructions)}."
    turns = [message for message in request.messages if message.role == "user" and message.text]
    if len(turns) > 1:
        yield f"This is turn {len(turns)} of a conversation that began with {_quoted(turns[0].text)}."
    shown = Counter(part.kind for message in request.messages for part in _media(message.parts))
    if shown:
        listed = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(shown.items()))
        yield f"It was shown {listed}."
    if scene.tools_answered:
        yield f"The tools returned: {' | '.join(map(_returned, _last_results(request)))}."


def _media(parts: tuple[Part, ...]) -> Iterator[Media]:
    for part in parts:
        if isinstance(part, Media):
            yield part
        elif isinstance(part, ToolResult):
            yield from (inner for inner in part.parts if isinstance(inner, Media))


def _last_results(request: ModelRequest) -> list[ToolResult]:
    results: list[ToolResult] = []
    for message in reversed(request.messages):
        if message.role in ("system", "developer"):
            continue
        if message.role != "tool":
            break
        results = [part for part in message.parts if isinstance(part, ToolResult)] + results
    return results


def _returned(result: ToolResult) -> str:
    text = " ".join(part.text for part in result.parts if isinstance(part, Text))
    return f"error {_quoted(text)}" if result.is_error else _quoted(text)


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return f'"{flat[:QUOTED_CHARS]}"'
