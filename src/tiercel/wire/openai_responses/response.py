"""A whole answer, both ways. Reading is tolerant, as servers of this format differ; writing is exact."""

import msgspec

from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Opaque, ToolCall
from tiercel.domain.response import Choice, ModelResponse, Stamp, Usage
from tiercel.wire.codec import UpstreamReplyError
from tiercel.wire.error_facts import facts_of
from tiercel.wire.fields import leftovers, shared
from tiercel.wire.openai_responses.content import is_annotation
from tiercel.wire.openai_responses.finish import FAILED, UNANSWERED, read_finish, written_finish
from tiercel.wire.openai_responses.output_items import Numbering, OutputReader, written_item
from tiercel.wire.openai_responses.own_fields import FORMAT
from tiercel.wire.openai_responses.usage import read_usage, write_usage
from tiercel.wire.scan import parse_upstream_object

_READ = frozenset(
    ("id", "object", "created_at", "model", "output", "usage", "status", "error", "incomplete_details")
)
_ASKED: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}
"""What a response repeats of its request, as clients need these fields: what a server says itself stands instead."""


def decode_response(body: bytes) -> ModelResponse:
    """Raises `UpstreamDataError`, and `UpstreamReplyError` for an error object or a failed answer in a 200."""
    source = parse_upstream_object(body)
    if source.get("error") or source.get("status") in FAILED:
        raise UpstreamReplyError(facts_of(source.get("error")))
    output = source.get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise UpstreamDataError("the upstream's answer has no list of output items")
    if source.get("status") in UNANSWERED:
        raise UpstreamDataError("the upstream's answer is still being made")
    reader = OutputReader(source)
    parts = [part for item in output for part in reader.read(item)]
    calls = any(isinstance(part, ToolCall) for part in parts)
    return ModelResponse(
        id=text_of(source, "id"),
        model=text_of(source, "model"),
        created=created(source),
        choices=(Choice(parts=tuple(parts), finish=read_finish(source, calls), logprobs=reader.logprobs()),),
        usage=read_usage(source.get("usage")),
        extra=kept_fields(source),
    )


def text_of(source: JsonObject, key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def created(source: JsonObject) -> int:
    """Some servers give a fraction of a second too."""
    value = source.get("created_at")
    return int(value) if isinstance(value, int | float) and abs(value) < 1e15 else 0


def kept_fields(source: JsonObject) -> JsonObject:
    """What the answer says of its request and its making: for clients of this format alone."""
    rest = leftovers(source, _READ)
    return {FORMAT: rest} if rest else {}


def encode_response(response: ModelResponse, stamp: Stamp) -> bytes:
    """The first choice: this format knows only one."""
    choice = response.choices[0] if response.choices else Choice()
    finish = written_finish(choice.finish)
    output = _items(
        choice, Numbering(stamp.id), "incomplete" if finish["status"] == "incomplete" else "completed"
    )
    written = response_object(stamp, response.extra, output, response.usage)
    return msgspec.json.encode(written | finish)


def response_object(
    stamp: Stamp, extra: JsonObject, output: list[JsonObject], usage: Usage | None
) -> JsonObject:
    """A response, still in progress."""
    own = extra.get(FORMAT)
    return {
        "id": stamp.id,
        "object": "response",
        "created_at": stamp.created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": stamp.model,
        "output": output,
        **_ASKED,
        **(own if isinstance(own, dict) else {}),
        **shared(extra),
        "usage": None if usage is None else write_usage(usage),
    }


def _items(choice: Choice, numbering: Numbering, last_status: str) -> list[JsonObject]:
    items: list[JsonObject] = []
    for part in choice.parts:
        if isinstance(part, Opaque) and part.source == FORMAT and is_annotation(part.raw):
            _annotate(items, part.raw.get("annotation"))
            continue
        item = written_item(part, numbering, items[-1] if items else None)
        if item is not None and (not items or item is not items[-1]):
            items.append(item)
    _add_logprobs(items, choice.logprobs)
    if items and "status" in items[-1]:
        items[-1] = {**items[-1], "status": last_status}
    return items


def _annotate(items: list[JsonObject], mark: Json) -> None:
    for item in reversed(items):
        if item["type"] == "message" and item["content"][-1]["type"] == "output_text":
            item["content"][-1]["annotations"].append(mark)
            return


def _add_logprobs(items: list[JsonObject], logprobs: Json) -> None:
    """All tokens' at the first text: whose they are does not show in what was kept of them."""
    entries = logprobs.get("content") if isinstance(logprobs, dict) else None
    for item in items:
        if entries and item["type"] == "message" and item["content"][0]["type"] == "output_text":
            item["content"][0]["logprobs"] = entries
            return
