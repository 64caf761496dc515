"""What a call has used where the provider does not say, or stopped before it said. Always marked as ours."""

import msgspec

from tiercel.domain.request import (
    Media,
    Message,
    ModelRequest,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from tiercel.domain.response import ModelResponse, Usage
from tiercel.domain.tokens import TOKENS_PER_IMAGE, TOKENS_PER_MEDIA, TOKENS_PER_MESSAGE, estimate_tokens

MOST_TOKENS = 100_000_000
"""No model takes or writes so many in one call: a larger count is a mistake, or meant to ruin somebody's budget."""
MOST_COST_NANO = 10_000_000_000_000
"""Ten thousand dollars for one call, likewise."""


def believable(seen: Usage | None) -> Usage | None:
    """What the provider counted, without what cannot be: then it counts as not counted, and is estimated."""
    if seen is None:
        return None
    if seen.uncached + seen.cached + seen.written + seen.visible + seen.reasoning > MOST_TOKENS:
        return None
    cost_nano = seen.reported_cost_nano
    if cost_nano is not None and not 0 <= cost_nano <= MOST_COST_NANO:
        return msgspec.structs.replace(seen, reported_cost_nano=None)
    return seen


def complete_usage(
    request: ModelRequest, response: ModelResponse, seen: Usage | None, *, whole: bool
) -> Usage:
    """The usage of a call that brought `response`, with what the provider counted (`seen`) kept where it holds.

    An answer that broke off (`whole` false) has used at least what it was sent and what arrived: of both counts, the
    provider's and the estimate, the larger is taken, and the result is marked `partial`.
    """
    if whole and seen is not None:
        return seen
    estimate = _estimated(request, response)
    if whole:
        return estimate
    if seen is None:
        return msgspec.structs.replace(estimate, source="partial")
    return msgspec.structs.replace(
        seen,
        uncached=seen.uncached if seen.input else estimate.uncached,
        visible=max(seen.visible, estimate.visible),
        reasoning=max(seen.reasoning, estimate.reasoning),
        source="partial",
    )


def _estimated(request: ModelRequest, response: ModelResponse) -> Usage:
    visible = reasoning = 0
    for choice in response.choices:
        for part in choice.parts:
            tokens = _part_tokens(part)
            if isinstance(part, Reasoning):
                reasoning += tokens
            else:
                visible += tokens
    return Usage(uncached=_input_tokens(request), visible=visible, reasoning=reasoning, source="estimated")


def _input_tokens(request: ModelRequest) -> int:
    tools = sum(
        estimate_tokens(f"{tool.name} {tool.description} {tool.parameters or ''}") for tool in request.tools
    )
    return tools + sum(_message_tokens(message) for message in request.messages)


def _message_tokens(message: Message) -> int:
    return TOKENS_PER_MESSAGE + sum(_part_tokens(part) for part in message.parts)


def _part_tokens(part: Part) -> int:
    match part:
        case Text() | Reasoning() | Refusal():
            return estimate_tokens(part.text)
        case ToolCall():
            return estimate_tokens(part.name + part.arguments)
        case ToolResult():
            return sum(_part_tokens(inner) for inner in part.parts)
        case Media():
            return TOKENS_PER_IMAGE if part.kind == "image" else TOKENS_PER_MEDIA
        case _:
            return estimate_tokens(str(part.raw))
