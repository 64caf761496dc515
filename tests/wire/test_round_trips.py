"""What one end writes the other end reads: the same answer, in both formats, whole and streamed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.cases import STAMP, anthropic_target, body_of, chat_target, decode_all, folded
from tests.wire.test_anthropic_response import check_blocks
from tiercel.domain.catalog import Target
from tiercel.domain.events import End, StreamEvent, unfold
from tiercel.domain.request import Format, Part, Reasoning, Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse, Usage
from tiercel.wire.codec import Codec
from tiercel.wire.registry import CODECS

TARGETS: dict[Format, Target] = {"openai_chat": chat_target("openai"), "anthropic": anthropic_target()}
WORDS: dict[Format, dict[FinishReason, str]] = {
    "openai_chat": {"stop": "stop", "length": "length", "tool_calls": "tool_calls"},
    "anthropic": {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"},
}

texts = st.text(alphabet='ab é🦅"\\\n\u2028{}', min_size=1, max_size=12)
arguments = st.dictionaries(texts, st.integers(0, 9) | texts, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)
counts = st.integers(0, 50)
usages = st.builds(
    Usage,
    uncached=st.integers(1, 50),
    cached=counts,
    written=counts,
    visible=st.integers(1, 50),
    reasoning=counts,
)


@st.composite
def answers(draw: st.DrawFn, format: Format) -> ModelResponse:
    parts: list[Part] = []
    if draw(st.booleans()):
        signature = "seal" if format == "anthropic" else None
        parts.append(
            Reasoning(
                text=draw(texts), signature=signature, source="anthropic" if signature else "openai_chat"
            )
        )
    text = draw(st.none() | texts)
    if text is not None:
        parts.append(Text(text=text))
    calls = draw(st.lists(arguments, max_size=3))
    parts += [ToolCall(id=f"call_{i}", name=f"f{i}", arguments=value) for i, value in enumerate(calls)]
    plain: list[FinishReason] = ["stop", "length"]
    reason = "tool_calls" if calls else draw(st.sampled_from(plain))
    finish = Finish(reason=reason, raw=WORDS[format][reason])
    return ModelResponse(
        id=STAMP.id,
        model=STAMP.model,
        created=STAMP.created if format == "openai_chat" else 0,
        choices=(Choice(parts=tuple(parts), finish=finish),),
        usage=draw(usages),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Format, ModelResponse]:
    format = draw(st.sampled_from(sorted(TARGETS)))
    return format, draw(answers(format))


def streamed(codec: Codec, answer: ModelResponse) -> bytes:
    fields: dict[str, Any] = (
        {"stream_options": {"include_usage": True}} if codec.format == "openai_chat" else {"max_tokens": 9}
    )
    request = codec.decode_request(body_of(stream=True, **fields))
    return codec.stream_encoder(request, STAMP).encode(unfold(answer))


def read(format: Format, data: bytes) -> list[StreamEvent]:
    return decode_all(CODECS[format].stream_decoder(TARGETS[format]), [data])


@given(cases())
def test_a_whole_answer_survives(case: tuple[Format, ModelResponse]) -> None:
    format, answer = case
    codec = CODECS[format]
    assert codec.decode_response(codec.encode_response(answer, STAMP), TARGETS[format]) == answer


@given(cases())
def test_a_streamed_answer_survives(case: tuple[Format, ModelResponse]) -> None:
    format, answer = case
    events = read(format, streamed(CODECS[format], answer))
    assert events[-1] == End()
    assert folded(events) == answer


@given(cases(), st.sampled_from(sorted(TARGETS)))
def test_an_answer_crosses_formats_with_text_calls_and_usage(
    case: tuple[Format, ModelResponse], to: Format
) -> None:
    """Through the other format's client end and back: what both can say arrives."""
    _, answer = case
    data = streamed(CODECS[to], answer)
    if to == "anthropic":
        check_blocks(
            [json.loads(line[6:]) for line in data.decode().split("\n") if line.startswith("data: ")]
        )
    crossed = folded(read(to, data))
    assert crossed.text == answer.text
    assert crossed.choices[0].reasoning == answer.choices[0].reasoning
    assert [(c.id, c.name, c.arguments) for c in crossed.choices[0].tool_calls] == [
        (c.id, c.name, c.arguments) for c in answer.choices[0].tool_calls
    ]
    assert crossed.choices[0].finish.reason == answer.choices[0].finish.reason
    assert crossed.usage == answer.usage


@pytest.mark.parametrize("format", sorted(TARGETS))
def test_each_codec_stands_under_its_own_name(format: Format) -> None:
    assert CODECS[format].format == format
