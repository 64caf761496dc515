"""Streams of the Chat Completions format, as servers really send them, made regular."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.cases import chat_stream, chat_target, decode_all, delta, folded, joined
from tiercel.domain.events import (
    ArgumentsDelta,
    Broken,
    End,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
)
from tiercel.domain.request import Reasoning, Text, ToolCall
from tiercel.domain.response import Finish, Usage
from tiercel.wire.openai_chat import OpenAIChat

CODEC = OpenAIChat()
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def events_of(stream: bytes, quirks: str = "generic") -> list[StreamEvent]:
    return decode_all(CODEC.stream_decoder(chat_target(quirks)), [stream])


def tool(
    index: int | None = 0, id: str | None = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    function = {k: v for k, v in {"name": name, "arguments": arguments}.items() if v is not None}
    fields = {"index": index, "id": id, "function": function}
    return {k: v for k, v in fields.items() if v is not None}


def calls_of(*pieces: dict[str, Any], finish: str = "tool_calls") -> tuple[ToolCall, ...]:
    chunks = [delta(tool_calls=[piece]) for piece in pieces]
    answer = folded(events_of(chat_stream(*chunks, delta(finish))))
    return answer.choices[0].tool_calls


def failure_of(events: list[StreamEvent]) -> Any:
    assert isinstance(events[-1], Broken)
    return events[-1].failure


def test_a_plain_stream() -> None:
    stream = chat_stream(
        delta(role="assistant", content=""),
        delta(content="a"),
        delta(content="b"),
        delta("stop"),
        {"id": "c1", "choices": [], "usage": USAGE},
    )
    assert events_of(stream)[1:] == [
        TextDelta(text="a"),
        TextDelta(text="b"),
        UsageUpdate(usage=Usage(uncached=3, visible=4)),
        Finished(finish=Finish(reason="stop", raw="stop")),
        End(),
    ]


@pytest.mark.parametrize("place", ["first", "beside content", "beside finish", "repeated", "alone"])
def test_usage_counts_wherever_it_stands(place: str) -> None:
    chunks = [delta(content="a"), delta("stop")]
    spots = {"first": [0], "beside content": [0], "beside finish": [1], "repeated": [0, 1], "alone": []}[
        place
    ]
    for spot in spots:
        chunks[spot] |= {"usage": USAGE}
    if place in ("alone", "repeated"):
        chunks.append({"choices": [], "usage": USAGE})
    events = events_of(chat_stream(*chunks))
    assert [e for e in events if isinstance(e, UsageUpdate)] == [
        UsageUpdate(usage=Usage(uncached=3, visible=4))
    ]


@pytest.mark.parametrize(
    "chunks",
    [
        [delta("stop", content="a"), delta("stop"), delta("stop")],
        [delta("stop"), delta(content="a")],
        [delta("", content="a"), delta("stop")],
    ],
)
def test_the_finish_comes_once_and_last(chunks: list[dict[str, Any]]) -> None:
    events = events_of(chat_stream(*chunks))
    assert events[1:] == [TextDelta(text="a"), Finished(finish=Finish(reason="stop", raw="stop")), End()]


def test_a_done_without_any_finish_gives_one_that_claims_nothing() -> None:
    events = events_of(chat_stream(delta(content="a")))
    assert events[-2:] == [Finished(finish=Finish(reason="unknown")), End()]


def test_the_end_without_a_finish_is_a_cut() -> None:
    events = events_of(chat_stream(delta(content="a"), done=False))
    assert failure_of(events).kind == "truncated"
    assert not any(isinstance(e, Finished) for e in events)


def test_half_a_chunk_at_the_end_is_a_cut() -> None:
    assert (
        failure_of(events_of(chat_stream(delta(content="a"), done=False) + b'data: {"choices":[{"de')).kind
        == "truncated"
    )


def test_a_missing_done_takes_no_finished_answer_away() -> None:
    """F17: an answer is whole with its finish."""
    events = events_of(chat_stream(delta("stop", content="a"), done=False))
    assert isinstance(events[-1], End)


@pytest.mark.parametrize("before", [[], [delta(content="a")]])
@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        ({"message": "m", "code": 502, "metadata": {}}, "502", 502),
        ({"message": "m", "type": "server_error", "code": "overloaded"}, "overloaded", None),
        ("m", None, None),
    ],
)
def test_an_error_in_the_stream_is_the_last_event(
    before: list[dict[str, Any]], error: Any, code: str | None, status: int | None
) -> None:
    events = events_of(chat_stream(*before, {"error": error}, delta("stop", content="late")))
    failure = failure_of(events)
    assert (failure.kind, failure.code, failure.status, failure.detail) == ("stream_error", code, status, "m")
    assert TextDelta(text="late") not in events


def test_a_finish_that_says_error_is_no_answer() -> None:
    assert failure_of(events_of(chat_stream(delta("error", content="a")))).kind == "stream_error"


@pytest.mark.parametrize("data", [b"data: <html>\n\n", b"data: []\n\n", b"data: \xff\n\n"])
def test_what_is_no_chunk_breaks_the_stream(data: bytes) -> None:
    assert failure_of(events_of(data + chat_stream(delta("stop")))).kind == "bad_response"


def test_after_the_end_nothing_more_is_said() -> None:
    decoder = CODEC.stream_decoder(chat_target())
    decoder.feed(chat_stream(delta("stop", content="a")))
    assert list(decoder.feed(chat_stream(delta(content="b")))) == []
    assert list(decoder.close()) == []


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": None},
        {"choices": ["x"]},
        {"choices": [{"index": "0", "delta": None}]},
        {"choices": [{"delta": {"content": 5, "tool_calls": {}, "refusal": 1}}]},
        {
            "choices": [
                {
                    "delta": {
                        "tool_calls": [None, {"function": None}, {"function": {"name": 1, "arguments": 2}}]
                    }
                }
            ]
        },
        {"id": 5, "model": 6, "created": "x", "usage": []},
    ],
)
def test_odd_shapes_never_raise(chunk: dict[str, Any]) -> None:
    events = events_of(chat_stream(chunk, delta("stop", content="a")))
    assert isinstance(events[-1], End)


def test_azures_empty_first_chunk_is_not_the_start() -> None:
    first = {"id": "", "choices": [], "model": "", "prompt_filter_results": [{}]}
    late = {"id": "", "choices": [{"index": 0, "finish_reason": None, "content_filter_results": {}}]}
    answer = folded(events_of(chat_stream(first, delta(content="a"), late, delta("stop"))))
    assert (answer.id, answer.text) == ("c1", "a")


def test_choices_are_kept_apart() -> None:
    stream = chat_stream(
        delta(content="a"), delta(index=1, content="b"), delta("length", index=1), delta("stop")
    )
    answer = folded(events_of(stream))
    assert [(c.index, c.text, c.finish.reason) for c in answer.choices] == [
        (0, "a", "stop"),
        (1, "b", "length"),
    ]


class TestToolCalls:
    def test_indices_start_at_0_whatever_the_server_counts(self) -> None:
        stream = chat_stream(delta(tool_calls=[tool(1, "a", "f", "{}")]), delta("tool_calls"))
        assert ToolCallStart(index=0, id="a", name="f") in events_of(stream)

    def test_parallel_calls_are_told_apart_by_index(self) -> None:
        pieces = [
            tool(0, "a", "f", ""),
            tool(1, "b", "g", ""),
            tool(1, arguments='{"y"'),
            tool(0, arguments='{"x"'),
            tool(0, arguments=":1}"),
            tool(1, arguments=":2}"),
        ]
        assert [(c.id, c.arguments) for c in calls_of(*pieces)] == [("a", '{"x":1}'), ("b", '{"y":2}')]

    def test_calls_that_all_have_index_0_are_told_apart_by_id(self) -> None:
        calls = calls_of(tool(0, "a", "f", '{"x":1}'), tool(0, "b", "f", '{"x":2}'))
        assert [(c.id, c.arguments) for c in calls] == [("a", '{"x":1}'), ("b", '{"x":2}')]

    def test_id_and_name_repeated_in_every_piece_count_once(self) -> None:
        calls = calls_of(tool(0, "a", "f", '{"x"'), tool(0, "a", "f", ":1}"))
        assert calls == (ToolCall(id="a", name="f", arguments='{"x":1}'),)

    def test_the_whole_call_sent_again_is_not_appended(self) -> None:
        assert calls_of(tool(0, "a", "f", '{"x":1}'), tool(0, "a", "f", '{"x":1}'))[0].arguments == '{"x":1}'

    def test_calls_without_index_follow_their_id(self) -> None:
        calls = calls_of(tool(None, "a", "f", "{"), tool(None, arguments="}"), tool(None, "b", "g", "{}"))
        assert [(c.id, c.name, c.arguments) for c in calls] == [("a", "f", "{}"), ("b", "g", "{}")]

    def test_missing_ids_are_minted(self) -> None:
        calls = calls_of(tool(0, None, "f", "{}"), tool(1, None, "g", "{}"))
        assert [c.id for c in calls] == ["call_c1_0", "call_c1_1"]

    def test_two_calls_never_share_an_id(self) -> None:
        calls = calls_of(tool(0, "a", "f", "{}"), tool(1, "a", "g", "{}"))
        assert len({c.id for c in calls}) == 2

    @pytest.mark.parametrize("arguments", [None, "", "{}"])
    def test_no_arguments_are_an_empty_object(self, arguments: str | None) -> None:
        assert calls_of(tool(0, "a", "f", arguments))[0].arguments == "{}"

    def test_an_empty_object_before_the_arguments_is_dropped(self) -> None:
        assert calls_of(tool(0, "a", "f", "{}"), tool(0, arguments='{"x":1}'))[0].arguments == '{"x":1}'

    def test_arguments_as_an_object_become_text(self) -> None:
        assert calls_of(tool(0, "a", "f", {"x": 1}))[0].arguments == '{"x":1}'

    def test_a_name_that_comes_late_is_waited_for(self) -> None:
        events = events_of(
            chat_stream(
                delta(tool_calls=[tool(0, "a", None, "{")]),
                delta(tool_calls=[tool(0, None, "f", "}")]),
                delta("stop"),
            )
        )
        assert events[1:4] == [
            ToolCallStart(index=0, id="a", name="f"),
            ArgumentsDelta(index=0, text="{"),
            ArgumentsDelta(index=0, text="}"),
        ]

    @pytest.mark.parametrize(
        ("word", "arguments", "reason"),
        [
            ("stop", "{}", "tool_calls"),
            ("stop", '{"a":', "stop"),
            ("length", '{"a":', "length"),
            ("content_filter", "{}", "content_filter"),
        ],
    )
    def test_a_stop_after_whole_calls_is_tool_calls(self, word: str, arguments: str, reason: str) -> None:
        stream = chat_stream(delta(tool_calls=[tool(0, "a", "f", arguments)]), delta(word))
        assert folded(events_of(stream)).choices[0].finish.reason == reason

    def test_what_must_be_sent_back_with_a_call_is_kept(self) -> None:
        piece = {**tool(0, "a", "f", "{}"), "extra_content": {"google": {"thought_signature": "s"}}}
        assert calls_of(piece)[0].extra == {"extra_content": {"google": {"thought_signature": "s"}}}


def test_thinking_is_read_from_either_field_once() -> None:
    stream = chat_stream(
        delta(reasoning="a"),
        delta(reasoning_content="b"),
        delta(reasoning="c", reasoning_content="c"),
        delta("stop"),
    )
    assert [e.text for e in events_of(stream) if isinstance(e, ReasoningDelta)] == ["a", "b", "c"]


def test_openrouters_details_are_put_together_for_sending_back() -> None:
    def detail(**fields: Any) -> list[dict[str, Any]]:
        return [{"type": "reasoning.text", "index": 0, **fields}]

    stream = chat_stream(
        delta(reasoning="a", reasoning_details=detail(text="a")),
        delta(reasoning="b", reasoning_details=detail(text="b", signature=None)),
        delta(reasoning_details=detail(signature="s")),
        delta("stop", content="x"),
    )
    answer = folded(events_of(stream, "openrouter"))
    assert answer.choices[0].parts == (
        Reasoning(
            text="ab",
            signature="s",
            source="openai_chat",
            extra={"reasoning_details": detail(text="ab", signature="s")},
        ),
        Text(text="x"),
    )


def test_deltas_we_do_not_know_are_carried() -> None:
    events = events_of(chat_stream(delta(content="a", annotations=[{"u": 1}], audio=None), delta("stop")))
    assert [e for e in events if isinstance(e, OpaqueDelta)] == [
        OpaqueDelta(source="openai_chat", raw={"annotations": [{"u": 1}]})
    ]


def test_logprobs_are_added_up() -> None:
    def with_logprobs(text: str, token: str) -> dict[str, Any]:
        chunk = delta(content=text)
        chunk["choices"][0]["logprobs"] = {"content": [{"token": token}], "refusal": None}
        return chunk

    answer = folded(events_of(chat_stream(with_logprobs("a", "a"), with_logprobs("b", "b"), delta("stop"))))
    assert answer.choices[0].logprobs == {"content": [{"token": "a"}, {"token": "b"}]}


STREAM = (
    chat_stream(
        delta(role="assistant", content=""),
        delta(content="né 🦅\u2028"),
        delta(tool_calls=[tool(0, "a", "f", '{"k": "')]),
        delta(tool_calls=[tool(0, arguments='🦅"}')]),
        delta("tool_calls"),
        {"choices": [], "usage": USAGE},
    )
    .replace(b"\\u00e9", "é".encode())
    .replace(b"\\ud83e\\udd85", "🦅".encode())
)


def test_any_single_cut_gives_the_same_events() -> None:
    whole = events_of(STREAM)
    for cut in range(len(STREAM)):
        decoder = CODEC.stream_decoder(chat_target())
        assert decode_all(decoder, [STREAM[:cut], STREAM[cut:]]) == whole, cut


def test_byte_by_byte_gives_the_same_events() -> None:
    decoder = CODEC.stream_decoder(chat_target())
    assert decode_all(decoder, [STREAM[i : i + 1] for i in range(len(STREAM))]) == events_of(STREAM)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_bytes_gone_wrong_never_raise_and_always_end(noise: bytes, at: int) -> None:
    events = events_of(STREAM[:at] + noise + STREAM[at:])
    assert isinstance(events[-1], End | Broken)
    assert sum(isinstance(e, End | Broken) for e in events) == 1


JSON = st.recursive(
    st.none() | st.integers(-2, 2) | st.text(max_size=3) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "content",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "index",
                    "id",
                    "error",
                    "usage",
                    "finish_reason",
                    "reasoning_details",
                    "text",
                    "thinking",
                    "type",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "error", "id"]), JSON), max_size=4))
def test_any_json_where_chunks_should_be_never_raises(chunks: list[dict[str, Any]]) -> None:
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    assert isinstance(events_of(stream)[-1], End | Broken)
    assert joined(events_of(stream)) == joined(events_of(stream))
