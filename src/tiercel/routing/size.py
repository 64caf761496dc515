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
    estimate_all,
)

MEDIA_MARGIN = 1.0
"""What a picture or clip counts for differs from vendor to vendor by as much again."""
ORDER: tuple[Modality, ...] = ("text", "image", "video", "audio", "file")
TEXT_ONLY: tuple[Modality, ...] = ("text",)


class Load(msgspec.Struct, frozen=True):
    """What a request carries. `tool_calls` is whether the history holds any."""

    size: TokenEstimate
    modalities: tuple[Modality, ...]
    tool_calls: bool


def measure_load(request: ModelRequest) -> Load:
    """Size with tools and schema, modalities over all turns and tool results."""
    texts: list[str] = []
    media: list[Media] = []
    returned: list[Text | Media] = []
    calls = False
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, ToolCall):
                calls = True
                texts.append(part.name)
                texts.append(part.arguments)
            elif isinstance(part, ToolResult):
                returned += part.parts
            elif isinstance(part, Media):
                media.append(part)
            elif isinstance(part, Reasoning | Refusal):
                texts.append(part.text)
            elif isinstance(part, Opaque):
                texts.append(_json_text(part.raw))
            else:
                assert_never(part)
    for inner in returned:
        if isinstance(inner, Text):
            texts.append(inner.text)
        else:
            media.append(inner)
    for tool in request.tools:
        texts += (tool.name, tool.description)
        if shape := tool.raw or tool.parameters:
            texts.append(_json_text(shape))
    if request.response_format is not None and request.response_format.schema is not None:
        texts.append(_json_text(request.response_format.schema))
    words = TOKENS_PER_MESSAGE * len(request.messages) + estimate_all(texts)
    if not media:
        return Load(TokenEstimate(words), TEXT_ONLY, calls)
    shown = sum(TOKENS_PER_IMAGE if item.kind == "image" else TOKENS_PER_MEDIA for item in media)
    total = words + shown
    margin = round((words * MARGIN + shown * MEDIA_MARGIN) / total, 3)
    return Load(TokenEstimate(total, margin), _modalities(media), calls)


def _json_text(value: Json) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def _modalities(media: Iterable[Media]) -> tuple[Modality, ...]:
    kinds = {item.kind for item in media}
    return tuple(modality for modality in ORDER if modality == "text" or modality in kinds)
