"""Events as a Chat Completions stream for a client."""

import json
from collections.abc import Sequence
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from tests.wire.cases import STAMP, body_of, frames
from tiercel.domain.events import (
    ArgumentsDelta,
    Broken,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.failure import Failure
from tiercel.domain.response import Finish, Usage
from tiercel.wire.codec import Problem, StreamEncoder
from tiercel.wire.openai_chat import OpenAIChat

CODEC = OpenAIChat()
STOP = Finished(finish=Finish(reason="stop", raw="end_turn"))
USAGE = UsageUpdate(usage=Usage(uncached=3, visible=4, reasoning=5))
PROBLEM = Problem(kind="upstream_error", message="the model broke off", request_id="r1")


def encoder(**fields: Any) -> StreamEncoder:
    return CODEC.stream_encoder(CODEC.decode_request(body_of(stream=True, **fields)), STAMP)


def encoded(events: Sequence[StreamEvent], **fields: Any) -> list[dict[str, Any]]:
    return frames(encoder(**fields).encode(events))


def deltas(events: Sequence[StreamEvent]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in encoded(events)]


def test_a_plain_stream_in_the_order_of_the_format() -> None:
    data = encoder(stream_options={"include_usage": True}).encode(
        [Start(id="u", extra={"system_fingerprint": "fp"}), TextDelta(text="a"), USAGE, STOP, End()]
    )
    assert data.endswith(b"data: [DONE]\n\n")
    chunks = frames(data)
    assert [chunk["choices"] for chunk in chunks] == [
        [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "", "refusal": None},
                "logprobs": None,
                "finish_reason": None,
            }
        ],
        [{"index": 0, "delta": {"content": "a"}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
        [],
    ]
    assert [chunk["usage"] and chunk["usage"]["total_tokens"] for chunk in chunks] == [None, None, None, 12]
    assert {(c["id"], c["model"], c["created"], c["system_fingerprint"]) for c in chunks} == {
        (STAMP.id, STAMP.model, STAMP.created, "fp")
    }


def test_usage_is_hidden_from_who_did_not_ask() -> None:
    chunks = encoded([TextDelta(text="a"), USAGE, STOP, End()])
    assert not any("usage" in chunk or not chunk["choices"] for chunk in chunks)


def test_every_chunk_is_what_the_official_sdk_expects() -> None:
    events: list[StreamEvent] = [
        Start(),
        ReasoningDelta(text="hm", source="openai_chat"),
        TextDelta(text="a"),
        RefusalDelta(text="no"),
        ToolCallStart(index=0, id="c", name="f"),
        ArgumentsDelta(index=0, text="{}"),
        USAGE,
        STOP,
        End(),
    ]
    for chunk in encoded(events, stream_options={"include_usage": True}):
        ChatCompletionChunk.model_validate(chunk)


def test_the_official_sdks_accumulator_adds_up_the_same_answer() -> None:
    """Its helper is stricter than the wire: dense indices, id and name once, no null choices."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    events: list[StreamEvent] = [
        Start(),
        TextDelta(text="a"),
        ToolCallStart(index=0, id="c", name="f"),
        ToolCallStart(index=1, id="d", name="g"),
        ArgumentsDelta(index=1, text='{"b"'),
        ArgumentsDelta(index=0, text="{}"),
        ArgumentsDelta(index=1, text=":2}"),
        USAGE,
        Finished(finish=Finish(reason="tool_calls")),
        End(),
    ]
    for chunk in encoded(events, stream_options={"include_usage": True}):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    answer = state.get_final_completion()
    message = answer.choices[0].message
    assert (message.content, answer.choices[0].finish_reason) == ("a", "tool_calls")
    assert [(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or []] == [
        ("c", "f", "{}"),
        ("d", "g", '{"b":2}'),
    ]
    assert answer.usage is not None
    assert answer.usage.total_tokens == 12


def test_a_role_opens_each_choice_even_without_a_start() -> None:
    assert deltas([TextDelta(text="a"), TextDelta(text="b", choice=1)]) == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "a"},
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "b"},
    ]


def test_thinking_and_what_must_be_sent_back_with_it() -> None:
    events: list[StreamEvent] = [
        ReasoningDelta(text="a", source="anthropic"),
        ReasoningDelta(text="b", source="anthropic"),
        ReasoningDelta(signature="s", source="anthropic"),
        ReasoningDelta(redacted="r", source="anthropic"),
        TextDelta(text="c"),
        Finished(finish=Finish(reason="stop")),
    ]
    word = {"format": "anthropic-claude-v1"}
    signed = {"type": "reasoning.text", "text": "ab", "signature": "s", **word, "index": 0}
    redacted = {"type": "reasoning.encrypted", "data": "r", **word, "index": 1}
    assert deltas(events)[1:] == [
        {"reasoning_content": "a"},
        {"reasoning_content": "b"},
        {"reasoning_details": [signed]},
        {"reasoning_details": [redacted]},
        {"content": "c"},
        {},
    ]


def test_id_and_name_of_a_call_come_once() -> None:
    events: list[StreamEvent] = [
        ToolCallStart(index=0, id="c", name="f", extra={"extra_content": 1}),
        ArgumentsDelta(index=0, text="{"),
        ArgumentsDelta(index=0, text="}"),
    ]
    assert [delta["tool_calls"][0] for delta in deltas(events)[1:]] == [
        {
            "index": 0,
            "id": "c",
            "type": "function",
            "function": {"name": "f", "arguments": ""},
            "extra_content": 1,
        },
        {"index": 0, "function": {"arguments": "{"}},
        {"index": 0, "function": {"arguments": "}"}},
    ]


def test_only_this_formats_own_opaque_content_is_shown() -> None:
    events = [
        OpaqueDelta(source="anthropic", raw={"type": "server_tool_use"}),
        OpaqueDelta(source="openai_chat", raw={"annotations": [1]}),
    ]
    assert deltas(events)[1:] == [{"annotations": [1]}]


def test_an_error_ends_the_stream_without_finish_or_done() -> None:
    writer = encoder()
    writer.encode([TextDelta(text="a")])
    assert writer.encode([Broken(failure=Failure(kind="reset", message="m"))]) == b""
    data = writer.problem(PROBLEM)
    assert data.startswith(b'data: {"error":{')
    assert frames(data) == [json.loads(CODEC.encode_problem(PROBLEM))]
    assert writer.encode([STOP, End()]) == b""
    assert writer.heartbeat() == b""
    assert writer.problem(PROBLEM) == b""


def test_a_heartbeat_is_a_comment() -> None:
    assert encoder().heartbeat() == b": keep-alive\n\n"
