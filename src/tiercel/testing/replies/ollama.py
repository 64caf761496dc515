"""A scripted answer as Ollama's `/api/chat` sends it: arguments as objects, every call's index 0, lines for streams."""

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.testing.replies.said import Said, words

_CREATED_AT = "2023-11-14T22:13:20Z"


def _calls(said: Said) -> list[JsonObject]:
    return [
        {"function": {"index": 0, "name": call.name, "arguments": call.arguments_value}}
        for call in said.calls
    ]


def _line(said: Said, message: JsonObject, **last: object) -> JsonObject:
    head: JsonObject = {"model": said.model, "created_at": _CREATED_AT}
    return {**head, "message": {"role": "assistant", "content": "", **message}, "done": bool(last), **last}


def _last(said: Said, message: JsonObject) -> JsonObject:
    return _line(
        said,
        message,
        done_reason="length" if said.finish == "length" else "stop",
        total_duration=1_000_000,
        prompt_eval_count=said.input_tokens,
        eval_count=said.output_tokens,
    )


def body(said: Said) -> JsonObject:
    """The whole answer."""
    message: JsonObject = {"content": said.text}
    if said.reasoning:
        message["thinking"] = said.reasoning
    if said.calls:
        message["tool_calls"] = _calls(said)
    return _last(said, message)


def stream(said: Said) -> tuple[bytes, ...]:
    """The lines of a stream."""
    lines = [_line(said, {"thinking": word}) for word in words(said.reasoning)]
    lines += [_line(said, {"content": word}) for word in words(said.text)]
    lines += [_line(said, {"tool_calls": [call]}) for call in _calls(said)]
    return tuple(msgspec.json.encode(line) + b"\n" for line in (*lines, _last(said, {})))
