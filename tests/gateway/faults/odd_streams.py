"""Streams that are whole although nothing in them is where the documentation says, one for each upstream format."""

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Format
from tiercel.testing.scripted import Delivery

WORDS = ("one", " two", " three", " four", " five", " six", " seven", " eight")


def _frames(*objects: JsonObject, named: bool = False, last: bytes = b"") -> Delivery:
    names = [b"event: " + str(o["type"]).encode() + b"\n" if named else b"" for o in objects]
    pieces = [n + b"data: " + msgspec.json.encode(o) + b"\n\n" for n, o in zip(names, objects, strict=True)]
    content_type = ("content-type", "text/event-stream")
    return Delivery(headers=(content_type,), pieces=(*pieces, last) if last else tuple(pieces), stream=True)


def _chat(*choices: Json, **fields: Json) -> JsonObject:
    base = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "odd"}
    return {**base, "choices": list(choices), **fields}


def _chat_delta(word: str) -> JsonObject:
    return _chat({"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None})


_CHAT_FINISH = _chat({"index": 0, "delta": {}, "finish_reason": "stop"})
_CHAT_USAGE: JsonObject = {"prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18}


def _block(index: int, kind: str, **fields: Json) -> JsonObject:
    return {"type": f"content_block_{kind}", "index": index, **fields}


def _text_delta(index: int, word: str) -> JsonObject:
    return _block(index, "delta", delta={"type": "text_delta", "text": word})


_MESSAGE: JsonObject = {
    "type": "message_start",
    "message": {
        "id": "x",
        "type": "message",
        "role": "assistant",
        "model": "odd",
        "content": [],
        "usage": {"input_tokens": 10, "output_tokens": 1},
    },
}
_MESSAGE_FINISH: JsonObject = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    "usage": {"output_tokens": 8},
}


def _candidate(*words: str, **fields: Json) -> JsonObject:
    content: Json = {"role": "model", "parts": [{"text": word} for word in words]}
    return {"candidates": [{"content": content, "index": 0, **fields}], "modelVersion": "odd"}


def _event(kind: str, **fields: Json) -> JsonObject:
    return {"type": f"response.{kind}", "sequence_number": 7, **fields}


def _response(status: str, *output: Json) -> JsonObject:
    usage = {"input_tokens": 10, "output_tokens": 8, "total_tokens": 18}
    base = {"id": "x", "object": "response", "created_at": 1, "model": "odd", "tools": [], "usage": usage}
    return {**base, "status": status, "output": list(output)}


def _message_item(status: str, *texts: str) -> JsonObject:
    parts: Json = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "id": "m", "role": "assistant", "status": status, "content": parts}


def _line(word: str, **fields: Json) -> bytes:
    said: JsonObject = {"model": "odd", "message": {"role": "assistant", "content": word}, "done": False}
    return msgspec.json.encode({**said, **fields}) + b"\n\n"


_GOOGLE_USAGE: JsonObject = {"promptTokenCount": 10, "candidatesTokenCount": 8, "totalTokenCount": 18}

ODD_STREAMS: dict[Format, Delivery] = {
    "openai_chat": _frames(
        {"id": "", "object": "", "choices": []},
        *(_chat_delta(word) for word in WORDS),
        _chat(usage=_CHAT_USAGE),
        _CHAT_FINISH,
        _CHAT_FINISH,
        _chat(usage=_CHAT_USAGE),
        last=b": a comment\n\ndata: [DONE]\n\ndata: [DONE]\n\n",
    ),
    "openai_responses": _frames(
        _event("created", response=_response("in_progress")),
        _event("something_new", of="later"),
        _event("output_item.added", output_index=0, item=_message_item("in_progress")),
        *(_event("output_text.delta", output_index=0, content_index=0, item_id="m", delta=w) for w in WORDS),
        _event("output_item.done", output_index=0, item=_message_item("completed", "".join(WORDS))),
        _event("completed", response=_response("completed", _message_item("completed", "".join(WORDS)))),
        _event("completed", response=_response("completed", _message_item("completed", "".join(WORDS)))),
        named=True,
        last=b"data: [DONE]\n\n",
    ),
    "ollama": Delivery(
        headers=(("content-type", "application/x-ndjson"),),
        pieces=(
            *(_line(word) for word in WORDS),
            _line("", done=True, done_reason="stop", prompt_eval_count=10, eval_count=8),
            _line("", done=True, done_reason="stop"),
        ),
        stream=True,
    ),
    "anthropic": _frames(
        _MESSAGE,
        {"type": "ping"},
        _block(2, "start", content_block={"type": "text", "text": ""}),
        *(_text_delta(2, word) for word in WORDS[:4]),
        _block(2, "stop"),
        {"type": "something_new", "of": "later"},
        _block(5, "start", content_block={"type": "text", "text": ""}),
        *(_text_delta(5, word) for word in WORDS[4:]),
        _block(5, "stop"),
        _MESSAGE_FINISH,
        _MESSAGE_FINISH,
        {"type": "message_stop"},
        named=True,
    ),
    "gemini": _frames(
        {"usageMetadata": _GOOGLE_USAGE},
        {},
        *(_candidate(word) for word in WORDS),
        _candidate(finishReason="STOP"),
        _candidate("", finishReason="STOP"),
        {"usageMetadata": _GOOGLE_USAGE, "modelVersion": "odd"},
    ),
}
