"""A conversation and its answer as a model is shown them that has to judge the answer, and the JSON that it gives back.

The answer stands between marks that nobody could know beforehand, so that nothing in it can pass for the end of it.
"""

import json
import secrets

import msgspec

from tiercel.checks.check import Subject
from tiercel.domain.errors import CheckError
from tiercel.domain.request import Message, ModelRequest, Text, ToolCall, ToolResult

MOST_CHARS = 60_000
"""Of the conversation, its end; an answer beyond it is not judged."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The text with its marks, and the code in them."""

    text: str
    code: str


def shown_with_marks(subject: Subject) -> Shown:
    """The end of the conversation, then the answer. Raises `CheckError` where the answer is too long."""
    answer = _answer(subject)
    if len(answer) > MOST_CHARS:
        raise CheckError(f"the answer is too long to be judged ({len(answer):,} characters)")
    asked = _conversation(subject.request)
    code = secrets.token_hex(8)
    left_out = "(its beginning is left out)\n" if len(asked) > MOST_CHARS else ""
    text = (
        f"<conversation {code}>\n{left_out}{asked[-MOST_CHARS:]}\n</conversation {code}>\n\n"
        f"<answer {code}>\n{answer}\n</answer {code}>"
    )
    return Shown(text=text, code=code)


def bare_json(text: str) -> str:
    """The JSON that was asked for, out of the fence that some models put around all JSON."""
    text = text.strip()
    fenced = text.startswith("```json\n") and text.endswith("\n```")
    return text[8:-4] if fenced else text


def _conversation(request: ModelRequest) -> str:
    return "\n\n".join(f"[{message.role}]\n{_said(message)}" for message in request.messages)


def _said(message: Message) -> str:
    pieces: list[str] = []
    for part in message.parts:
        match part:
            case Text():
                pieces.append(part.text)
            case ToolCall():
                pieces.append(f"(calls {part.name} with {part.arguments})")
            case ToolResult():
                pieces.append(
                    f"(a tool's result) {''.join(p.text for p in part.parts if isinstance(p, Text))}"
                )
            case _:
                pieces.append(f"(something that is no text: {type(part).__name__.lower()})")
    return "\n".join(pieces)


def _answer(subject: Subject) -> str:
    choice = subject.choice
    calls = [
        json.dumps({"calls": call.name, "arguments": call.arguments}, ensure_ascii=False)
        for call in choice.tool_calls
    ]
    return "\n".join([choice.text, *calls]).strip()
