"""A scripted answer as OpenAI's Responses sends it: items, and for streams each item's whole life."""

from collections.abc import Iterator

from tiercel.domain.json import JsonObject
from tiercel.testing.replies.said import CREATED, Said, halves, named_frame, words

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def _usage(said: Said) -> JsonObject:
    return {
        "input_tokens": said.input_tokens,
        "input_tokens_details": {"cached_tokens": said.cached_tokens},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": said.reasoning_tokens},
        "total_tokens": said.input_tokens + said.output_tokens,
    }


def _items(said: Said) -> list[JsonObject]:
    items: list[JsonObject] = []
    if said.reasoning:
        summary = [{"type": "summary_text", "text": said.reasoning}]
        items.append({"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "c2VhbGVk"})
    if said.text:
        items.append(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}],
            }
        )
    for number, call in enumerate(said.calls, start=1):
        item = {"id": f"fc_{number}", "type": "function_call", "status": "completed", "call_id": call.id}
        items.append({**item, "name": call.name, "arguments": call.arguments})
    return items


def _response(said: Said, status: str, output: list[JsonObject], usage: JsonObject | None) -> JsonObject:
    return {
        "id": said.id,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": said.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    }


def body(said: Said) -> JsonObject:
    """The whole answer."""
    reason = _INCOMPLETE.get(said.finish)
    written = _response(said, "incomplete" if reason else "completed", _items(said), _usage(said))
    return {**written, "incomplete_details": {"reason": reason}} if reason else written


def stream(said: Said) -> tuple[bytes, ...]:
    """The events of a stream, numbered."""
    begun = _response(said, "in_progress", [], None)
    events: list[JsonObject] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(_items(said)):
        events += [{"output_index": index, **event} for event in _life(item)]
    whole = body(said)
    events.append({"type": f"response.{whole['status']}", "response": whole})
    return tuple(named_frame({**event, "sequence_number": number}) for number, event in enumerate(events))


def _life(item: JsonObject) -> Iterator[JsonObject]:
    """An item's events from its first to its last."""
    empty: dict[str, JsonObject] = {
        "message": {"content": []},
        "reasoning": {"summary": []},
        "function_call": {"arguments": ""},
    }
    started: JsonObject = {"status": "in_progress"} if "status" in item else {}
    yield {"type": "response.output_item.added", "item": {**item, **empty[item["type"]], **started}}
    yield from _FILLINGS[item["type"]](item)
    yield {"type": "response.output_item.done", "item": item}


def _message(item: JsonObject) -> Iterator[JsonObject]:
    part = item["content"][0]
    place = {"item_id": item["id"], "content_index": 0}
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for word in words(part["text"]):
        yield {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}


def _reasoning(item: JsonObject) -> Iterator[JsonObject]:
    part = item["summary"][0]
    place = {"item_id": item["id"], "summary_index": 0}
    yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
    for word in words(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", **place, "delta": word}
    yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **place, "part": part}


def _function_call(item: JsonObject) -> Iterator[JsonObject]:
    place = {"item_id": item["id"]}
    for half in halves(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": half}
    done = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **place, **done}


_FILLINGS = {"message": _message, "reasoning": _reasoning, "function_call": _function_call}
