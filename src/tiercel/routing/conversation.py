"""Where in a conversation we are: what was asked last, what before, under which system prompt, inside a tool loop or
not. Only heads of texts are taken, so that the work is bounded however long the history."""

import msgspec

from tiercel.domain.request import ATTRIBUTION, Message, ModelRequest, Text, ToolCall, ToolResult

SYSTEM_CHARS = 1_500
EARLIER_CHARS = 800


class Conversation(msgspec.Struct, frozen=True):
    """`asked` is the last user message, `earlier` the head of the one before it, `system` that of the system prompt.
    `code_before` is whether the last answer held a code fence."""

    asked: str = ""
    earlier: str = ""
    system: str = ""
    code_before: bool = False
    in_tool_loop: bool = False


def read_conversation(request: ModelRequest) -> Conversation:
    """The texts that are worth reading."""
    asked = earlier = answered = ""
    for message in reversed(request.messages):
        if message.role == "user":
            text = _text(message).strip()
            if asked and text:
                earlier = text[:EARLIER_CHARS]
                break
            asked = asked or text
        elif message.role == "assistant" and not answered:
            answered = _text(message)
    return Conversation(
        asked, earlier, _system_head(request.messages), "```" in answered, in_tool_loop(request.messages)
    )


def in_tool_loop(messages: tuple[Message, ...]) -> bool:
    """Whether the model is in the middle of its tools: results have just come, or calls wait for theirs."""
    for message in reversed(messages):
        if message.role in ("system", "developer"):
            continue
        if message.role == "tool" or _holds(message, ToolResult):
            return True
        return message.role == "assistant" and _holds(message, ToolCall)
    return False


def _holds(message: Message, kind: type[ToolCall] | type[ToolResult]) -> bool:
    for part in message.parts:  # noqa: SIM110 - any() on a generator is a call for each part, on every request
        if isinstance(part, kind):
            return True
    return False


def _text(message: Message) -> str:
    """The message's text; most are of one part, which then needs no joining."""
    parts = message.parts
    if len(parts) == 1 and isinstance(part := parts[0], Text):
        return part.text
    return message.text


def _system_head(messages: tuple[Message, ...]) -> str:
    for message in messages[:3]:
        if message.role in ("system", "developer"):
            for part in message.parts:
                if isinstance(part, Text) and not part.text.startswith(ATTRIBUTION):
                    return part.text[:SYSTEM_CHARS]
    return ""
