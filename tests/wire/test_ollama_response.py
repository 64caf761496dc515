"""Answers in Ollama's format, whole and streamed, read from its server and written for its clients."""

import json
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollama import ChatResponse, Client, ResponseError

from tests.wire.cases import STAMP, body_of, decode_all, folded
from tests.wire.ollama_cases import CODEC, last, lines, message, ollama_target, read_lines
from tiercel.domain.catalog import Target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.events import (
    ArgumentsDelta,
    Broken,
    End,
    Finished,
    StreamEvent,
    TextDelta,
    ToolCallStart,
    UsageUpdate,
    unfold,
)
from tiercel.domain.request import Format, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse, Usage
from tiercel.wire.codec import Problem, UpstreamReplyError
from tiercel.wire.registry import CODECS

TARGET = ollama_target()
CALL = {"function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
PROBLEM = Problem(kind="overloaded", message="nobody is free", request_id="r")


def events_of(data: bytes) -> list[StreamEvent]:
    return decode_all(CODEC.stream_decoder(TARGET), [data])


def written(events: list[StreamEvent]) -> bytes:
    return CODEC.stream_encoder(CODEC.decode_request(body_of()), STAMP).encode(events)


def test_a_whole_answer_is_read() -> None:
    content = {"role": "assistant", "content": "hello", "thinking": "hm", "tool_calls": [CALL]}
    answer = CODEC.decode_response(lines({**last(), "message": content}), TARGET)
    [choice] = answer.choices
    assert choice.parts == (
        Reasoning(text="hm", source="ollama"),
        Text(text="hello"),
        ToolCall(id="call_00123456789Z_0", name="f", arguments='{"x":1}'),
    )
    assert choice.finish == Finish(reason="tool_calls", raw="stop")
    assert answer.usage == Usage(uncached=11, visible=7)
    assert (answer.model, answer.extra) == ("qwen3", {"total_duration": 5})


def test_ids_differ_within_an_answer_and_between_answers() -> None:
    def ids(when: str) -> set[str]:
        body = lines({**last(), "created_at": when, "message": {"tool_calls": [CALL, CALL]}})
        return {call.id for call in CODEC.decode_response(body, TARGET).choices[0].tool_calls}

    assert len(ids("2026-11-20T10:00:00.111111Z") | ids("2026-11-20T10:00:00.111112Z")) == 4


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"done":true}', b'{"message":"text"}'])
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(UpstreamDataError):
        CODEC.decode_response(body, TARGET)


def test_an_error_in_a_200_is_an_error() -> None:
    with pytest.raises(UpstreamReplyError) as refused:
        CODEC.decode_response(b'{"error":"model failed to load"}', TARGET)
    assert refused.value.facts.message == "model failed to load"


def test_an_error_answer_is_read() -> None:
    facts = CODEC.decode_error(404, {}, b'{"error":"model \\"x\\" not found"}')
    assert (facts.status, facts.message) == (404, 'model "x" not found')


def test_calls_with_one_index_and_a_finish_before_them_are_made_regular() -> None:
    """T18: arguments as objects, every index 0, `done` said before the last call came."""
    data = lines(message(tool_calls=[CALL]), last(), message(tool_calls=[CALL]))
    events = events_of(data)
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    assert [start.index for start in starts] == [0, 1]
    assert starts[0].id != starts[1].id
    assert [e.text for e in events if isinstance(e, ArgumentsDelta)] == ['{"x":1}', '{"x":1}']
    assert events[-2:] == [Finished(finish=Finish(reason="tool_calls", raw="stop")), End()]
    assert UsageUpdate(usage=Usage(uncached=11, visible=7)) in events


def test_counts_that_come_twice_are_told_once() -> None:
    """T06."""
    updates = [event for event in events_of(lines(last(), last())) if isinstance(event, UsageUpdate)]
    assert len(updates) == 1


def test_an_error_inside_a_stream_is_told() -> None:
    """T07: after a 200 and some text."""
    events = events_of(lines(message(content="he")) + b'{"error":"runner stopped"}\n' + lines(last()))
    assert isinstance(events[-1], Broken)
    assert events[-1].failure.kind == "stream_error"
    assert events[-1].failure.detail == "runner stopped"


@pytest.mark.parametrize("tail", [b"", b'{"model":"qwen3","done":tr'])
def test_a_stream_that_just_ends_was_cut(tail: bytes) -> None:
    """T08."""
    events = events_of(lines(message(content="he")) + tail)
    assert isinstance(events[-1], Broken)
    assert events[-1].failure.kind == "truncated"


