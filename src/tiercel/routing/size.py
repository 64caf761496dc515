"""How large a request is, in tokens, and which modalities its whole history holds. One walk over all parts."""

from collections.abc import Iterable
from typing import assert_never

import msgspec

from tiercel.domain.json import Json
from tiercel.domain.request import (
    Media,
    Modality,
    ModelRequest,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from tiercel.domain.tokens import (
    MARGIN,
    TOKENS_PER_IMAGE,
    TOKENS_PER_MEDIA,
    TOKENS_PER_MESSAGE,
    TokenEstimate,
    estimate_tokens,
)

MEDIA_MARGIN = 1.0
"""What a picture or clip counts for differs from vendor to vendor by as much again."""
ORDER: tuple[Modality, ...] = ("text", "image", "video", "audio", "file")
TEXT_ONLY: tuple[Modality, ...] = ("text",)


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a request carries. `tool_calls` is whether the history holds any."""

    size: TokenEstimate
    modalities: tuple[Modality, ...]
    tool_calls: bool


def measure_load(request: ModelRequest) -> Load:
    """Size with tools and schema, modalities over all turns and tool results."""
    words = TOKENS_PER_MESSAGE * len(request.messages)
    media: list[Media] = []
    calls = False
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                words += estimate_tokens(part.text)
            else:
                calls = calls or isinstance(part, ToolCall)
                words += _tokens(part, media)
    for tool in request.tools:
        words += _tool_tokens(tool.name, tool.description, tool.raw or tool.parameters)
    if request.response_format is not None and request.response_format.schema is not None:
        words += _json_tokens(request.response_format.schema)
    if not media:
        return Load(size=TokenEstimate(words), modalities=TEXT_ONLY, tool_calls=calls)
    shown = sum(TOKENS_PER_IMAGE if item.kind == "image" else TOKENS_PER_MEDIA for item in media)
    total = words + shown
    margin = round((words * MARGIN + shown * MEDIA_MARGIN) / total, 3)
    return Load(size=TokenEstimate(total, margin), modalities=_modalities(media), tool_calls=calls)


def _tokens(part: Part, media: list[Media]) -> int:
    """Tokens of what can be read; media are put aside."""
    match part:
        case Text():
            return estimate_tokens(part.text)
        case Media():
            media.append(part)
        case ToolCall():
            return estimate_tokens(part.name) + estimate_tokens(part.arguments)
        case ToolResult():
            return sum(_tokens(inner, media) for inner in part.parts)
        case Reasoning() | Refusal():
            return estimate_tokens(part.text)
        case Opaque():
            return _json_tokens(part.raw)
        case _:
            assert_never(part)
    return 0


def _tool_tokens(name: str, description: str, shape: Json) -> int:
    return estimate_tokens(name) + estimate_tokens(description) + (_json_tokens(shape) if shape else 0)


def _json_tokens(value: Json) -> int:
    return estimate_tokens(msgspec.json.encode(value).decode("utf-8"))


def _modalities(media: Iterable[Media]) -> tuple[Modality, ...]:
    kinds = {item.kind for item in media}
    return tuple(modality for modality in ORDER if modality == "text" or modality in kinds)
