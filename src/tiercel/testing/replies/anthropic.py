"""A scripted answer as Anthropic's Messages sends it."""

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.testing.replies.said import Said, SayFinish, halves, named_frame, words

_FINISH: dict[SayFinish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def _input(said: Said) -> JsonObject:
    return {
        "input_tokens": said.input_tokens - said.cached_tokens,
        "cache_read_input_tokens": said.cached_tokens,
        "cache_creation_input_tokens": 0,
    }


def _blocks(said: Said) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    if said.reasoning:
        blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": "c2lnbmVk"})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    for call in said.calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments_value})
    return blocks


def _head(said: Said) -> JsonObject:
    return {"id": said.id, "type": "message", "role": "assistant", "model": said.model}


def body(said: Said) -> JsonObject:
    return {
        **_head(said),
        "content": _blocks(said),
        "stop_reason": _FINISH[said.finish],
        "stop_sequence": None,
        "usage": {**_input(said), "output_tokens": said.output_tokens},
    }


def _deltas(block: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    """A block as its stream opens it, and the deltas that fill it."""
    if block["type"] == "thinking":
        opened = {"type": "thinking", "thinking": "", "signature": ""}
        filled = [{"type": "thinking_delta", "thinking": word} for word in words(block["thinking"])]
        return opened, [*filled, {"type": "signature_delta", "signature": block["signature"]}]
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": word} for word in words(block["text"])]
        return {"type": "text", "text": ""}, deltas
    arguments = msgspec.json.encode(block["input"]).decode()
    pieces = [{"type": "input_json_delta", "partial_json": half} for half in halves(arguments)]
    return {**block, "input": {}}, pieces


def stream(said: Said) -> tuple[bytes, ...]:
    message = {**_head(said), "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[JsonObject] = [
        {
            "type": "message_start",
            "message": {**message, "usage": {**_input(said), "output_tokens": 1}},
        }
    ]
    for index, block in enumerate(_blocks(said)):
        opened, deltas = _deltas(block)
        events.append({"type": "content_block_start", "index": index, "content_block": opened})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": _FINISH[said.finish], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ending, "usage": {"output_tokens": said.output_tokens}})
    events.append({"type": "message_stop"})
    return tuple(map(named_frame, events))