def test_an_answer_that_thinking_left_empty_is_seen_as_that() -> None:
    """T57: empty and cut by length, as ollama#15288 has it."""
    [choice] = folded(events_of(lines(message(thinking="on and on"), last("length")))).choices
    assert (choice.is_empty, choice.finish.reason) == (True, "length")


def test_log_probabilities_are_kept_with_their_text() -> None:
    entry = {"token": "hi", "logprob": -0.5, "top_logprobs": []}
    data = lines({**message(content="hi"), "logprobs": [entry]}, last())
    assert TextDelta(text="hi", logprobs={"content": [entry]}) in events_of(data)
    again = read_lines(written(events_of(data)))
    assert again[0]["logprobs"] == [entry]


def test_what_nobody_reads_of_a_message_is_kept() -> None:
    data = lines(message(images=["AA=="]), last())
    assert folded(events_of(data)).choices[0].parts == (Opaque(source="ollama", raw={"images": ["AA=="]}),)
    assert read_lines(written(events_of(data)))[0]["message"]["images"] == ["AA=="]


STREAM = lines(
    message(thinking="hm 🦅"),
    message(content='a"🦅\u2028'),
    message(tool_calls=[CALL]),
    last(),
)


@given(st.integers(1, 60))
def test_every_cut_gives_the_same_events(size: int) -> None:
    """T24: also within a character of four bytes."""
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert decode_all(CODEC.stream_decoder(TARGET), pieces) == events_of(STREAM)


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"{}\n", b'{"message":1}\n', lines(last())])))
def test_whatever_a_server_sends_ends_in_one_last_event(pieces: list[bytes]) -> None:
    events = decode_all(CODEC.stream_decoder(TARGET), pieces)
    assert [event for event in events if isinstance(event, End | Broken)] == events[-1:]


def test_a_line_beyond_the_cap_ends_the_stream() -> None:
    """T26."""
    decoder = CODEC.stream_decoder(TARGET)
    [broken] = [event for _ in range(20) for event in decoder.feed(b"x" * 1_000_000)]
    assert isinstance(broken, Broken)
    assert broken.failure.kind == "too_large"
    assert decoder.close() == ()


def test_the_calls_of_a_stream_go_out_whole_and_once() -> None:
    """T17: also where the pieces of two calls came in turn."""
    events: list[StreamEvent] = [
        ToolCallStart(index=0, id="a", name="f"),
        ArgumentsDelta(index=0, text='{"x"'),
        ToolCallStart(index=1, id="b", name="g"),
        ArgumentsDelta(index=1, text="{}"),
        ArgumentsDelta(index=0, text=":1}"),
        Finished(finish=Finish(reason="tool_calls")),
        End(),
    ]
    first, ending = read_lines(written(events))
    assert first["message"]["tool_calls"] == [
        {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
        {"id": "b", "function": {"index": 1, "name": "g", "arguments": {}}},
    ]
    assert (ending["done"], ending["done_reason"]) == (True, "stop")


def test_after_a_problem_nothing_more_is_written() -> None:
    """No invented finish, and no heartbeat either."""
    encoder = CODEC.stream_encoder(CODEC.decode_request(body_of()), STAMP)
    encoder.encode([TextDelta(text="he")])
    assert read_lines(encoder.problem(PROBLEM)) == [{"error": "nobody is free"}]
    rest = encoder.encode([Finished(finish=Finish(reason="stop")), End()])
    assert rest + encoder.problem(PROBLEM) + encoder.heartbeat() == b""


def test_other_choices_than_the_first_have_no_place() -> None:
    ending = Finished(finish=Finish(reason="stop"))
    events: list[StreamEvent] = [TextDelta(text="a"), TextDelta(text="b", choice=1), ending, End()]
    assert [line["message"]["content"] for line in read_lines(written(events))] == ["a", ""]


def test_a_refusal_is_told_as_text() -> None:
    answer = ModelResponse(choices=(Choice(parts=(Refusal(text="no"),), finish=Finish(reason="stop")),))
    assert json.loads(CODEC.encode_response(answer, STAMP))["message"]["content"] == "no"


def test_an_error_answers_body_is_a_sentence() -> None:
    assert json.loads(CODEC.encode_problem(PROBLEM)) == {"error": "nobody is free"}


def client_of(body: bytes, status: int = 200) -> Client:
    """The official client, answered with these bytes."""
    return Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, content=body)))


ANSWER = ModelResponse(
    choices=(
        Choice(
            parts=(
                Reasoning(text="hm", source="ollama"),
                Text(text="hello"),
                ToolCall(id="a", name="f", arguments='{"x": 1}'),
            ),
            finish=Finish(reason="tool_calls"),
        ),
    ),
    usage=Usage(uncached=3, cached=2, visible=4, reasoning=1),
)


