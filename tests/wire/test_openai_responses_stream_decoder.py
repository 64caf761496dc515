"""An upstream's Responses stream, as it is read: regular whatever the server leaves out or says twice."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.cases import decode_all, folded, frames
from tests.wire.responses_cases import (
    CODEC,
    STAMP,
    added,
    call,
    completed,
    created,
    done,
    events_of,
    message,
    piece,
    request_of,
    responses_target,
    stream_of,
)
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
from tiercel.domain.request import Format, Reasoning, ToolCall
from tiercel.domain.response import Finish, FinishReason, Usage

OWN: Format = "openai_responses"


def content(events: list[StreamEvent]) -> list[StreamEvent]:
    """The events between start and usage."""
    return [e for e in events if not isinstance(e, Start | UsageUpdate | Finished | End)]


def finish_of(events: list[StreamEvent]) -> Finish:
    [finished] = [event for event in events if isinstance(event, Finished)]
    return finished.finish


class TestDecoder:
    def test_start_and_end(self) -> None:
        assert events_of(created(), completed()) == [
            Start(id="resp_u", model="m1", created=7),
            UsageUpdate(usage=Usage(uncached=3, visible=2)),
            Finished(finish=Finish(reason="stop", raw="completed")),
            End(),
        ]

    def test_text_in_pieces_is_passed_on_once(self) -> None:
        events = events_of(
            created(),
            added(0, type="message", id="msg_1", phase="commentary", content=[]),
            piece("output_text.delta", content_index=0, delta="he"),
            piece("output_text.delta", content_index=0, delta="y"),
            piece("output_text.done", content_index=0, text="hey"),
            done(0, **message("hey", id="msg_1")),
            completed(message("hey", id="msg_1")),
        )
        assert content(events) == [
            TextDelta(text="he", extra={OWN: {"id": "msg_1", "phase": "commentary"}}),
            TextDelta(text="y"),
        ]

    @pytest.mark.parametrize(
        "how",
        [
            [piece("function_call_arguments.done", arguments='{"x":1}')],
            [done(0, **call('{"x":1}'))],
            [piece("function_call_arguments.done", arguments='{"x":1}'), done(0, **call('{"x":1}'))],
            [
                piece("function_call_arguments.delta", delta='{"x"'),
                piece("function_call_arguments.done", arguments='{"x":1}'),
            ],
            [],
        ],
    )
    def test_arguments_are_delivered_once_however_they_come(self, how: list[dict[str, Any]]) -> None:
        """T21: only in `.done`, only in the done item, only in the final response, or in all of them."""
        events = events_of(created(), added(0, **call("")), *how, completed(call('{"x":1}')))
        assert folded(events).choices[0].tool_calls == (ToolCall(id="c1", name="f", arguments='{"x":1}'),)
        assert finish_of(events).reason == "tool_calls"

    def test_items_are_joined_by_their_place_when_their_ids_change(self) -> None:
        """T23."""
        events = events_of(
            created(),
            added(0, **call("", id="a")),
            piece("function_call_arguments.delta", item_id="b", delta='{"x":1}'),
            piece("function_call_arguments.done", item_id="c", arguments='{"x":1}'),
            done(0, **call('{"x":1}', id="d")),
            completed(call('{"x":1}', id="e")),
        )
        assert content(events) == [
            ToolCallStart(index=0, id="c1", name="f", extra={OWN: {"id": "a"}}),
            ArgumentsDelta(index=0, text='{"x":1}'),
        ]

    @pytest.mark.parametrize("closing", ["only the end", "its own event too"])
    @pytest.mark.parametrize("place", [0, 1, 3])
    def test_nothing_comes_twice_where_the_end_counts_items_otherwise(self, place: int, closing: str) -> None:
        """As at servers that leave reasoning out of the final list, or begin to count at one."""
        whole = message("ab", id="msg_1")
        said = [piece("output_text.delta", place, content_index=0, delta=letter) for letter in "ab"]
        closed = [done(place + 1, **whole)] if closing == "its own event too" else []
        events = events_of(
            created(), added(0, type="reasoning", id="rs_1"), *said, *closed, completed(whole, call())
        )
        answer = folded(events).choices[0]
        assert (answer.text, len(answer.tool_calls)) == ("ab", 1)

    def test_what_the_end_adds_to_a_text_is_passed_on_wherever_it_stands(self) -> None:
        events = events_of(
            created(), piece("output_text.delta", 2, content_index=0, delta="a"), completed(message("ab"))
        )
        assert folded(events).choices[0].text == "ab"

    def test_calls_are_told_apart_where_the_end_counts_otherwise(self) -> None:
        one, two = call('{"a":1}', call_id="c1"), call('{"b":2}', call_id="c2")
        half = [{**item, "arguments": ""} for item in (one, two)]
        events = events_of(
            created(),
            added(1, **half[0]),
            piece("function_call_arguments.delta", 1, delta='{"a"'),
            added(2, **half[1]),
            piece("function_call_arguments.delta", 2, delta='{"b"'),
            completed(one, two),
        )
        assert [c.arguments for c in folded(events).choices[0].tool_calls] == ['{"a":1}', '{"b":2}']

    def test_the_same_words_in_two_messages_are_two_texts(self) -> None:
        events = events_of(
            created(), done(0, **message("ok", id="m1")), done(1, **message("ok", id="m2")), completed()
        )
        assert folded(events).choices[0].text == "okok"

    def test_calls_side_by_side_are_numbered_densely(self) -> None:
        """T19: also where two calls claim the same id."""
        events = events_of(
            created(),
            added(1, **call("")),
            added(3, **call("")),
            piece("function_call_arguments.delta", 3, delta='{"b":2}'),
            piece("function_call_arguments.delta", 1, delta='{"a":1}'),
            completed(),
        )
        calls = folded(events).choices[0].tool_calls
        assert [c.arguments for c in calls] == ['{"a":1}', '{"b":2}']
        assert calls[0].id == "c1"
        assert calls[1].id not in ("", "c1")

    def test_a_call_without_arguments_has_an_empty_object(self) -> None:
        """T16."""
        events = events_of(created(), added(0, **call("")), done(0, **call("")), completed())
        assert content(events)[-1] == ArgumentsDelta(index=0, text="{}")

    def test_a_custom_tools_call_is_free_text(self) -> None:
        item = {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": ""}
        events = events_of(
            created(tools=[{"type": "custom", "name": "patch"}]),
            added(0, **item),
            piece("custom_tool_call_input.delta", delta="*** "),
            piece("custom_tool_call_input.done", input="*** Begin"),
            done(0, **{**item, "input": "*** Begin"}),
            completed(),
        )
        assert folded(events).choices[0].parts == (
            ToolCall(id="c", name="patch", arguments="*** Begin", kind="custom"),
        )

    def test_a_custom_call_that_the_server_runs_itself_is_not_the_clients(self) -> None:
        item = {"type": "custom_tool_call", "call_id": "c", "name": "x_search", "input": "q"}
        events = events_of(
            created(tools=[{"type": "x_search"}]), added(0, **item), done(0, **item), completed()
        )
        assert content(events) == [OpaqueDelta(source=OWN, raw=item)]
        assert finish_of(events).reason == "stop"

    def test_reasoning_ends_with_its_seal_and_all_that_must_be_sent_back(self) -> None:
        """T32."""
        item = {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "ab"}, {"type": "summary_text", "text": "c"}],
            "encrypted_content": "sealed",
        }
        events = events_of(
            created(),
            added(0, type="reasoning", id="rs_1", summary=[], encrypted_content="half"),
            piece("reasoning_summary_text.delta", summary_index=0, delta="a"),
            piece("reasoning_summary_text.delta", summary_index=0, delta="b"),
            piece("reasoning_summary_text.done", summary_index=0, text="ab"),
            piece("reasoning_summary_text.delta", summary_index=1, delta="c"),
            done(0, **item),
            completed(item),
        )
        kept = {"id": "rs_1", "summary": item["summary"]}
        assert content(events) == [
            ReasoningDelta(id="rs_1", text="a", source=OWN),
            ReasoningDelta(id="rs_1", text="b", source=OWN),
            ReasoningDelta(id="rs_1", text="\n\nc", source=OWN),
            ReasoningDelta(id="rs_1", signature="sealed", source=OWN, extra=kept),
        ]
        assert folded(events).choices[0].parts == (
            Reasoning(text="ab\n\nc", signature="sealed", source=OWN, extra=kept),
        )

    def test_thinking_told_twice_is_passed_on_once(self) -> None:
        events = events_of(
            created(),
            added(0, type="reasoning", id="rs_1"),
            piece("reasoning_text.delta", content_index=0, delta="raw"),
            piece("reasoning_summary_text.delta", summary_index=0, delta="short"),
            completed(),
        )
        assert folded(events).choices[0].reasoning == "raw"

    def test_sealed_thinking_without_text_is_kept(self) -> None:
        """T34."""
        item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}
        events = events_of(created(), added(0, **item), done(0, **item), completed())
        [delta] = content(events)
        assert isinstance(delta, ReasoningDelta)
        assert delta.signature == "sealed"

    def test_a_refusal(self) -> None:
        events = events_of(
            created(),
            added(0, type="message", id="msg_1", content=[]),
            piece("refusal.delta", content_index=0, delta="n"),
            piece("refusal.done", content_index=0, refusal="no"),
            completed(),
        )
        assert content(events) == [RefusalDelta(text="n"), RefusalDelta(text="o")]

    def test_a_server_that_sends_no_deltas(self) -> None:
        """T22: what only the final response says is the answer too."""
        mark = {"type": "url_citation", "url": "https://a"}
        said = message("hey", id="msg_1")
        said["content"][0]["annotations"] = [mark]
        events = events_of(created(), completed(said, {"type": "web_search_call", "id": "ws"}))
        assert content(events) == [
            TextDelta(text="hey", extra={OWN: {"id": "msg_1"}}),
            OpaqueDelta(
                source=OWN, raw={"type": "response.output_text.annotation.added", "annotation": mark}
            ),
            OpaqueDelta(source=OWN, raw={"type": "web_search_call", "id": "ws"}),
        ]

    def test_logprobs_stand_with_their_text(self) -> None:
        entry = {"token": "h", "logprob": -0.1, "bytes": [104], "top_logprobs": []}
        events = events_of(
            created(),
            added(0, type="message", id="msg_1", content=[]),
            piece("output_text.delta", content_index=0, delta="h", logprobs=[entry]),
            completed(),
        )
        assert folded(events).choices[0].logprobs == {"content": [entry]}

    @pytest.mark.parametrize(
        ("fields", "reason", "raw"),
        [
            (
                {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
                "length",
                "max_output_tokens",
            ),
            (
                {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
                "content_filter",
                "content_filter",
            ),
            ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "unknown", "steered"),
            ({"status": "incomplete", "incomplete_details": None}, "unknown", "incomplete"),
            ({}, "tool_calls", "completed"),
        ],
    )
    def test_a_cut_answer_stays_one_though_it_called_a_tool(
        self, fields: dict[str, Any], reason: FinishReason, raw: str
    ) -> None:
        """T13."""
        events = events_of(created(), added(0, **call('{"x')), completed(**fields))
        assert finish_of(events) == Finish(reason=reason, raw=raw)

    @pytest.mark.parametrize(
        "event",
        [
            {"type": "error", "error": {"code": "insufficient_quota", "message": "no money"}},
            {"type": "error", "code": "insufficient_quota", "message": "no money", "param": None},
            completed(status="failed", error={"code": "insufficient_quota", "message": "no money"}),
        ],
    )
    def test_an_error_inside_a_stream_breaks_it(self, event: dict[str, Any]) -> None:
        """T07, T09: nested, flat, or only as the failed response; nothing after it counts."""
        data = stream_of(created(), event, completed(message("x"))) + b"data: [DONE]\n\n"
        decoder = CODEC.stream_decoder(responses_target())
        events = decode_all(decoder, [data])
        assert events[1:] == [
            Broken(
                failure=Failure(
                    kind="stream_error",
                    message="the provider reported an error in the middle of its answer",
                    code="insufficient_quota",
                    detail="no money",
                )
            )
        ]

    @pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n", b'data: {"type":"response.compl'])
    def test_a_stream_that_just_ends_is_truncated(self, end: bytes) -> None:
        """T08."""
        data = stream_of(created(), done(0, **message("hey"))) + end
        events = decode_all(CODEC.stream_decoder(responses_target()), [data])
        assert isinstance(events[-1], Broken)
        assert events[-1].failure.kind == "truncated"

    def test_unknown_events_and_keepalives_mean_nothing(self) -> None:
        events = events_of(
            created(),
            {"type": "keepalive", "sequence_number": 3},
            piece("future.delta", delta="x"),
            completed(),
        )
        assert content(events) == []

    def test_usage_counts_the_cache_once(self) -> None:
        """T51."""
        usage = {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 1},
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 19,
        }
        events = events_of(created(), completed(usage=usage))
        assert UsageUpdate(usage=Usage(uncached=3, cached=6, written=1, visible=4, reasoning=5)) in events


TALK = stream_of(
    created(),
    added(0, type="reasoning", id="rs_1", summary=[]),
    piece("reasoning_summary_text.delta", summary_index=0, delta="hm 🦅"),
    done(0, type="reasoning", id="rs_1", summary=[{"type": "summary_text", "text": "hm 🦅"}]),
    added(1, type="message", id="msg_1", content=[]),
    piece("output_text.delta", 1, content_index=0, delta="ä🦅\u2028"),
    done(1, **message("ä🦅\u2028", id="msg_1")),
    added(2, **call("")),
    piece("function_call_arguments.delta", 2, delta='{"é":'),
    piece("function_call_arguments.delta", 2, delta='"🦅"}'),
    completed(),
)


@given(st.lists(st.integers(0, len(TALK)), max_size=6))
def test_every_split_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    """T24."""
    bounds = [0, *sorted(cuts), len(TALK)]
    pieces = [TALK[a:b] for a, b in pairwise(bounds)]
    target = responses_target()
    assert decode_all(CODEC.stream_decoder(target), pieces) == decode_all(
        CODEC.stream_decoder(target), [TALK]
    )


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "message", "function_call"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "id", "content", "text", "name", "call_id", "summary", "output", "annotations"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
kinds = st.sampled_from(
    [
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.refusal.done",
        "response.reasoning_summary_text.delta",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.delta",
        "response.output_text.annotation.added",
        "response.completed",
    ]
)
odd_events = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "output_index": st.integers(0, 2),
        "content_index": junk,
        "item": junk,
        "response": junk,
        "delta": junk,
        "text": junk,
        "arguments": junk,
        "annotation": junk,
        "logprobs": junk,
    },
)


@given(st.lists(odd_events, max_size=8))
def test_whatever_a_provider_sends_ends_in_one_last_event_and_can_be_written(
    sent: list[dict[str, Any]],
) -> None:
    events = events_of(*sent)
    assert [isinstance(event, End | Broken) for event in events].count(True) == 1
    assert isinstance(events[-1], End | Broken)
    starts = [event.index for event in events if isinstance(event, ToolCallStart)]
    assert starts == list(range(len(starts)))
    written = frames(CODEC.stream_encoder(request_of(), STAMP).encode(events))
    assert [frame["sequence_number"] for frame in written] == list(range(len(written)))


@given(st.binary(max_size=80))
def test_odd_bytes_only_break_the_stream(data: bytes) -> None:
    events = decode_all(CODEC.stream_decoder(responses_target()), [b"data: " + data + b"\n\n"])
    assert isinstance(events[-1], Broken)
