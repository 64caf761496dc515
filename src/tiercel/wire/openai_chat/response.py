"""A whole answer, both ways. Reading is tolerant, as servers of this format differ; writing is exact."""

import msgspec

from tiercel.domain.catalog import Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, ModelResponse, Stamp
from tiercel.wire.arguments import encoded_once
from tiercel.wire.codec import UpstreamReplyError
from tiercel.wire.error_facts import facts_of
from tiercel.wire.fields import leftovers, shared
from tiercel.wire.identifiers import minted_id
from tiercel.wire.openai_chat.finish import WRITTEN, read_finish
from tiercel.wire.openai_chat.reasoning_details import FIELD, apart, read_thinking, written_details
from tiercel.wire.openai_chat.usage import read_usage, write_usage
from tiercel.wire.quirks import Quirks, quirks_named
from tiercel.wire.scan import is_complete_json, parse_upstream_object

MEDIA_FIELDS = ("audio", "images")
"""Fields of a message that are content of their own kind."""


def decode_response(body: bytes, target: Target) -> ModelResponse:
    """What is read is taken out of what was parsed, so that what is left then is what has to be kept.

    Raises `UpstreamDataError`, and `UpstreamReplyError` for an error object in a 200.
    """
    source = parse_upstream_object(body)
    if source.get("error"):
        raise UpstreamReplyError(facts_of(source["error"]))
    listed = source.pop("choices", None)
    if not isinstance(listed, list):
        raise UpstreamDataError("the upstream's answer has no list of choices")
    answer_id = source.pop("id", None)
    answer_id = answer_id if isinstance(answer_id, str) else ""
    model, created = source.pop("model", None), source.pop("created", None)
    usage = source.pop("usage", None)
    source.pop("object", None)
    quirks = quirks_named(target.deployment.provider.quirks)
    choices: list[Choice] = []
    for position, item in enumerate(listed):
        choices.append(_choice(item, position, answer_id, quirks))
    return ModelResponse(
        id=answer_id,
        model=model if isinstance(model, str) else "",
        created=created if isinstance(created, int) else 0,
        choices=tuple(choices),
        usage=read_usage(usage),
        extra=source,
    )


def _text(source: JsonObject, key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def _choice(item: Json, position: int, answer_id: str, quirks: Quirks) -> Choice:
    message = item.pop("message", None) if isinstance(item, dict) else None
    if not isinstance(message, dict):
        raise UpstreamDataError(f"choice {position} of the upstream's answer has no message")
    if item.get("error"):
        raise UpstreamReplyError(facts_of(item["error"]))
    message.pop("role", None)
    content, refusal = message.pop("content", None), message.pop("refusal", None)
    listed = message.pop("tool_calls", None)
    parts = _thinking(message, quirks) if message else []
    if isinstance(content, str):
        if content:
            parts.append(Text(text=content))
    elif content is not None:
        parts += read_content(content)
    if isinstance(refusal, str) and refusal:
        parts.append(Refusal(text=refusal))
    complete = False
    if listed:
        calls = read_tool_calls(listed, answer_id)
        complete = bool(calls) and all(is_complete_json(call.arguments) for call in calls)
        parts += calls
    if message:
        for field in MEDIA_FIELDS:
            if media := message.pop(field, None):
                parts.append(Opaque(source="openai_chat", raw={field: media}))
    index, logprobs = item.pop("index", None), item.pop("logprobs", None)
    return Choice(
        index=index if isinstance(index, int) else position,
        parts=tuple(parts),
        finish=read_finish(item.pop("finish_reason", None), complete),
        logprobs=logprobs,
        extra=item,
        message_extra=message,
    )


def _thinking(message: JsonObject, quirks: Quirks) -> list[Part]:
    """The thinking of a message, from whichever field this server puts it in; all of them are taken out."""
    text = ""
    for field in quirks.reasoning_fields:
        found = message.pop(field, None)
        if not text and isinstance(found, str):
            text = found
    details = message.pop(FIELD, None)
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
    """Content that is no string but a list of parts (Mistral)."""
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


def read_tool_calls(listed: Json, answer_id: str) -> list[ToolCall]:
    """The calls, each with an id of its own and arguments as JSON text."""
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
    choices: list[JsonObject] = []
    for choice in response.choices:
        choices.append(_written_choice(choice))
    body: JsonObject = {
        **shared(response.extra),
        "id": stamp.id,
        "object": "chat.completion",
        "created": stamp.created,
        "model": stamp.model,
        "choices": choices,
    }
    if response.usage is not None:
        body["usage"] = write_usage(response.usage)
    return msgspec.json.encode(body)


def _written_choice(choice: Choice) -> JsonObject:
    message: JsonObject = {**choice.message_extra, "role": "assistant", "content": None, "refusal": None}
    text = refusal = thinking = ""
    details: list[Json] = []
    calls: list[JsonObject] = []
    own: list[JsonObject] = []
    for part in choice.parts:
        if isinstance(part, Text):
            text += part.text
            if part.extra:
                details += apart(part, len(details))
        elif isinstance(part, ToolCall):
            calls.append(written_call(part))
        elif isinstance(part, Reasoning):
            thinking += part.text
            details += written_details(part, len(details))
        elif isinstance(part, Refusal):
            refusal += part.text
        elif isinstance(part, Opaque) and part.source == "openai_chat" and isinstance(part.raw, dict):
            own.append(part.raw)
    if refusal:
        message["refusal"] = refusal
    if text or not (calls or refusal):
        message["content"] = text
    if calls:
        message["tool_calls"] = calls
    if thinking:
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
        "finish_reason": WRITTEN[choice.finish.reason],
    }


def written_call(call: ToolCall) -> JsonObject:
    payload = "arguments" if call.kind == "function" else "input"
    body = {"name": call.name, payload: call.arguments or ("{}" if call.kind == "function" else "")}
    return {"id": call.id, "type": call.kind, call.kind: body, **shared(call.extra)}
