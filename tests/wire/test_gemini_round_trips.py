"""Answers between Gemini's format and the others: what both can say arrives, whole and streamed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.cases import STAMP, anthropic_target, body_of, chat_target, decode_all, folded
from tests.wire.gemini_cases import CODEC, contents_body, gemini_target
from tests.wire.test_round_trips import arguments, texts, usages
from tiercel.domain.catalog import Target
from tiercel.domain.events import End, unfold
from tiercel.domain.request import Format, Part, Reasoning, Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse
from tiercel.wire.registry import CODECS

TARGETS: dict[Format, Target] = {"openai_chat": chat_target("openai"), "anthropic": anthropic_target()}
BODIES: dict[Format, bytes] = {
    "openai_chat": body_of(stream=True, stream_options={"include_usage": True}),
    "anthropic": body_of(stream=True, max_tokens=9),
    "gemini": contents_body(),
}
WORDS: dict[FinishReason, str] = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}


@st.composite
def answers(draw: st.DrawFn) -> ModelResponse:
    parts: list[Part] = []
    if draw(st.booleans()):
        signature = draw(st.none() | st.just("c2ln"))
        parts.append(Reasoning(text=draw(texts), signature=signature, source="gemini"))
    text = draw(st.none() | texts)
    if text is not None:
        own: dict[str, Any] = draw(st.sampled_from(({}, {"gemini": {"thoughtSignature": "c2ln"}})))
        parts.append(Text(text=text, extra=own))
    for index, value in enumerate(draw(st.lists(arguments, max_size=3))):
        mark = {"extra_content": {"google": {"thought_signature": "c2ln"}}} if index == 0 else {}
        parts.append(ToolCall(id=f"call_{index}", name=f"f{index % 2}", arguments=value, extra=mark))
    plain: list[FinishReason] = ["stop", "length"]
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    reason: FinishReason = "tool_calls" if has_calls else draw(st.sampled_from(plain))
    usage = draw(usages)
    return ModelResponse(
        id=STAMP.id,
        model=STAMP.model,
        choices=(Choice(parts=tuple(parts), finish=Finish(reason=reason, raw=WORDS[reason])),),
        usage=type(usage)(
            uncached=usage.uncached, cached=usage.cached, visible=usage.visible, reasoning=usage.reasoning
        ),
    )


@given(answers())
def test_a_whole_answer_survives(answer: ModelResponse) -> None:
    """T16, T29: with calls that need nothing, and every signature."""
    assert CODEC.decode_response(CODEC.encode_response(answer, STAMP), gemini_target()) == answer


@given(answers())
def test_a_streamed_answer_survives(answer: ModelResponse) -> None:
    data = CODEC.stream_encoder(CODEC.decode_request(contents_body()), STAMP).encode(unfold(answer))
    events = decode_all(CODEC.stream_decoder(gemini_target()), [data])
    assert events[-1] == End()
    assert folded(events) == answer


@given(answers(), st.sampled_from(sorted(TARGETS)))
def test_an_answer_reaches_a_client_of_another_format(answer: ModelResponse, to: Format) -> None:
    codec = CODECS[to]
    data = codec.stream_encoder(codec.decode_request(BODIES[to]), STAMP).encode(unfold(answer))
    same(folded(decode_all(codec.stream_decoder(TARGETS[to]), [data])), answer)


@given(answers(), st.sampled_from(sorted(TARGETS)))
def test_an_answer_of_another_format_reaches_a_client_of_this_one(answer: ModelResponse, of: Format) -> None:
    codec = CODECS[of]
    theirs = codec.decode_response(codec.encode_response(answer, STAMP), TARGETS[of])
    same(CODEC.decode_response(CODEC.encode_response(theirs, STAMP), gemini_target()), answer)
    data = CODEC.stream_encoder(CODEC.decode_request(contents_body()), STAMP).encode(unfold(theirs))
    same(folded(decode_all(CODEC.stream_decoder(gemini_target()), [data])), answer)


def same(read: ModelResponse, answer: ModelResponse) -> None:
    """All that every format can say."""
    [choice], [expected] = read.choices, answer.choices
    assert choice.text == expected.text
    assert choice.reasoning == expected.reasoning
    assert [(call.id, call.name, json.loads(call.arguments)) for call in choice.tool_calls] == [
        (call.id, call.name, json.loads(call.arguments)) for call in expected.tool_calls
    ]
    assert choice.finish.reason == expected.finish.reason
    assert read.usage == answer.usage


@pytest.mark.parametrize("format", sorted(TARGETS))
def test_a_signature_comes_back_through_a_client_of_another_format(format: Format) -> None:
    """T29: where that format has a place for it; Anthropic's has none, and gets the documented word instead."""
    call = ToolCall(
        id="c1",
        name="f",
        arguments="{}",
        extra={"extra_content": {"google": {"thought_signature": "c2ln"}}},
    )
    answer = ModelResponse(choices=(Choice(parts=(call,), finish=Finish(reason="tool_calls")),))
    codec = CODECS[format]
    body = json.loads(codec.encode_response(answer, STAMP))
    given_back = (
        body["choices"][0]["message"]
        if format == "openai_chat"
        else {
            "role": "assistant",
            "content": body["content"],
        }
    )
    request = codec.decode_request(
        json.dumps(
            {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}, given_back]}
        ).encode()
    )
    sent = json.loads(CODEC.encode_request(request, gemini_target()).body)
    signature = sent["contents"][1]["parts"][0]["thoughtSignature"]
    assert signature == ("c2ln" if format == "openai_chat" else "skip_thought_signature_validator")
