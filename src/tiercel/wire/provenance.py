"""Seals: opaque marks in a conversation that only the model which made them can read.

Signatures of thinking, encrypted reasoning, thought signatures of calls and texts. A client gives them back as they
came. When the ladder turns to another model they are taken out, as that one would refuse them; its codec then writes
the documented substitute where it needs one.
"""

from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from tiercel.domain.request import Format, Message, ModelRequest, Part, Reasoning, Text, ToolCall
from tiercel.domain.response import ModelResponse
from tiercel.wire.foreign_seal import opened

THOUGHTS = "extra_content"
"""Where a tool call keeps Google's thought signature; see `gemini/signature.py`."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who made a seal: `maker` is provider and model, `format` the one in which it was made."""

    maker: str
    format: Format


OriginOf = Callable[[str], Origin | None]
NOBODY = Origin(maker="", format="openai_chat")


def seal_of(part: Part) -> str | None:
    """The part's seal, if it has one."""
    if isinstance(part, Reasoning):
        return part.signature or part.redacted
    if isinstance(part, ToolCall):
        return _thought_signature(part)
    if isinstance(part, Text) and "gemini" in part.extra:
        mark = part.extra["gemini"]
        signature = mark.get("thoughtSignature") if isinstance(mark, dict) else None
        return signature if isinstance(signature, str) else None
    return None


def seals_in(response: ModelResponse) -> Iterator[tuple[str, Format]]:
    """Every seal of an answer, with the format in which it was made."""
    for choice in response.choices:
        for part in choice.parts:
            if part.__class__ is Text and not part.extra:
                continue  # as nearly all are
            seal = seal_of(part)
            if seal is not None:
                yield seal, (isinstance(part, Reasoning) and part.source) or "gemini"


def without_foreign_seals(
    request: ModelRequest, maker: str, origin_of: OriginOf
) -> tuple[ModelRequest, tuple[str, ...]]:
    """The request as `maker` may be sent it, and the names of what was taken out.

    A seal of unknown origin stays: whoever reads its format will try it. One that comes home gets back the format in
    which it was made, whichever the client spoke; where that client carried it inside one of ours, it is opened.
    """
    if not _may_be_sealed(request):
        return request, ()
    lost: list[str] = []
    messages: list[Message] = []
    changed = False
    for number, message in enumerate(request.messages):
        if message.role != "assistant":
            messages.append(message)
            continue
        parts: list[Part] = []
        for part in message.parts:
            kept = _sealed_for(part, maker, origin_of)
            if kept is not None:
                parts.append(kept)
            if kept is None or (kept is not part and seal_of(kept) is None):
                lost.append(f"messages[{number}].{'reasoning' if kept is None else 'signature'}")
        same = len(parts) == len(message.parts) and all(
            a is b for a, b in zip(parts, message.parts, strict=True)
        )
        changed = changed or not same
        messages.append(message if same else replace(message, parts=tuple(parts)))
    if not changed:
        return request, ()
    return replace(request, raw=None, messages=tuple(messages)), tuple(lost)


def without_seals(request: ModelRequest) -> tuple[ModelRequest, tuple[str, ...]]:
    """The request without any seal, for after one was refused; and the names of what was taken out."""
    return without_foreign_seals(request, "nobody's", lambda seal: NOBODY)


def _may_be_sealed(request: ModelRequest) -> bool:
    """Most conversations are texts and nothing else, where there is nothing to look at more closely."""
    for message in request.messages:
        if message.role == "assistant":
            for part in message.parts:
                if part.__class__ is not Text or part.extra:
                    return True
    return False


def _sealed_for(part: Part, maker: str, origin_of: OriginOf) -> Part | None:
    seal = seal_of(part)
    if seal is None:
        return part
    origin = origin_of(seal)
    if origin is None and isinstance(part, Reasoning):
        part = opened(part)
        origin = origin_of(seal_of(part) or "")
    if origin is None:
        return part
    if origin.maker == maker:
        if isinstance(part, Reasoning) and part.source != origin.format:
            return replace(part, source=origin.format)
        return part
    if isinstance(part, Reasoning):
        return None
    if isinstance(part, ToolCall):
        return replace(part, extra={key: value for key, value in part.extra.items() if key != THOUGHTS})
    assert isinstance(part, Text)
    return replace(part, extra={key: value for key, value in part.extra.items() if key != "gemini"})


def _thought_signature(call: ToolCall) -> str | None:
    content = call.extra.get(THOUGHTS)
    google = content.get("google") if isinstance(content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None
