"""Where in a conversation we are: what was asked last, what before, under which system prompt, inside a tool loop or
not. Only heads of texts are taken, so that the work is bounded however long the history."""

import msgspec

from tiercel.domain.request import ATTRIBUTION, Message, ModelRequest, Role, Text, ToolCall, ToolResult

SYSTEM_ROLES: frozenset[Role] = frozenset(("system", "developer"))
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
    last: Message | None = None
    for message in reversed(request.messages):
        role = message.role
        if role in SYSTEM_ROLES:
            continue
        last = last or message
        if role == "tool" or (answered and role == "assistant"):
            continue
        parts = message.parts
        # most messages are of one text, which needs no joining
        text = part.text if len(parts) == 1 and isinstance(part := parts[0], Text) else message.text
        if role == "assistant":
            answered = text
        elif not asked:
            asked = text.strip()
        elif text := text.strip():
            earlier = text[:EARLIER_CHARS]
            break
    in_tool_loop = last is not None and _in_tools(last)
    return Conversation(asked, earlier, _system_head(request.messages), "```" in answered, in_tool_loop)


def _in_tools(last: Message) -> bool:
    """Whether the model is in the middle of its tools: results have just come, or calls wait for theirs."""
    if last.role == "tool":
        return True
    for part in last.parts:
        if isinstance(part, ToolResult) or (last.role == "assistant" and isinstance(part, ToolCall)):
            return True
    return False


def _system_head(messages: tuple[Message, ...]) -> str:
    for message in messages[:3]:
        if message.role in SYSTEM_ROLES:
            for part in message.parts:
                if isinstance(part, Text) and not part.text.startswith(ATTRIBUTION):
                    return part.text[:SYSTEM_CHARS]
    return ""
