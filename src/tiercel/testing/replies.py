"""Answers as a provider of each format sends them, written out by hand and in no codec's words.

So a codec is never tested only against itself. Pure. The lab, which must be right rather than independent, uses the
codecs instead.
"""

import re
from typing import Literal

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Format
from tiercel.testing.faults import Delivery

SayFinish = Literal["stop", "length", "tool_calls", "content_filter"]

_ANTHROPIC_FINISH: dict[SayFinish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_WORDS = re.compile(r"\s*\S+|\s+")


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call in an answer; `arguments` is JSON text, sent as it stands."""

    name: str
    arguments: str = "{}"
    id: str = "call_1"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says. Tokens are what the provider claims to have counted, the cached inside `input_tokens`."""

    text: str = ""
    calls: tuple[Called, ...] = ()
    finish: SayFinish = "stop"
    reasoning: str = ""
    model: str = "scripted"
    id: str = "scripted-1"
    input_tokens: int = 10
    cached_tokens: int = 0
    output_tokens: int = 5
    reasoning_tokens: int = 0


def delivery_of(said: Said, format: Format, request: JsonObject) -> Delivery:
    """The answer in `format`: a stream where the request asked for one, else one JSON body."""
    if not request.get("stream"):
        body = _openai_body(said) if format == "openai_chat" else _anthropic_body(said)
        return Delivery(headers=(("content-type", "application/json"),), pieces=(msgspec.json.encode(body),))
    if format == "openai_chat":
        options = request.get("stream_options") or {}
        pieces = _openai_stream(said, with_usage=bool(options.get("include_usage")))
    else:
        pieces = _anthropic_stream(said)
    return Delivery(headers=(("content-type", "text/event-stream"),), pieces=pieces, stream=True)


def _openai_usage(said: Said) -> JsonObject:
    return {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": said.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
    }


def _openai_calls(said: Said) -> list[JsonObject]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in said.calls
    ]


def _openai_body(said: Said) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": said.text if said.text or not said.calls else None}
    if said.calls:
        message["tool_calls"] = _openai_calls(said)
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    return {
        "id": said.id,
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": said.model,
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}],
        "usage": _openai_usage(said),
    }


def _openai_stream(said: Said, *, with_usage: bool) -> tuple[bytes, ...]:
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": word} for word in _WORDS.findall(said.reasoning)]
    deltas += [{"content": word} for word in _WORDS.findall(said.text)]
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(_openai_calls(said))]
    choices: list[list[JsonObject]] = [
        [{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas
    ]
    choices.append([{"index": 0, "delta": {}, "finish_reason": said.finish}])
    head = {"id": said.id, "object": "chat.completion.chunk", "created": 1_700_000_000, "model": said.model}
    chunks: list[JsonObject] = [{**head, "choices": entry} for entry in choices]
    if with_usage:
        chunks.append({**head, "choices": [], "usage": _openai_usage(said)})
    frames = [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks]
    return (*frames, b"data: [DONE]\n\n")


def _anthropic_input(said: Said) -> JsonObject:
    return {
        "input_tokens": said.input_tokens - said.cached_tokens,
        "cache_read_input_tokens": said.cached_tokens,
        "cache_creation_input_tokens": 0,
    }


def _anthropic_blocks(said: Said) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    if said.reasoning:
        blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": "c2lnbmVk"})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    for call in said.calls:
        arguments = msgspec.json.decode(call.arguments.encode())
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    return blocks


def _anthropic_head(said: Said) -> JsonObject:
    return {"id": said.id, "type": "message", "role": "assistant", "model": said.model}


def _anthropic_body(said: Said) -> JsonObject:
    return {
        **_anthropic_head(said),
        "content": _anthropic_blocks(said),
        "stop_reason": _ANTHROPIC_FINISH[said.finish],
        "stop_sequence": None,
        "usage": {**_anthropic_input(said), "output_tokens": said.output_tokens},
    }


def _anthropic_deltas(block: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    """A block as its stream opens it, and the deltas that fill it."""
    if block["type"] == "thinking":
        opened = {"type": "thinking", "thinking": "", "signature": ""}
        filled = [{"type": "thinking_delta", "thinking": word} for word in _WORDS.findall(block["thinking"])]
        return opened, [*filled, {"type": "signature_delta", "signature": block["signature"]}]
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": word} for word in _WORDS.findall(block["text"])]
        return {"type": "text", "text": ""}, deltas
    arguments = msgspec.json.encode(block["input"]).decode()
    halves = [arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]]
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": half} for half in halves]


def _anthropic_stream(said: Said) -> tuple[bytes, ...]:
    message = {**_anthropic_head(said), "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[JsonObject] = [
        {
            "type": "message_start",
            "message": {**message, "usage": {**_anthropic_input(said), "output_tokens": 1}},
        }
    ]
    for index, block in enumerate(_anthropic_blocks(said)):
        opened, deltas = _anthropic_deltas(block)
        events.append({"type": "content_block_start", "index": index, "content_block": opened})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": _ANTHROPIC_FINISH[said.finish], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ending, "usage": {"output_tokens": said.output_tokens}})
    events.append({"type": "message_stop"})
    return tuple(
        b"event: " + event["type"].encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"
        for event in events
    )
