"""Messages answers, whole and streamed, at both ends."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.wire.cases import STAMP, anthropic_target, body_of, decode_all, folded, frames, messages_stream
from tiercel.domain.errors import UpstreamDataError
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
from tiercel.domain.request import Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse, Usage
from tiercel.wire.anthropic import Anthropic
from tiercel.wire.codec import Problem, StreamEncoder, UpstreamReplyError

CODEC = Anthropic()
SDK_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
STOP = Finished(finish=Finish(reason="stop", raw="stop"))
PROBLEM = Problem(kind="overloaded", message="busy", request_id="r1")


def decoded(**fields: Any) -> ModelResponse:
    body = {"id": "m", "type": "message", "content": [], "stop_reason": "end_turn", "usage": {}, **fields}
    return CODEC.decode_response(json.dumps(body).encode(), anthropic_target())


def events_of(*events: dict[str, Any]) -> list[StreamEvent]:
    return decode_all(CODEC.stream_decoder(anthropic_target()), [messages_stream(*events)])


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "m", "model": "x", "content": [], "usage": usage}}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def end(reason: str = "end_turn", usage: dict[str, int] | None = None, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason, **fields}, "usage": usage or {}},
        {"type": "message_stop"},
    ]


def text_delta(text: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": text}


def json_delta(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


TEXT: dict[str, Any] = {"type": "text", "text": ""}
TOOL: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


class TestWhole:
    @pytest.mark.parametrize(
        ("word", "reason"),
        [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("tool_use", "tool_calls"),
            ("refusal", "content_filter"),
            ("pause_turn", "stop"),
            ("compaction", "unknown"),
        ],
    )
    def test_stop_reasons(self, word: str, reason: FinishReason) -> None:
        assert decoded(stop_reason=word).choices[0].finish == Finish(reason=reason, raw=word)

    def test_usage_excludes_the_cache_here_and_is_split_as_everywhere(self) -> None:
        usage = {
            "input_tokens": 1,
            "cache_read_input_tokens": 2,
            "cache_creation_input_tokens": 3,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 4},
        }
        assert decoded(usage=usage).usage == Usage(uncached=1, cached=2, written=3, visible=5, reasoning=4)

    def test_a_refusals_explanation_is_its_text(self) -> None:
        answer = decoded(stop_reason="refusal", stop_details={"type": "refusal", "explanation": "no"})
        assert answer.choices[0].parts == (Refusal(text="no"),)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"content":"x"}', b'{"content":["x"]}'])
    def test_what_is_no_answer_is_the_providers_fault(self, body: bytes) -> None:
        with pytest.raises(UpstreamDataError):
            CODEC.decode_response(body, anthropic_target())

    def test_an_error_inside_a_200_brings_its_facts(self) -> None:
        body = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
        with pytest.raises(UpstreamReplyError) as raised:
            CODEC.decode_response(json.dumps(body).encode(), anthropic_target())
        assert raised.value.facts.type == "overloaded_error"

    def test_a_written_answer_is_what_the_official_sdk_expects(self) -> None:
        choice = Choice(
            parts=(
                Reasoning(text="hm"),
                Text(text="a"),
                ToolCall(id="functions.f:0", name="f", arguments='{"a":1}'),
            ),
            finish=Finish(reason="tool_calls", raw="tool_calls"),
        )
        answer = ModelResponse(
            choices=(choice,), usage=Usage(uncached=1, cached=2, written=3, visible=4, reasoning=5)
        )
        message = Message.model_validate_json(CODEC.encode_response(answer, STAMP))
        assert (message.id, message.model, message.stop_reason) == (STAMP.id, STAMP.model, "tool_use")
        assert [content.type for content in message.content] == ["thinking", "text", "tool_use"]
        assert (message.usage.input_tokens, message.usage.output_tokens) == (1, 9)

    def test_what_is_written_is_read_back_the_same(self) -> None:
        choice = Choice(
            parts=(
                Reasoning(text="", signature="s", source="anthropic"),
                Reasoning(redacted="d", source="anthropic"),
                Text(text="a"),
                ToolCall(id="t", name="f", arguments='{"a":1}'),
            ),
            finish=Finish(reason="tool_calls", raw="tool_use"),
        )
        answer = ModelResponse(
            choices=(choice,), usage=Usage(uncached=1, cached=2, written=3, visible=4, reasoning=5)
        )
        read = CODEC.decode_response(CODEC.encode_response(answer, STAMP), anthropic_target())
        assert (read.choices, read.usage) == (answer.choices, answer.usage)

    def test_a_refusal_of_another_format_is_told_as_one(self) -> None:
        choice = Choice(parts=(Refusal(text="no"),), finish=Finish(reason="stop", raw="stop"))
        body = json.loads(CODEC.encode_response(ModelResponse(choices=(choice,)), STAMP))
        assert (body["content"], body["stop_reason"]) == ([], "refusal")
        assert body["stop_details"]["explanation"] == "no"


class TestStreamDecoder:
    def test_a_plain_stream(self) -> None:
        events = events_of(
            start(input_tokens=3, output_tokens=1),
            *block(0, TEXT, text_delta("a"), text_delta("b")),
            {"type": "ping"},
            *end(usage={"output_tokens": 5}),
        )
        assert events == [
            Start(id="m", model="x"),
            UsageUpdate(usage=Usage(uncached=3, visible=1)),
            TextDelta(text="a"),
            TextDelta(text="b"),
            UsageUpdate(usage=Usage(uncached=3, visible=5)),
            Finished(finish=Finish(reason="stop", raw="end_turn")),
            End(),
        ]

    def test_counts_of_zero_erase_nothing(self) -> None:
        events = events_of(start(input_tokens=3), *end(usage={"input_tokens": 0, "output_tokens": 5}))
        assert folded(events).usage == Usage(uncached=3, visible=5)

    @pytest.mark.parametrize(
        ("content", "deltas", "arguments"),
        [
            (TOOL, [json_delta(""), json_delta('{"a"'), json_delta(":1}")], '{"a":1}'),
            (TOOL, [], "{}"),
            (TOOL, [json_delta("{}")], "{}"),
            (TOOL, [json_delta("{}"), json_delta('{"a":1}')], '{"a":1}'),
            ({**TOOL, "input": {"a": 1}}, [], '{"a":1}'),
        ],
    )
    def test_arguments(self, content: dict[str, Any], deltas: list[dict[str, Any]], arguments: str) -> None:
        events = events_of(start(), *block(1, content, *deltas), *end("tool_use"))
        assert folded(events).choices[0].tool_calls == (ToolCall(id="t", name="f", arguments=arguments),)

    def test_calls_are_counted_densely_whatever_their_block(self) -> None:
        events = events_of(
            start(), *block(0, TEXT, text_delta("x")), *block(3, TOOL), *block(7, {**TOOL, "id": "u"}), *end()
        )
        assert [e.index for e in events if isinstance(e, ToolCallStart)] == [0, 1]

    def test_thinking_keeps_its_seal_even_when_it_shows_nothing(self) -> None:
        thinking = {"type": "thinking", "thinking": "", "signature": ""}
        events = events_of(
            start(),
            *block(0, thinking, {"type": "signature_delta", "signature": "s"}),
            *block(1, {"type": "redacted_thinking", "data": "d"}),
            *end(),
        )
        assert folded(events).choices[0].parts == (
            Reasoning(signature="s", source="anthropic"),
            Reasoning(redacted="d", source="anthropic"),
        )

    def test_blocks_only_this_format_knows_come_whole(self) -> None:
        content = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
        events = events_of(start(), *block(0, content, json_delta('{"q":'), json_delta('"x"}')), *end())
        assert OpaqueDelta(source="anthropic", raw={**content, "input": {"q": "x"}}) in events

    @pytest.mark.parametrize(
        ("events", "kind"),
        [
            ([start(), *block(0, TEXT, text_delta("a"))], "truncated"),
            (
                [start(), {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}],
                "stream_error",
            ),
            ([{"type": "error", "error": {"type": "overloaded_error", "message": "m"}}], "stream_error"),
            ([start(), *block(0, TEXT, text_delta("a")), start()], "stream_error"),
        ],
    )
    def test_what_is_not_a_whole_answer_is_broken(self, events: list[dict[str, Any]], kind: str) -> None:
        read = events_of(*events)
        assert isinstance(read[-1], Broken)
        assert read[-1].failure.kind == kind
        assert not any(isinstance(event, Finished | End) for event in read)

    def test_with_its_finish_an_answer_is_whole(self) -> None:
        """F17: the event that only says so may be missing."""
        read = events_of(start(), *block(0, TEXT, text_delta("a")), end()[0])
        assert isinstance(read[-1], End)

    def test_an_overload_in_the_stream_is_named(self) -> None:
        last = events_of(start(), {"type": "error", "error": {"type": "overloaded_error", "message": "m"}})[
            -1
        ]
        assert isinstance(last, Broken)
        assert (last.failure.code, last.failure.detail) == ("overloaded_error", "m")

    def test_any_cut_gives_the_same_events(self) -> None:
        stream = messages_stream(
            start(input_tokens=1),
            *block(0, TEXT, text_delta("né🦅")),
            *block(1, TOOL, json_delta("{}")),
            *end(),
        )
        stream = stream.replace(b"\\ud83e\\udd85", "🦅".encode())
        whole = decode_all(CODEC.stream_decoder(anthropic_target()), [stream])
        assert isinstance(whole[-1], End)
        for cut in range(len(stream)):
            decoder = CODEC.stream_decoder(anthropic_target())
            assert decode_all(decoder, [stream[:cut], stream[cut:]]) == whole, cut

    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(["type", "message", "index", "content_block", "delta", "usage", "error"]),
                st.recursive(
                    st.none()
                    | st.integers(-1, 2)
                    | st.sampled_from(
                        [
                            "message_start",
                            "content_block_start",
                            "content_block_delta",
                            "content_block_stop",
                            "message_delta",
                            "message_stop",
                            "text",
                            "tool_use",
                            "x",
                        ]
                    ),
                    lambda inner: (
                        st.lists(inner, max_size=2)
                        | st.dictionaries(
                            st.sampled_from(
                                [
                                    "type",
                                    "text",
                                    "id",
                                    "name",
                                    "input",
                                    "stop_reason",
                                    "partial_json",
                                    "usage",
                                ]
                            ),
                            inner,
                            max_size=3,
                        )
                    ),
                    max_leaves=6,
                ),
            ),
            max_size=6,
        )
    )
    def test_any_json_where_events_should_be_never_raises(self, events: list[dict[str, Any]]) -> None:
        stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
        read = decode_all(CODEC.stream_decoder(anthropic_target()), [stream])
        assert isinstance(read[-1], End | Broken)


class TestStreamEncoder:
    def encoder(self) -> StreamEncoder:
        return CODEC.stream_encoder(CODEC.decode_request(body_of(max_tokens=9)), STAMP)

    def encoded(self, events: Sequence[StreamEvent]) -> list[dict[str, Any]]:
        written = frames(self.encoder().encode([*events, STOP, End()]))
        for event in written:
            SDK_EVENT.validate_python(event)
        check_blocks(written)
        return written

    def contents(self, events: Sequence[StreamEvent]) -> list[tuple[str, str]]:
        """The blocks as (type, everything said in it)."""
        blocks: list[tuple[str, str]] = []
        for event in self.encoded(events):
            if event["type"] == "content_block_start":
                blocks.append((event["content_block"]["type"], ""))
            elif event["type"] == "content_block_delta":
                said = next(value for key, value in event["delta"].items() if key != "type")
                blocks[-1] = (blocks[-1][0], blocks[-1][1] + said)
        return blocks

    def test_a_plain_stream_in_the_order_of_the_format(self) -> None:
        written = self.encoded(
            [Start(), UsageUpdate(usage=Usage(uncached=3, visible=4)), TextDelta(text="a")]
        )
        assert [event["type"] for event in written] == [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
        assert written[0]["message"]["id"] == STAMP.id
        assert written[4]["delta"]["stop_reason"] == "end_turn"
        assert written[4]["usage"]["output_tokens"] == 4

    def test_every_event_has_its_name_in_an_event_line(self) -> None:
        data = self.encoder().encode([TextDelta(text="a"), STOP, End()])
        lines = data.decode().split("\n")
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        assert names == [frame["type"] for frame in frames(data)]

    def test_thinking_is_closed_before_text_opens(self) -> None:
        events: list[StreamEvent] = [
            ReasoningDelta(text="h"),
            ReasoningDelta(text="m"),
            TextDelta(text="a"),
            ReasoningDelta(signature="s"),
            TextDelta(text="b"),
        ]
        assert self.contents(events) == [("thinking", "hm"), ("text", "a"), ("thinking", "s"), ("text", "b")]

    def test_calls_in_a_row(self) -> None:
        events: list[StreamEvent] = [
            TextDelta(text="x"),
            ToolCallStart(index=0, id="a", name="f"),
            ArgumentsDelta(index=0, text='{"a"'),
            ArgumentsDelta(index=0, text=":1}"),
            ToolCallStart(index=1, id="b", name="g"),
            ArgumentsDelta(index=1, text="{}"),
        ]
        assert self.contents(events) == [("text", "x"), ("tool_use", '{"a":1}'), ("tool_use", "{}")]

    def test_interleaved_calls_are_put_in_a_row(self) -> None:
        events: list[StreamEvent] = [
            ToolCallStart(index=0, id="a", name="f"),
            ToolCallStart(index=1, id="b", name="g"),
            ArgumentsDelta(index=1, text='{"b"'),
            ArgumentsDelta(index=0, text='{"a"'),
            ArgumentsDelta(index=0, text=":1}"),
            ArgumentsDelta(index=1, text=":2}"),
        ]
        assert self.contents(events) == [("tool_use", '{"a":1}'), ("tool_use", '{"b":2}')]

    def test_calls_without_arguments_are_not_lost(self) -> None:
        events: list[StreamEvent] = [ToolCallStart(index=i, id=str(i), name="f") for i in range(3)]
        assert self.contents(events) == [("tool_use", "")] * 3

    def test_a_call_cut_off_by_text_keeps_what_it_had(self) -> None:
        events: list[StreamEvent] = [
            ToolCallStart(index=0, id="a", name="f"),
            ArgumentsDelta(index=0, text='{"a"'),
            ToolCallStart(index=1, id="b", name="g"),
            TextDelta(text="x"),
            ArgumentsDelta(index=0, text="late"),
        ]
        assert self.contents(events) == [("tool_use", '{"a"'), ("tool_use", ""), ("text", "x")]

    def test_a_refusal_is_told_at_the_end(self) -> None:
        written = self.encoded([RefusalDelta(text="n"), RefusalDelta(text="o")])
        assert written[-2]["delta"] == {
            "stop_reason": "refusal",
            "stop_sequence": None,
            "stop_details": {"type": "refusal", "category": None, "explanation": "no"},
        }

    def test_an_error_ends_the_stream_without_closing_anything(self) -> None:
        encoder = self.encoder()
        encoder.encode([TextDelta(text="a")])
        assert encoder.encode([Broken(failure=Failure(kind="reset", message="m"))]) == b""
        assert encoder.problem(PROBLEM).startswith(
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"'
        )
        assert encoder.encode([STOP, End()]) == b""
        assert encoder.heartbeat() == b""

    def test_a_heartbeat_is_a_ping(self) -> None:
        assert self.encoder().heartbeat() == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_too_long_prompts_are_told_in_the_words_agents_look_for() -> None:
    problem = Problem(kind="context_length", message="300000 tokens > 200000 maximum", request_id="r1")
    body = json.loads(CODEC.encode_problem(problem))
    assert body["error"]["message"] == "prompt is too long: 300000 tokens > 200000 maximum"


def check_blocks(events: list[dict[str, Any]]) -> None:
    """One message, blocks numbered densely, one open at a time, every delta in a block of its type."""
    fits = {
        "text": {"text_delta", "citations_delta"},
        "thinking": {"thinking_delta", "signature_delta"},
        "tool_use": {"input_json_delta"},
    }
    opened: str | None = None
    count = 0
    assert [event["type"] for event in events].count("message_start") == 1
    assert events[0]["type"] == "message_start"
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert opened is None
                assert event["index"] == count
                opened = event["content_block"]["type"]
            case "content_block_delta":
                assert event["index"] == count
                assert event["delta"]["type"] in fits[opened or ""]
            case "content_block_stop":
                assert opened is not None
                opened = None
                count += 1
            case "message_delta" | "message_stop":
                assert opened is None
