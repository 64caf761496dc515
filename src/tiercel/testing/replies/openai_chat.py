"""A scripted answer as Chat Completions sends it."""

from tiercel.domain.json import JsonObject
from tiercel.testing.replies.said import CREATED, Said, data_frame, words

DONE = b"data: [DONE]\n\n"


def _usage(said: Said) -> JsonObject:
    return {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": said.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
    }


def _calls(said: Said) -> list[JsonObject]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in said.calls
    ]


def body(said: Said) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": said.text if said.text or not said.calls else None}
    if said.calls:
        message["tool_calls"] = _calls(said)
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    return {
        "id": said.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": said.model,
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}],
        "usage": _usage(said),
    }


def stream(said: Said, *, with_usage: bool) -> tuple[bytes, ...]:
    deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": word} for word in words(said.reasoning)]
    deltas += [{"content": word} for word in words(said.text)]
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(_calls(said))]
    choices: list[list[JsonObject]] = [
        [{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas
    ]
    choices.append([{"index": 0, "delta": {}, "finish_reason": said.finish}])
    head = {"id": said.id, "object": "chat.completion.chunk", "created": CREATED, "model": said.model}
    chunks: list[JsonObject] = [{**head, "choices": entry} for entry in choices]
    if with_usage:
        chunks.append({**head, "choices": [], "usage": _usage(said)})
    return (*map(data_frame, chunks), DONE)
