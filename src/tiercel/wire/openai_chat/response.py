"""A whole answer, both ways. Reading is tolerant, as servers of this format differ; writing is exact."""

from functools import lru_cache

import msgspec

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, ModelResponse, Stamp
from tiercel.wire.arguments import encoded_once
from tiercel.wire.codec import UpstreamReplyError
from tiercel.wire.error_facts import facts_of
from tiercel.wire.fields import leftovers, shared
from tiercel.wire.identifiers import minted_id
from tiercel.wire.openai_chat.finish import read_finish, written_finish
from tiercel.wire.openai_chat.reasoning_details import FIELD, apart, read_thinking, written_details
from tiercel.wire.openai_chat.usage import read_usage, write_usage
from tiercel.wire.quirks import Quirks
from tiercel.wire.scan import is_complete_json, parse_upstream_object

_TOP = frozenset(("id", "object", "created", "model", "choices", "usage"))
_CHOICE = frozenset(("index", "message", "finish_reason", "logprobs"))
MEDIA_FIELDS = ("audio", "images")
"""Fields of a message that are content of their own kind."""
_MESSAGE = frozenset(("role", "content", "refusal", "tool_calls", FIELD, *MEDIA_FIELDS))


@lru_cache(maxsize=64)
def _read_fields(reasoning_fields: tuple[str, ...]) -> frozenset[str]:
    """What is read of a message from a server with these reasoning fields."""
    return _MESSAGE.union(reasoning_fields)


def decode_response(body: bytes, quirks: Quirks) -> ModelResponse:
    """Raises `UpstreamDataError`, and `UpstreamReplyError` for an error object in a 200."""
    source = parse_upstream_object(body)
    if source.get("error"):
        raise UpstreamReplyError(facts_of(source["error"]))
    choices = source.get("choices")
    if not isinstance(choices, list):
        raise UpstreamDataError("the upstream's answer has no list of choices")
    answer_id = _text(source, "id")
    return ModelResponse(
        id=answer_id,
        model=_text(source, "model"),
        created=source["created"] if isinstance(source.get("created"), int) else 0,
        choices=tuple([_choice(item, index, answer_id, quirks) for index, item in enumerate(choices)]),
        usage=read_usage(source.get("usage")),
        extra=leftovers(source, _TOP),
    )


def _text(source: JsonObject, key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def _choice(item: Json, position: int, answer_id: str, quirks: Quirks) -> Choice:
    message = item.get("message") if isinstance(item, dict) else None
    if not isinstance(message, dict):
        raise UpstreamDataError(f"choice {position} of the upstream's answer has no message")
    if item.get("error"):
        raise UpstreamReplyError(facts_of(item["error"]))
    parts = [*read_reasoning(message, quirks), *read_content(message.get("content"))]
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append(Refusal(text=refusal))
    complete = False
    if message.get("tool_calls"):
        calls = read_tool_calls(message, answer_id)
        complete = bool(calls) and all(is_complete_json(call.arguments) for call in calls)
        parts += calls
    for field in MEDIA_FIELDS:
        if message.get(field):
            parts.append(Opaque(source="openai_chat", raw={field: message[field]}))
    return Choice(
        index=item["index"] if isinstance(item.get("index"), int) else position,
        parts=tuple(parts),
        finish=read_finish(item.get("finish_reason"), complete),
        logprobs=item.get("logprobs"),
        extra=leftovers(item, _CHOICE),
        message_extra=leftovers(message, _read_fields(quirks.reasoning_fields)),
    )


def read_reasoning(source: JsonObject, quirks: Quirks) -> list[Part]:
    """The thinking of a message, from whichever field this server puts it in."""
    text = reasoning_text(source, quirks)
    details = source.get(FIELD)
    if not text and not details:
        return []
    return [*read_thinking(text, details if isinstance(details, list) else ())]


def reasoning_text(source: JsonObject, quirks: Quirks) -> str:
    """The first of this server's reasoning fields that holds text: some send the same text in two."""
    for field in quirks.reasoning_fields:
        value = source.get(field)
        if isinstance(value, str) and value:
            return value
    return ""


def read_content(content: Json) -> list[Part]:
    """Content as a string, nothing, or a list of parts (Mistral)."""
    if isinstance(content, str):
        return [Text(text=content)] if content else []
    return [part for item in content if (part := _content_part(item))] if isinstance(content, list) else []


def _content_part(item: Json) -> Part | None:
    if isinstance(item, str):
        return Text(text=item)
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("text"), str):
        return Text(text=item["text"])
    if item.get("type") == "refusal":
        return Refusal(text=_text(item, "refusal"))
    thinking = item.get("thinking")
    if isinstance(thinking, str):
        return Reasoning(text=thinking, source="openai_chat")
    if isinstance(thinking, list):
        text = "".join(_text(piece, "text") for piece in thinking if isinstance(piece, dict))
        return Reasoning(text=text, source="openai_chat")
    return Opaque(source="openai_chat", raw={"content_parts": [item]})