def shown(answer: ChatResponse) -> list[Any]:
    calls = [(call.function.name, call.function.arguments) for call in answer.message.tool_calls or ()]
    return [answer.message.content, answer.message.thinking, calls, answer.done]


def test_the_official_client_reads_a_whole_answer() -> None:
    answer = client_of(CODEC.encode_response(ANSWER, STAMP)).chat("m", [])
    assert shown(answer) == ["hello", "hm", [("f", {"x": 1})], True]
    assert (answer.prompt_eval_count, answer.eval_count, answer.done_reason) == (5, 5, "stop")
    assert (answer.model, answer.created_at) == ("auto", "2023-11-14T22:13:20Z")


def test_the_official_client_reads_a_stream_with_heartbeats() -> None:
    encoder = CODEC.stream_encoder(CODEC.decode_request(body_of()), STAMP)
    data = b"".join(encoder.heartbeat() + encoder.encode([event]) for event in unfold(ANSWER))
    pieces = list(client_of(data).chat("m", [], stream=True))
    assert "".join(piece.message.content or "" for piece in pieces) == "hello"
    assert [piece.message.thinking for piece in pieces if piece.message.thinking] == ["hm"]
    assert [len(piece.message.tool_calls or ()) for piece in pieces if piece.message.tool_calls] == [1]
    assert (pieces[-1].done, pieces[-1].eval_count) == (True, 5)
    assert [piece.done for piece in pieces].count(True) == 1


def test_the_official_client_raises_what_we_report() -> None:
    encoder = CODEC.stream_encoder(CODEC.decode_request(body_of()), STAMP)
    data = encoder.encode([TextDelta(text="he")]) + encoder.problem(PROBLEM)
    with pytest.raises(ResponseError, match="nobody is free"):
        list(client_of(data).chat("m", [], stream=True))
    with pytest.raises(ResponseError, match="nobody is free"):
        client_of(CODEC.encode_problem(PROBLEM), 503).chat("m", [])


def in_format(format: Format) -> Target:
    deployment = TARGET.deployment
    provider = msgspec.structs.replace(deployment.provider, format=format)
    return Target(deployment=msgspec.structs.replace(deployment, provider=provider))


@pytest.mark.parametrize("format", [format for format in CODECS if format != "ollama"])
def test_what_it_streams_reaches_clients_of_every_other_format(format: Format) -> None:
    """And what they are sent reads as the same text, calls, finish and counts."""
    codec = CODECS[format]
    events = events_of(STREAM)
    request = msgspec.structs.replace(CODEC.decode_request(body_of()), include_usage=True)
    data = codec.stream_encoder(request, STAMP).encode(events)
    again = folded(decode_all(codec.stream_decoder(in_format(format)), [data]))
    [choice], [first] = again.choices, folded(events).choices
    assert (choice.text, choice.finish.reason) == (first.text, "tool_calls")
    assert [(c.name, c.arguments) for c in choice.tool_calls] == [
        (c.name, c.arguments) for c in first.tool_calls
    ]
    assert again.usage is not None
    assert (again.usage.input, again.usage.output) == (11, 7)


texts = st.text(alphabet='ab é🦅"\\\n\u2028{}', min_size=1, max_size=12)
arguments = st.dictionaries(texts, st.integers(0, 9) | texts, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)


@st.composite
def answers(draw: st.DrawFn) -> ModelResponse:
    thought, text = draw(st.none() | texts), draw(st.none() | texts)
    parts: list[Part] = [] if thought is None else [Reasoning(text=thought, source="ollama")]
    parts += [] if text is None else [Text(text=text)]
    calls = draw(st.lists(arguments, max_size=3))
    parts += [ToolCall(id=f"call_{i}", name=f"f{i}", arguments=value) for i, value in enumerate(calls)]
    plain: list[FinishReason] = ["stop", "length"]
    reason = "tool_calls" if calls else draw(st.sampled_from(plain))
    finish = Finish(reason=reason, raw="stop" if calls else reason)
    usage = draw(st.builds(Usage, uncached=st.integers(1, 50), visible=st.integers(1, 50)))
    return ModelResponse(model="auto", choices=(Choice(parts=tuple(parts), finish=finish),), usage=usage)


@given(answers())
def test_what_one_end_writes_the_other_reads(answer: ModelResponse) -> None:
    """Whole and streamed."""
    assert CODEC.decode_response(CODEC.encode_response(answer, STAMP), TARGET) == answer
    assert folded(events_of(written(unfold(answer)))) == answer or not answer.choices[0].parts
