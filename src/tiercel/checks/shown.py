"""A conversation and its answer as a model is shown them that has to judge the answer, and the JSON that it gives back.

The answer stands between marks that nobody could know beforehand, so that nothing in it can pass for the end of it.
"""

import json
import secrets

import msgspec

from tiercel.checks.check import Subject
from tiercel.domain.errors import CheckError
from tiercel.domain.request import Message, ModelRequest, Text, ToolCall, ToolResult
from tiercel.domain.response import Choice

MOST_CHARS = 60_000
"""Of the conversation, its end; an answer beyond it is not judged."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The text with its marks, and the code in them."""

    text: str
    code: str


def shown_with_marks(subject: Subject) -> Shown:
    """The end of the conversation, then the answer. Raises `CheckError` where the answer is too long."""
    code = secrets.token_hex(8)
    asked = _conversation_shown(subject.request, code)
    return Shown(text=f"{asked}\n\n{_answer_shown(subject.choice, 'answer', code)}", code=code)


def both_shown_with_marks(request: ModelRequest, first: Choice, second: Choice) -> Shown:
    """The end of the conversation, then two answers, called A and B. Raises `CheckError` where one is too long."""
    code = secrets.token_hex(8)
    pieces = (
        _conversation_shown(request, code),
        _answer_shown(first, "answer A", code),
        _answer_shown(second, "answer B", code),
    )
    return Shown(text="\n\n".join(pieces), code=code)


def shown_beside(request: ModelRequest, name: str, text: str) -> Shown:
    """The end of the conversation, then this text between marks of this name."""
    code = secrets.token_hex(8)
    asked = _conversation_shown(request, code)
    return Shown(text=f"{asked}\n\n<{name} {code}>\n{text}\n</{name} {code}>", code=code)


def _conversation_shown(request: ModelRequest, code: str) -> str:
    asked = _conversation(request)
    left_out = "(its beginning is left out)\n" if len(asked) > MOST_CHARS else ""
    return f"<conversation {code}>\n{left_out}{asked[-MOST_CHARS:]}\n</conversation {code}>"


def _answer_shown(choice: Choice, name: str, code: str) -> str:
    answer = _answer(choice)
    if len(answer) > MOST_CHARS:
        raise CheckError(f"the answer is too long to be judged ({len(answer):,} characters)")
    return f"<{name} {code}>\n{answer}\n</{name} {code}>"


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


def _answer(choice: Choice) -> str:
    calls = [
        json.dumps({"calls": call.name, "arguments": call.arguments}, ensure_ascii=False)
        for call in choice.tool_calls
    ]
    return "\n".join([choice.text, *calls]).strip()
