"""A whole answer, both ways: one message, and the same object a stream's last line is."""

import msgspec

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Opaque, Part, Reasoning, Text, ToolCall
from tiercel.domain.response import Choice, Finish, ModelResponse, Stamp, Usage
from tiercel.wire.arguments import arguments_object
from tiercel.wire.codec import UpstreamReplyError
from tiercel.wire.error_facts import facts_of
from tiercel.wire.fields import leftovers
from tiercel.wire.identifiers import minted_id
from tiercel.wire.ollama.arguments import arguments_text
from tiercel.wire.ollama.finish import read_finish, written_finish
from tiercel.wire.ollama.usage import read_usage, write_usage
from tiercel.wire.scan import parse_upstream_object
from tiercel.wire.timestamps import rfc3339

TOP = frozenset(
    ("model", "created_at", "message", "done", "done_reason", "logprobs", "prompt_eval_count", "eval_count")
)
MESSAGE = frozenset(("role", "content", "thinking", "tool_calls"))
_CALL = frozenset(("id", "type", "function"))
_FUNCTION = frozenset(("name", "arguments", "index"))


def decode_response(body: bytes) -> ModelResponse:
    """Raises `UpstreamDataError`, and `UpstreamReplyError` for an error in a 200."""
    source = parse_upstream_object(body)
    if source.get("error"):
        raise UpstreamReplyError(facts_of(source["error"]))
    message = source.get("message")
    if not isinstance(message, dict):
        raise UpstreamDataError("the upstream's answer has no message")
    parts: list[Part] = []
    if thinking := text_of(message, "thinking"):
        parts.append(Reasoning(text=thinking, source="ollama"))
    if text := text_of(message, "content"):
        parts.append(Text(text=text))
    calls = read_calls(message.get("tool_calls"), text_of(source, "created_at"), 0)
    parts += calls
    parts += [
        Opaque(source="ollama", raw={key: value})
        for key, value in leftovers(message, MESSAGE).items()
        if value
    ]
    choice = Choice(
        parts=tuple(parts),
        finish=read_finish(source.get("done_reason"), bool(calls)),
        logprobs=read_logprobs(source),
    )
    return ModelResponse(
        model=text_of(source, "model"),
        choices=(choice,),
        usage=read_usage(source),
        extra=leftovers(source, TOP),
    )


def text_of(source: JsonObject, key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def read_calls(listed: Json, answer_mark: str, first: int) -> list[ToolCall]:
    """The calls of a message, numbered from `first`; their own `index` says 0 for every one.

    Without an id of the server's own, the time of the answer keeps ids of several turns apart.
    """
    calls: list[ToolCall] = []
    for item in listed if isinstance(listed, list) else ():
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict):
            continue
        extra = leftovers(item, _CALL)
        if rest := leftovers(function, _FUNCTION):
            extra["function"] = rest
        calls.append(
            ToolCall(
                id=text_of(item, "id") or minted_id(answer_mark, first + len(calls)),
                name=text_of(function, "name"),
                arguments=arguments_text(function.get("arguments")),
                extra=extra,
            )
        )
    return calls


def read_logprobs(source: JsonObject) -> Json:
    """Entries as OpenAI shapes them, which is how answers of all formats carry them."""
    entries = source.get("logprobs")
    return {"content": entries} if isinstance(entries, list) and entries else None


def encode_response(response: ModelResponse, stamp: Stamp) -> bytes:
    """The first choice: this format has no place for others."""
    choice = response.choices[0] if response.choices else Choice()
    message: JsonObject = {"role": "assistant", "content": choice.text + choice.refusal}
    if choice.reasoning:
        message["thinking"] = choice.reasoning
    if choice.tool_calls:
        message["tool_calls"] = [written_call(call, at) for at, call in enumerate(choice.tool_calls)]
    for part in choice.parts:
        if isinstance(part, Opaque) and part.source == "ollama" and isinstance(part.raw, dict):
            message |= part.raw
    last = last_line(stamp, choice.finish, response.usage)
    entries = written_logprobs(choice.logprobs)
    return msgspec.json.encode({**response.extra, **last, "message": message, **entries})


def written_call(call: ToolCall, index: int) -> JsonObject:
    """A call with its place among the answer's calls."""
    function: JsonObject = {
        "index": index,
        "name": call.name,
        "arguments": arguments_object(call.arguments),
    }
    return {"id": call.id, "function": function}


def written_logprobs(logprobs: Json) -> JsonObject:
    entries = logprobs.get("content") if isinstance(logprobs, dict) else None
    return {"logprobs": entries} if entries else {}


def head(stamp: Stamp) -> JsonObject:
    """What every line and answer begins with."""
    return {"model": stamp.model, "created_at": rfc3339(stamp.created)}


def last_line(stamp: Stamp, finish: Finish, usage: Usage | None) -> JsonObject:
    """What ends an answer: an empty message, why it ended, what was used."""
    return {
        **head(stamp),
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": written_finish(finish),
        **write_usage(usage),
    }
