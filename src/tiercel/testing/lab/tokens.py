"""How many tokens the lab counts: the gateway's own estimate, as the lab has no tokenizer either. Pure."""

from collections.abc import Sequence

import msgspec

from tiercel.domain.request import Media, ModelRequest, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from tiercel.domain.tokens import TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, estimate_tokens


def input_tokens(request: ModelRequest) -> int:
    """About how many tokens the request has, its tools and pictures included."""
    count = sum(TOKENS_PER_MESSAGE + parts_tokens(message.parts) for message in request.messages)
    for tool in request.tools:
        count += estimate_tokens(tool.description) + len(msgspec.json.encode(tool.parameters)) // 4
    return count


def parts_tokens(parts: Sequence[Part]) -> int:
    """About how many tokens these parts have together."""
    return sum(map(_part_tokens, parts))


def _part_tokens(part: Part) -> int:
    match part:
        case Text() | Reasoning() | Refusal():
            return estimate_tokens(part.text)
        case Media():
            return TOKENS_PER_IMAGE
        case ToolCall():
            return estimate_tokens(part.arguments) + estimate_tokens(part.name)
        case ToolResult():
            return parts_tokens(part.parts)
        case _:
            return TOKENS_PER_MESSAGE
