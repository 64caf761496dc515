"""A whole answer, both ways."""

import msgspec

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Media, Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from tiercel.domain.response import Choice, ModelResponse, Stamp
from tiercel.wire.anthropic.blocks import read_block
from tiercel.wire.anthropic.finish import read_finish, written_finish
from tiercel.wire.anthropic.usage import read_usage, write_usage
from tiercel.wire.arguments import arguments_object
from tiercel.wire.codec import UpstreamReplyError
from tiercel.wire.error_facts import facts_of
from tiercel.wire.fields import shared
from tiercel.wire.foreign_seal import carried_seal
from tiercel.wire.identifiers import portable_id
from tiercel.wire.scan import parse_upstream_object

KEPT_FIELDS = ("container", "context_management")
"""Fields of an answer that mean something to a client of this format and to nobody else."""
CITATION = "citations_delta"


def decode_response(body: bytes) -> ModelResponse:
    """Raises `UpstreamDataError`, and `UpstreamReplyError` for an error object in a 200."""
    source = parse_upstream_object(body)
    if source.get("type") == "error" or source.get("error"):
        raise UpstreamReplyError(facts_of(source.get("error")))
    content = source.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise UpstreamDataError("the upstream's answer has no list of content blocks")
    parts = [read_block(block) for block in content]
    explanation = refusal_text(source.get("stop_details"))
    if explanation:
        parts.append(Refusal(text=explanation))
    return ModelResponse(
        id=source["id"] if isinstance(source.get("id"), str) else "",
        model=source["model"] if isinstance(source.get("model"), str) else "",
        choices=(
            Choice(
                parts=tuple(parts),
                finish=read_finish(source.get("stop_reason"), source.get("stop_sequence")),
            ),
        ),
        usage=read_usage(source.get("usage")),
        extra={key: source[key] for key in KEPT_FIELDS if source.get(key) is not None},
    )


def refusal_text(details: object) -> str:
    """Why an answer was refused, as `stop_details` explains it."""
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return explanation if isinstance(explanation, str) else ""


def encode_response(response: ModelResponse, stamp: Stamp) -> bytes:
    """The first choice: this format knows only one."""
    choice = response.choices[0] if response.choices else Choice()
    body: JsonObject = {
        "id": stamp.id,
        "type": "message",
        "role": "assistant",
        "model": stamp.model,
        "content": _blocks(choice),
        **ending(choice, choice.refusal),
        "usage": write_usage(response.usage),
    }
    return msgspec.json.encode(
        body | {key: response.extra[key] for key in KEPT_FIELDS if key in response.extra}
    )


def ending(choice: Choice, refusal: str) -> JsonObject:
    """How an answer ended. A refusal told in words is one here, whatever the model's own format called it."""
    stopped: JsonObject = {
        "stop_reason": "refusal" if refusal else written_finish(choice.finish),
        "stop_sequence": choice.finish.stop_sequence,
    }
    if refusal:
        stopped["stop_details"] = {"type": "refusal", "category": None, "explanation": refusal}
    return stopped


def _blocks(choice: Choice) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    for part in choice.parts:
        if isinstance(part, Opaque) and part.source == "anthropic" and is_citation(part.raw):
            text = next((block for block in reversed(blocks) if block["type"] == "text"), None)
            if text is not None:
                text["citations"] = [*(text.get("citations") or ()), part.raw.get("citation")]
            continue
        block = written_block(part)
        if block is not None:
            blocks.append(block)
    return blocks


def is_citation(raw: object) -> bool:
    return isinstance(raw, dict) and raw.get("type") == CITATION


def written_block(part: Part) -> JsonObject | None:
    """A part of an answer as a block; `None` for what has no place in this format's answers."""
    match part:
        case Text():
            return {"type": "text", "text": part.text, **shared(part.extra)} if part.text else None
        case ToolCall():
            read = arguments_object(part.arguments)
            block = {"type": "tool_use", "id": portable_id(part.id), "name": part.name, "input": read}
            return {**block, "caller": part.extra["caller"]} if "caller" in part.extra else block
        case Reasoning() if part.redacted is not None:
            return {"type": "redacted_thinking", "data": part.redacted}
        case Reasoning():
            return {
                "type": "thinking",
                "thinking": part.text,
                "signature": carried_seal(part, "anthropic") or "",
            }
        case Opaque() if part.source == "anthropic" and isinstance(part.raw, dict):
            return part.raw
        case Opaque() | Refusal() | Media() | ToolResult():
            return None
