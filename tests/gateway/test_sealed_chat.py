"""A Chat Completions client in the middle of a tool loop of a model that seals its thinking, with the official SDK.

That every client's loop works with the lab's models stands in the conformance matrix; here it is seen what goes out.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import House, house
from tiercel.testing.delivery import Delivery
from tiercel.testing.scripted import Says, ScriptedProvider

WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
ASKED: Any = [{"role": "user", "content": "What is the weather in Bern?"}]
THINKING = {"type": "thinking", "thinking": "Ask the tool.", "signature": "the-seal"}
REDACTED = {"type": "redacted_thinking", "data": "the-hidden-seal"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}}
USAGE = {"input_tokens": 10, "output_tokens": 5}


def whole() -> Delivery:
    """A Messages answer: a thought, a hidden one, a call."""
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [THINKING, REDACTED, CALL],
        "stop_reason": "tool_use",
        "usage": USAGE,
    }
    return Delivery(headers=(("content-type", "application/json"),), pieces=(json.dumps(body).encode(),))


def streamed() -> Delivery:
    """The same as a stream."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": []}
    starts = [{**THINKING, "thinking": "", "signature": ""}, REDACTED, {**CALL, "input": {}}]
    deltas: list[list[dict[str, Any]]] = [
        [
            {"type": "thinking_delta", "thinking": "Ask "},
            {"type": "thinking_delta", "thinking": "the tool."},
            {"type": "signature_delta", "signature": "the-seal"},
        ],
        [],
        [{"type": "input_json_delta", "partial_json": '{"city": "Bern"}'}],
    ]
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**message, "usage": USAGE}}]
    for index, (start, pieces) in enumerate(zip(starts, deltas, strict=True)):
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE})
    events.append({"type": "message_stop"})
    frames = tuple(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
    return Delivery(headers=(("content-type", "text/event-stream"),), pieces=frames, stream=True)


async def first_turn(here: House, stream: bool) -> Any:
    """The conversation after the call and its result, the model's message as the SDK has it."""
    if stream:
        async with here.client.chat.completions.stream(
            model="auto", messages=ASKED, tools=[WEATHER]
        ) as events:
            completion: Any = await events.get_final_completion()
    else:
        completion = await here.client.chat.completions.create(model="auto", messages=ASKED, tools=[WEATHER])
    message = completion.choices[0].message.model_dump(exclude_none=True)
    for call in message["tool_calls"]:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return [*ASKED, message, {"role": "tool", "tool_call_id": "toolu_1", "content": "sunny"}]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_model_gets_its_thinking_back_block_by_block(tmp_path: Path, stream: bool) -> None:
    first = streamed() if stream else whole()
    async with ScriptedProvider(first, Says(text="Sunny."), format="anthropic") as claude:
        async with house(tmp_path, claude.deployment("claude")) as here:
            conversation = await first_turn(here, stream)
            answer = await here.client.chat.completions.create(
                model="auto", messages=conversation, tools=[WEATHER]
            )
    assert conversation[1]["reasoning_content"] == "Ask the tool."
    assert claude.requests[1].json["messages"][1]["content"] == [THINKING, REDACTED, CALL]
    assert answer.choices[0].message.content == "Sunny."


@pytest.mark.parametrize("stream", [False, True])
async def test_another_model_gets_nothing_of_it_and_the_loss_is_named(tmp_path: Path, stream: bool) -> None:
    first = streamed() if stream else whole()
    async with (
        ScriptedProvider(first, format="anthropic", name="one") as claude,
        ScriptedProvider(Says(text="Sunny."), format="anthropic", name="two") as other,
    ):
        async with house(tmp_path, claude.deployment("claude"), other.deployment("other")) as here:
            conversation = await first_turn(here, stream)
            raw = await here.client.chat.completions.with_raw_response.create(
                model="other", messages=conversation, tools=[WEATHER]
            )
    assert other.requests[0].json["messages"][1]["content"] == [CALL]
    assert raw.headers["x-tiercel-lost"] == "messages[1].reasoning"
