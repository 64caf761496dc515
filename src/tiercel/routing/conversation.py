"""Where in a conversation we are: what was asked last, what before, under which system prompt, inside a tool loop or
not. Only heads of texts are taken, so that the work is bounded however long the history."""

import msgspec

from tiercel.domain.request import Message, ModelRequest, Text, ToolCall, ToolResult

SYSTEM_CHARS = 1_500
EARLIER_CHARS = 800


class Conversation(msgspec.Struct, frozen=True):
    """`asked` is the last user message, `earlier` the one before it, `system` the head of the system prompt in lower
    case. `code_before` is whether the last answer held a code fence."""

    asked: str = ""
    earlier: str = ""
    system: str = ""
    code_before: bool = False
    in_tool_loop: bool = False


def read_conversation(request: ModelRequest) -> Conversation:
    """The texts that are worth reading."""
    said: list[str] = []
    answered = ""
    for message in reversed(request.messages):
        if message.role == "user" and (text := message.text.strip()):
            said.append(text)
            if len(said) == 2:
                break
        elif message.role == "assistant" and not answered:
            answered = message.text
    asked = said[0] if said else ""
    return Conversation(
        asked,
        said[1][:EARLIER_CHARS] if len(said) > 1 else "",
        _system_head(request.messages),
        "```" in answered,
        in_tool_loop(request.messages),
    )


def in_tool_loop(messages: tuple[Message, ...]) -> bool:
    """Whether the model is in the middle of its tools: results have just come, or calls wait for theirs."""
    for message in reversed(messages):
        if message.role in ("system", "developer"):
            continue
        if message.role == "tool" or any(isinstance(part, ToolResult) for part in message.parts):
            return True
        return message.role == "assistant" and any(isinstance(part, ToolCall) for part in message.parts)
    return False


def _system_head(messages: tuple[Message, ...]) -> str:
    for message in messages[:2]:
        if message.role in ("system", "developer"):
            for part in message.parts:
                if isinstance(part, Text):
                    return part.text[:SYSTEM_CHARS].lower()
    return ""
