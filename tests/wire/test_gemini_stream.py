"""Gemini's streams, at both ends."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.cases import STAMP, decode_all, folded, frames
from tests.wire.gemini_cases import CODEC, call_part, chunk, decoded, events_of, gemini_target, stream_bytes
from tiercel.domain.events import (
    CONTENT_EVENTS,
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
from tiercel.domain.response import Finish, FinishReason, Usage
from tiercel.wire.codec import Problem, StreamEncoder

STOP = Finished(finish=Finish(reason="stop", raw="STOP"))
PROBLEM = Problem(kind="overloaded", message="busy", request_id="r1")


def piece(path: str, **fields: Any) -> dict[str, Any]:
    return {"functionCall": {"partialArgs": [{"jsonPath": path, **fields}], "willContinue": True}}


def encoder(as_array: bool = False) -> StreamEncoder:
    return CODEC.array_encoder(decoded(), STAMP) if as_array else CODEC.stream_encoder(decoded(), STAMP)


def chunks_for(*events: StreamEvent, as_array: bool = False) -> list[dict[str, Any]]:
    data = encoder(as_array).encode(events)
    if as_array:
        listed: list[dict[str, Any]] = json.loads(data)
        return listed
    return frames(data)


def parts_in(chunks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for item in chunks for part in item["candidates"][0]["content"]["parts"]]


class TestDecoding:
    def test_text_thinking_usage_and_finish(self) -> None:
        early = {"promptTokenCount": 3, "candidatesTokenCount": 1}
        late = {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 4}
        assert events_of(
            chunk({"text": "hm", "thought": True}, usageMetadata={"trafficType": "ON_DEMAND"}),
            chunk({"text": "a"}, usageMetadata=early),
            chunk({"text": "b"}, usageMetadata=early),
            chunk({"text": "", "thoughtSignature": "c2ln"}, finish="STOP", usageMetadata=late),
        ) == [
            Start(id="r1", model="gemini-x"),
            ReasoningDelta(text="hm", source="gemini"),
            TextDelta(text="a"),
            UsageUpdate(usage=Usage(uncached=3, visible=1)),
            TextDelta(text="b"),
            TextDelta(text="", extra={"gemini": {"thoughtSignature": "c2ln"}}),
            UsageUpdate(usage=Usage(uncached=3, visible=2, reasoning=4)),
            STOP,
            End(),
        ]

    def test_a_call_without_finish_and_then_a_stop_is_one_finish(self) -> None:
        """T12, T29: and the call keeps its signature."""
        events = events_of(
            chunk({**call_part(args={"a": 1}), "thoughtSignature": "c2ln"}),
            chunk({"text": ""}, finish="STOP"),
        )
        extra = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
        assert events[1:] == [
            ToolCallStart(index=0, id="call_r1_0", name="f", extra=extra),
            ArgumentsDelta(index=0, text='{"a":1}'),
            Finished(finish=Finish(reason="tool_calls", raw="STOP")),
            End(),
        ]

    def test_parallel_calls_in_several_chunks_are_several_calls(self) -> None:
        """T44"""
        events = events_of(chunk(call_part(args={})), chunk(call_part(args={}), finish="STOP"))
        starts = [event for event in events if isinstance(event, ToolCallStart)]
        assert [(start.index, start.id) for start in starts] == [(0, "call_r1_0"), (1, "call_r1_1")]

    def test_the_same_call_sent_again_is_not_another_one(self) -> None:
        """T17"""
        same = chunk(call_part(args={"a": 1}, id="c1"))
        answer = folded(events_of(same, same, chunk(finish="STOP")))
        assert [call.arguments for call in answer.choices[0].tool_calls] == ['{"a":1}']

    def test_arguments_in_pieces_are_put_together(self) -> None:
        events = events_of(
            chunk({"functionCall": {"name": "f", "willContinue": True}}),
            chunk(piece("$.a.b[0].c", stringValue="x", willContinue=True)),
            chunk(piece("$.a.b[0].c", stringValue="y")),
            chunk(piece("$.a.b[0].n", numberValue=3.0)),
            chunk(piece("$.a.b[1]", boolValue=True)),
            chunk(piece("$['d e']", nullValue="NULL_VALUE")),
            chunk({"functionCall": {}}),
            chunk(finish="STOP"),
        )
        [arguments] = [event for event in events if isinstance(event, ArgumentsDelta)]
        assert json.loads(arguments.text) == {"a": {"b": [{"c": "xy", "n": 3}, True]}, "d e": None}
        assert events[-1] == End()

    @pytest.mark.parametrize(
        "part",
        [
            piece("$.a[5]", boolValue=True),
            piece("a", boolValue=True),
            piece("$", boolValue=True),
            piece("$.a"),
            piece("$.a" * 80, boolValue=True),
            {"functionCall": {"partialArgs": ["x"]}},
        ],
    )
    def test_pieces_that_fit_nowhere_break_the_stream(self, part: dict[str, Any]) -> None:
        events = events_of(chunk({"functionCall": {"name": "f", "willContinue": True}}), chunk(part))
        assert isinstance(events[-1], Broken)
        assert events[-1].failure.kind == "bad_response"

    @pytest.mark.parametrize(("word", "reason"), [("MAX_TOKENS", "length"), ("SAFETY", "content_filter")])
    def test_a_cut_answer_stays_one_though_it_holds_a_call(self, word: str, reason: FinishReason) -> None:
        """T13"""
        answer = folded(events_of(chunk(call_part(args={})), chunk(finish=word)))
        assert answer.choices[0].finish == Finish(reason=reason, raw=word)

    def test_a_malformed_call_is_no_answer(self) -> None:
        events = events_of(chunk(finish="MALFORMED_FUNCTION_CALL"))
        assert isinstance(events[-1], Broken)
        assert events[-1].failure.code == "MALFORMED_FUNCTION_CALL"

    def test_a_refused_prompt_is_filtered(self) -> None:
        events = events_of({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r1"})
        assert events[1:] == [Finished(finish=Finish(reason="content_filter", raw="SAFETY")), End()]

    @pytest.mark.parametrize(
        "chunks",
        [[], [chunk({"text": "a"})], [{"usageMetadata": {"promptTokenCount": 1}}], [chunk(call_part())]],
    )
    def test_an_end_without_a_finish_is_a_failure(self, chunks: list[dict[str, Any]]) -> None:
        """T08"""
        last = events_of(*chunks)[-1]
        assert isinstance(last, Broken)
        assert last.failure.kind == "truncated"

    def test_an_error_in_the_stream_is_one_whatever_follows(self) -> None:
        """T07, T09"""
        error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
        data = stream_bytes(chunk({"text": "a"}), error, chunk(finish="STOP")) + b"data: [DONE]\n\n"
        last = decode_all(CODEC.stream_decoder(gemini_target()), [data])[-1]
        assert isinstance(last, Broken)
        assert (last.failure.kind, last.failure.status) == ("stream_error", 503)

    def test_what_grounds_an_answer_comes_once_and_at_its_end(self) -> None:
        first, second = chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")
        first["candidates"][0]["groundingMetadata"] = {"webSearchQueries": []}
        second["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["q"]}
        events = events_of(first, second)
        raw = {"candidate": {"groundingMetadata": {"webSearchQueries": ["q"]}}}
        assert events[-3:] == [OpaqueDelta(source="gemini", raw=raw), STOP, End()]

    def test_ratings_of_nothing_are_no_content(self) -> None:
        """T57: an empty answer stays one."""
        rated = chunk({"text": ""}, finish="MAX_TOKENS")
        rated["candidates"][0]["safetyRatings"] = [{"category": "c"}]
        events = events_of(rated)
        assert not any(isinstance(event, CONTENT_EVENTS) for event in events)
        assert not folded(events).choices[0].parts

    def test_heartbeats_mean_nothing(self) -> None:
        assert events_of({}, chunk({"text": "a"}, finish="STOP"), {})[0] == Start(id="r1", model="gemini-x")

    def test_several_candidates_each_have_their_finish(self) -> None:
        events = events_of(
            chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP", index=1), chunk(finish="MAX_TOKENS")
        )
        answer = folded(events)
        assert [(choice.text, choice.finish.reason) for choice in answer.choices] == [
            ("a", "length"),
            ("b", "stop"),
        ]


WHOLE_STREAM = stream_bytes(
    chunk({"text": "hm 🦅", "thought": True}),
    chunk({"text": "é🦅\u2028"}, usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 2}),
    chunk({**call_part(args={"a": "🦅"}), "thoughtSignature": "c2ln"}),
    chunk({"functionCall": {"name": "g", "willContinue": True}}),
    chunk(piece("$.a", stringValue="ö", willContinue=True)),
    chunk({"functionCall": {}}),
    chunk({"text": ""}, finish="STOP"),
)


@given(st.lists(st.integers(1, len(WHOLE_STREAM) - 1), max_size=8).map(sorted))
def test_every_split_of_the_bytes_gives_the_same_events(cuts: list[int]) -> None:
    """T24"""
    borders = [0, *cuts, len(WHOLE_STREAM)]
    pieces = [WHOLE_STREAM[a:b] for a, b in pairwise(borders)]
    whole = decode_all(CODEC.stream_decoder(gemini_target()), [WHOLE_STREAM])
    assert whole[-1] == End()
    assert decode_all(CODEC.stream_decoder(gemini_target()), pieces) == whole


fuzzed = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(("", "a", "$.a", "$.a[0]", "STOP", "STRING")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *(
                        "candidates",
                        "content",
                        "parts",
                        "text",
                        "thought",
                        "functionCall",
                        "name",
                        "args",
                        "id",
                    ),
                    *(
                        "partialArgs",
                        "jsonPath",
                        "stringValue",
                        "boolValue",
                        "willContinue",
                        "index",
                        "error",
                    ),
                    *("finishReason", "usageMetadata", "promptTokenCount", "promptFeedback", "blockReason"),
                    *("logprobsResult", "chosenCandidates", "inlineData", "mimeType", "data", "responseId"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(("candidates", "promptFeedback", "error")), fuzzed), max_size=4)
)
def test_whatever_chunks_come_the_stream_ends_once_and_nothing_is_raised(
    chunks: list[dict[str, Any]],
) -> None:
    events = events_of(*chunks)
    assert sum(isinstance(event, End | Broken) for event in events) == 1
    assert isinstance(events[-1], End | Broken)
    chunks_for(*events)


@given(st.binary(max_size=80))
def test_whatever_bytes_come_nothing_is_raised(data: bytes) -> None:
    assert isinstance(decode_all(CODEC.stream_decoder(gemini_target()), [data])[-1], Broken)


@pytest.mark.parametrize("as_array", [False, True])
class TestEncoding:
    def test_chunks_are_whole_answers_and_the_last_one_has_finish_and_usage(self, as_array: bool) -> None:
        chunks = chunks_for(
            Start(),
            ReasoningDelta(text="hm", source="ollama"),
            TextDelta(text="a"),
            TextDelta(text="", extra={"gemini": {"thoughtSignature": "c2ln"}}),
            UsageUpdate(usage=Usage(uncached=3, visible=2)),
            STOP,
            End(),
            as_array=as_array,
        )
        assert parts_in(chunks) == [
            {"text": "hm", "thought": True},
            {"text": "a"},
            {"text": "", "thoughtSignature": "c2ln"},
            {"text": ""},
        ]
        assert [item["candidates"][0].get("finishReason") for item in chunks] == [None, None, None, "STOP"]
        assert [item.get("usageMetadata", {}).get("totalTokenCount") for item in chunks] == [
            None,
            None,
            None,
            5,
        ]
        assert {item["responseId"] for item in chunks} == {STAMP.id}

    def test_calls_wait_until_they_are_whole(self, as_array: bool) -> None:
        chunks = chunks_for(
            ToolCallStart(index=0, id="c1", name="f"),
            ToolCallStart(index=1, id="c2", name="g"),
            ArgumentsDelta(index=0, text='{"a"'),
            ArgumentsDelta(index=1, text="{}"),
            ArgumentsDelta(index=0, text=":1}"),
            Finished(finish=Finish(reason="tool_calls")),
            End(),
            as_array=as_array,
        )
        assert parts_in(chunks) == [
            {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}},
            {"functionCall": {"id": "c2", "name": "g", "args": {}}},
            {"text": ""},
        ]

    def test_text_after_a_whole_call_stays_after_it(self, as_array: bool) -> None:
        chunks = chunks_for(
            ToolCallStart(index=0, id="c1", name="f"),
            ArgumentsDelta(index=0, text="{}"),
            TextDelta(text="a"),
            STOP,
            End(),
            as_array=as_array,
        )
        assert [next(iter(part)) for part in parts_in(chunks)] == ["functionCall", "text", "text"]

    def test_a_refusal_is_text_and_ends_in_safety(self, as_array: bool) -> None:
        chunks = chunks_for(RefusalDelta(text="no"), STOP, End(), as_array=as_array)
        assert parts_in(chunks)[0] == {"text": "no"}
        assert chunks[-1]["candidates"][0]["finishReason"] == "SAFETY"

    def test_own_fields_of_the_candidate_stand_on_its_last_chunk(self, as_array: bool) -> None:
        raw: dict[str, Any] = {"candidate": {"groundingMetadata": {}}}
        chunks = chunks_for(
            TextDelta(text="a"), OpaqueDelta(source="gemini", raw=raw), STOP, End(), as_array=as_array
        )
        assert ["groundingMetadata" in item["candidates"][0] for item in chunks] == [False, True]

    def test_log_probabilities_never_make_an_empty_content(self, as_array: bool) -> None:
        """An SDK's chat forgets a turn with one."""
        logprobs = {"content": [{"token": "a", "logprob": -1.0, "top_logprobs": []}]}
        chunks = chunks_for(TextDelta(text="", logprobs=logprobs), STOP, End(), as_array=as_array)
        assert all(item["candidates"][0]["content"]["parts"] for item in chunks)
        assert chunks[0]["candidates"][0]["logprobsResult"]["chosenCandidates"][0]["token"] == "a"

    def test_after_a_problem_nothing_more_is_written(self, as_array: bool) -> None:
        stream = encoder(as_array)
        begun = stream.encode([TextDelta(text="a"), Broken(failure=Failure(kind="reset", message="m"))])
        ended = stream.problem(PROBLEM)
        assert (stream.encode([STOP, End()]), stream.problem(PROBLEM), stream.heartbeat()) == (b"", b"", b"")
        last = (json.loads(begun + ended) if as_array else frames(begun + ended))[-1]
        assert next(iter(last)) == "error"
        assert last["error"]["status"] == "UNAVAILABLE"

    def test_a_problem_may_be_all_there_is(self, as_array: bool) -> None:
        data = encoder(as_array).problem(PROBLEM)
        [only] = json.loads(data) if as_array else frames(data)
        assert only["error"]["code"] == 503

    def test_heartbeats_may_stand_anywhere(self, as_array: bool) -> None:
        stream = encoder(as_array)
        data = stream.heartbeat() + stream.encode([TextDelta(text="a")]) + stream.heartbeat()
        data += stream.encode([STOP, End()])
        assert stream.heartbeat() == b""
        chunks = json.loads(data) if as_array else frames(data)
        assert parts_in(chunks) == [{"text": "a"}, {"text": ""}]
        if not as_array:
            assert decode_all(CODEC.stream_decoder(gemini_target()), [data])[-1] == End()