def read_tool_calls(message: JsonObject, answer_id: str) -> list[ToolCall]:
    """The calls, each with an id of its own and arguments as JSON text."""
    listed = message.get("tool_calls")
    calls: list[ToolCall] = []
    seen: set[str] = set()
    for item in listed if isinstance(listed, list) else ():
        if not isinstance(item, dict):
            continue
        kind = "custom" if isinstance(item.get("custom"), dict) else "function"
        body = item.get(kind)
        if not isinstance(body, dict):
            continue
        call_id = _text(item, "id")
        if not call_id or call_id in seen:
            call_id = minted_id(answer_id, len(calls))
        seen.add(call_id)
        calls.append(
            ToolCall(
                id=call_id,
                name=_text(body, "name"),
                arguments=_text(body, "input") if kind == "custom" else arguments_text(body.get("arguments")),
                kind="custom" if kind == "custom" else "function",
                extra=leftovers(item, frozenset(("id", "type", "index", kind))),
            )
        )
    return calls


def arguments_text(value: Json) -> str:
    """Arguments as JSON text: an object is written out, nothing is `{}`, text encoded twice is taken out of one."""
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if not isinstance(value, str) or not value.strip():
        return "{}"
    return encoded_once(value)


def encode_response(response: ModelResponse, stamp: Stamp) -> bytes:
    """Thinking goes out as `reasoning_content`, the field most clients of this format read."""
    body: JsonObject = {
        **shared(response.extra),
        "id": stamp.id,
        "object": "chat.completion",
        "created": stamp.created,
        "model": stamp.model,
        "choices": [_written_choice(choice) for choice in response.choices],
    }
    if response.usage is not None:
        body["usage"] = write_usage(response.usage)
    return msgspec.json.encode(body)


def _written_choice(choice: Choice) -> JsonObject:
    message: JsonObject = {**choice.message_extra, "role": "assistant", "content": None, "refusal": None}
    texts: list[str] = []
    refusals: list[str] = []
    reasoning: list[str] = []
    details: list[Json] = []
    calls: list[JsonObject] = []
    own: list[JsonObject] = []
    for part in choice.parts:
        if isinstance(part, Text):
            texts.append(part.text)
            details += apart(part, len(details))
        elif isinstance(part, ToolCall):
            calls.append(written_call(part))
        elif isinstance(part, Reasoning):
            reasoning.append(part.text)
            details += written_details(part, len(details))
        elif isinstance(part, Refusal):
            refusals.append(part.text)
        elif isinstance(part, Opaque) and part.source == "openai_chat" and isinstance(part.raw, dict):
            own.append(part.raw)
    message["refusal"] = "".join(refusals) or None
    text = "".join(texts)
    if text or not (calls or message["refusal"]):
        message["content"] = text
    if calls:
        message["tool_calls"] = calls
    if thinking := "".join(reasoning):
        message["reasoning_content"] = thinking
    if details:
        message[FIELD] = details
    for fields in own:
        message.update(fields)
    return {
        **choice.extra,
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": written_finish(choice.finish),
    }


def written_call(call: ToolCall) -> JsonObject:
    payload = "arguments" if call.kind == "function" else "input"
    body = {"name": call.name, payload: call.arguments or ("{}" if call.kind == "function" else "")}
    return {"id": call.id, "type": call.kind, call.kind: body, **shared(call.extra)}
