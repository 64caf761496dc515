"""A scripted answer as Gemini's `generateContent` sends it: whole chunks, calls never in pieces, no end marker."""

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.testing.replies.said import Said, SayFinish, data_frame, words

_FINISH: dict[SayFinish, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}
SIGNATURE = "c2lnbmVk"


def _usage(said: Said) -> JsonObject:
    visible = said.output_tokens - said.reasoning_tokens
    usage: JsonObject = {
        "promptTokenCount": said.input_tokens,
        "candidatesTokenCount": visible,
        "totalTokenCount": said.input_tokens + said.output_tokens,
    }
    if said.reasoning_tokens:
        usage["thoughtsTokenCount"] = said.reasoning_tokens
    if said.cached_tokens:
        usage["cachedContentTokenCount"] = said.cached_tokens
    return usage


def _calls(said: Said) -> list[JsonObject]:
    parts: list[JsonObject] = [
        {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments_value}}
        for call in said.calls
    ]
    if parts:  # only the first of parallel calls is signed
        parts[0]["thoughtSignature"] = SIGNATURE
    return parts


def _answer(said: Said, parts: list[JsonObject], finish: str | None) -> JsonObject:
    candidate: JsonObject = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": _usage(said),
        "modelVersion": said.model,
        "responseId": said.id,
    }


def body(said: Said) -> JsonObject:
    """The whole answer."""
    parts: list[JsonObject] = []
    if said.reasoning:
        parts.append({"text": said.reasoning, "thought": True})
    if said.text:
        parts.append({"text": said.text})
    return _answer(said, parts + _calls(said), _FINISH[said.finish])


def _chunks(said: Said) -> list[JsonObject]:
    chunks = [_answer(said, [{"text": word, "thought": True}], None) for word in words(said.reasoning)]
    chunks += [_answer(said, [{"text": word}], None) for word in words(said.text)]
    chunks += [_answer(said, [part], None) for part in _calls(said)]
    return [*chunks, _answer(said, [{"text": ""}], _FINISH[said.finish])]


def stream(said: Said) -> tuple[bytes, ...]:
    """The events of `?alt=sse`."""
    return tuple(map(data_frame, _chunks(said)))


def array(said: Said) -> tuple[bytes, ...]:
    """The pieces of the JSON array that streams without it."""
    first, *others = map(msgspec.json.encode, _chunks(said))
    return (b"[" + first, *(b",\r\n" + chunk for chunk in others), b"]")
