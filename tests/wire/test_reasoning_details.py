"""Sealed thinking through clients of Chat Completions: out as `reasoning_details`, back as its maker sealed it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from tests.wire.cases import (
    STAMP,
    anthropic_target,
    body_of,
    chat_stream,
    chat_target,
    decode_all,
    delta,
    folded,
    frames,
)
from tests.wire.gemini_cases import gemini_target
from tests.wire.responses_cases import responses_target
from tiercel.domain.errors import CallerError
from tiercel.domain.events import ReasoningDelta, StreamEvent, TextDelta, unfold
from tiercel.domain.request import Part, Reasoning, Text, ToolCall
from tiercel.domain.response import Choice, Finish, ModelResponse
from tiercel.wire.fields import shared
from tiercel.wire.openai_chat import OpenAIChat
from tiercel.wire.openai_chat.reasoning_details import FIELD
from tiercel.wire.provenance import Origin, seal_of, seals_in, without_foreign_seals
from tiercel.wire.registry import CODECS

CODEC = OpenAIChat()
CLAUDE = Reasoning(text="Let me see.", signature="sig+/==", source="anthropic")
SILENT = Reasoning(text="", signature="sig-of-nothing-shown", source="anthropic")
REDACTED = Reasoning(redacted="never-shown", source="anthropic")
GPT = Reasoning(
    text="one\n\ntwo",
    signature="gAAAA",
    source="openai_responses",
    extra={
        "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
        "id": "rs_1",
    },
)
UNTOLD = Reasoning(signature="gAAAB", source="openai_responses", extra={"summary": [], "id": "rs_2"})
GEMINI = Reasoning(text="hm", signature="Y2Fk", source="gemini")
CALL = ToolCall(id="call_1", name="weather", arguments='{"city":"Bern"}')
HISTORIES = {
    "claude": (CLAUDE,),
    "claude, nothing shown": (SILENT,),
    "claude, redacted between": (CLAUDE, REDACTED, SILENT),
    "gpt": (GPT, UNTOLD),
    "gemini": (GEMINI,),
}


def answer_of(*parts: Part) -> ModelResponse:
    return ModelResponse(choices=(Choice(parts=parts, finish=Finish(reason="tool_calls")),))


def whole(answer: ModelResponse) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(CODEC.encode_response(answer, STAMP))["choices"][0]["message"]
    return message


def streamed(answer: ModelResponse) -> dict[str, Any]:
    """The message as the official client adds it up from a stream."""
    request = CODEC.decode_request(body_of(stream=True))
    encoded = CODEC.stream_encoder(request, STAMP).encode(pieces(answer))
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in frames(encoded):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    message = state.get_final_completion().choices[0].message.model_dump(exclude_none=True)
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return message


def pieces(answer: ModelResponse) -> Sequence[StreamEvent]:
    """The events of an answer, the text of its thoughts in two pieces before what seals them, as models send it."""
    events: list[StreamEvent] = []
    for event in unfold(answer):
        if isinstance(event, ReasoningDelta) and event.text:
            middle = len(event.text) // 2
            events += [
                ReasoningDelta(text=event.text[:middle], source=event.source),
                ReasoningDelta(text=event.text[middle:], source=event.source),
            ]
            event = ReasoningDelta(signature=event.signature, source=event.source, extra=event.extra)
        events.append(event)
    return events


def given_back(message: dict[str, Any]) -> Any:
    """The request of a client that keeps the message as it came."""
    result = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
    return CODEC.decode_request(body_of(messages=[{"role": "user", "content": "hi"}, message, result]))


def thoughts_in(parts: Sequence[Part]) -> tuple[Reasoning, ...]:
    """The thoughts, without the entries they were read from."""
    return tuple(
        Reasoning(
            text=part.text,
            signature=part.signature,
            redacted=part.redacted,
            source=part.source,
            extra=shared(part.extra),
        )
        for part in parts
        if isinstance(part, Reasoning)
    )


@pytest.mark.parametrize("shown", [whole, streamed])
@pytest.mark.parametrize("thoughts", HISTORIES.values(), ids=HISTORIES)
def test_sealed_thoughts_come_back_as_they_were(thoughts: tuple[Reasoning, ...], shown: Any) -> None:
    request = given_back(shown(answer_of(*thoughts, Text(text="so"), CALL)))
    assert thoughts_in(request.messages[1].parts) == thoughts


@given(
    st.lists(
        st.builds(
            Reasoning,
            text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=9),
            signature=st.text(alphabet="abcXYZ+/=", min_size=1, max_size=9),
            source=st.just("anthropic"),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_run_of_signed_thoughts_comes_back_in_its_order(thoughts: list[Reasoning]) -> None:
    answer = answer_of(*thoughts, CALL)
    assert thoughts_in(given_back(whole(answer)).messages[1].parts) == tuple(thoughts)
    assert thoughts_in(given_back(streamed(answer)).messages[1].parts) == tuple(thoughts)


@pytest.mark.parametrize("shown", [whole, streamed])
def test_the_thinking_is_readable_as_ever(shown: Any) -> None:
    assert shown(answer_of(CLAUDE, REDACTED, CALL))["reasoning_content"] == "Let me see."


@pytest.mark.parametrize("shown", [whole, streamed])
def test_thinking_without_a_seal_needs_no_details(shown: Any) -> None:
    assert FIELD not in shown(answer_of(Reasoning(text="hm", source="gemini"), Text(text="a")))


def test_an_unfinished_loop_of_claudes_is_sent_back_to_it_whole() -> None:
    request = given_back(whole(answer_of(CLAUDE, REDACTED, CALL)))
    sent = json.loads(CODECS["anthropic"].encode_request(request, anthropic_target()).body)
    assert sent["messages"][1]["content"][:2] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "sig+/=="},
        {"type": "redacted_thinking", "data": "never-shown"},
    ]


def test_an_unfinished_loop_of_openais_is_sent_back_to_it_whole() -> None:
    request = given_back(whole(answer_of(GPT, CALL)))
    sent = json.loads(CODECS["openai_responses"].encode_request(request, responses_target()).body)
    assert sent["input"][1] == {
        "type": "reasoning",
        "summary": GPT.extra["summary"],
        "encrypted_content": "gAAAA",
    }


@pytest.mark.parametrize("shown", [whole, streamed])
def test_googles_signature_of_a_text_stands_on_that_text_again(shown: Any) -> None:
    """Chat Completions has a place for a call's signature and none for a text's."""
    signed = Text(text="so", extra={"gemini": {"thoughtSignature": "dGV4dA=="}})
    request = given_back(shown(answer_of(Reasoning(text="hm", source="gemini"), signed, CALL)))
    sent = json.loads(CODECS["gemini"].encode_request(request, gemini_target()).body)
    assert sent["contents"][1]["parts"][0] == {"text": "so", "thoughtSignature": "dGV4dA=="}


def test_a_thought_goes_to_its_maker_and_to_no_other_model() -> None:
    request = given_back(whole(answer_of(CLAUDE, CALL)))
    made = Origin(maker="anthropic/claude", format="anthropic")
    assert without_foreign_seals(request, "anthropic/claude", lambda seal: made) == (request, ())
    stripped, lost = without_foreign_seals(request, "openrouter/claude", lambda seal: made)
    assert stripped.messages[1].parts == (CALL,)
    assert lost == ("messages[1].reasoning",)


OPENROUTERS = [
    {"type": "reasoning.summary", "summary": "one", "format": "openai-responses-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "e1", "id": "rs_1", "format": "openai-responses-v1", "index": 1},
    {"type": "reasoning.text", "text": "t", "signature": "s", "format": "anthropic-claude-v1", "index": 2},
    {"type": "reasoning.text", "text": "open", "format": "unknown", "index": 3},
    {"type": "reasoning.encrypted", "data": "e2", "id": "call_1", "format": "google-gemini-v1", "index": 4},
    {"type": "reasoning.encrypted", "data": "e3", "format": "xai-responses-v1", "index": 5},
    {"type": "reasoning.of_tomorrow", "more": {"a": 1}, "index": 6},
    "odd",
]
"""All shapes in one list, as no single model sends them."""


def test_openrouters_entries_go_to_the_client_and_back_to_it_word_for_word() -> None:
    message = {"role": "assistant", "content": None, "reasoning": "onetopen", FIELD: OPENROUTERS}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    answer = CODEC.decode_response(body, chat_target("openrouter"))
    shown = whole(answer)
    assert shown[FIELD] == OPENROUTERS
    sent = json.loads(CODEC.encode_request(given_back(shown), chat_target("openrouter")).body)
    assert sent["messages"][1][FIELD] == OPENROUTERS
    assert sent["messages"][1]["reasoning"] == "onetopen"


def test_each_of_openrouters_seals_is_remembered_in_the_format_it_was_made_in() -> None:
    message = {"role": "assistant", "content": "a", FIELD: OPENROUTERS}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    answer = CODEC.decode_response(body, chat_target("openrouter"))
    assert list(seals_in(answer)) == [
        ("e1", "openai_responses"),
        ("s", "anthropic"),
        ("e2", "gemini"),
        ("e3", "openai_chat"),
    ]


def test_other_servers_are_not_sent_them() -> None:
    request = given_back({"role": "assistant", "content": "a", FIELD: OPENROUTERS})
    for server in ("vllm", "deepseek", "openai", "generic"):
        call = CODEC.encode_request(request, chat_target(server))
        assert FIELD not in json.loads(call.body)["messages"][1]
        assert "messages[1].reasoning" in call.lost


def test_a_seal_of_openrouters_comes_home_through_a_client_of_another_format() -> None:
    """As a Messages client gives it back: with nothing but the text and the signature."""
    request = CODECS["anthropic"].decode_request(
        body_of(
            max_tokens=9,
            messages=[
                {"role": "user", "content": "hi"},
                {
                    "role": "assistant",
                    "content": [{"type": "thinking", "thinking": "t", "signature": "s"}],
                },
                {"role": "user", "content": "go on"},
            ],
        )
    )
    sent = json.loads(CODEC.encode_request(request, chat_target("openrouter")).body)
    assert sent["messages"][1][FIELD] == [
        {"type": "reasoning.text", "text": "t", "signature": "s", "format": "anthropic-claude-v1", "index": 0}
    ]


def test_a_stream_seals_each_of_its_thoughts_before_the_next_thing() -> None:
    """A client of another format must be given the signature with the thought, not after the answer."""

    def entry(**fields: Any) -> dict[str, Any]:
        return {FIELD: [{"type": "reasoning.text", "format": "anthropic-claude-v1", **fields}]}

    call = {"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": "{}"}}
    stream = chat_stream(
        delta(reasoning="a", **entry(index=0, text="a")),
        delta(reasoning="b", **entry(index=0, text="b")),
        delta(**entry(index=0, signature="s1")),
        delta(reasoning="c", **entry(index=1, text="c")),
        delta(**entry(index=1, signature="s2")),
        delta(content="so"),
        delta("tool_calls", tool_calls=[call]),
    )
    events = decode_all(CODEC.stream_decoder(chat_target("openrouter")), [stream])
    thinking = [event for event in events if isinstance(event, ReasoningDelta)]
    assert [event.signature or event.text for event in thinking] == ["a", "b", "s1", "c", "s2"]
    seals = [i for i, event in enumerate(events) if isinstance(event, ReasoningDelta) and event.signature]
    assert seals[-1] < next(i for i, event in enumerate(events) if isinstance(event, TextDelta))
    assert thoughts_in(folded(events).choices[0].parts) == (
        Reasoning(text="ab", signature="s1", source="anthropic"),
        Reasoning(text="c", signature="s2", source="anthropic"),
    )


def test_an_encrypted_thought_in_pieces_is_put_together() -> None:
    def entry(**fields: Any) -> dict[str, Any]:
        return {FIELD: [{"format": "openai-responses-v1", "index": 0, **fields}]}

    stream = chat_stream(
        delta(reasoning="on", **entry(type="reasoning.summary", summary="on")),
        delta(reasoning="e", **entry(type="reasoning.summary", summary="e")),
        delta(**entry(type="reasoning.encrypted", data="gA", id="rs_1")),
        delta(**entry(type="reasoning.encrypted", data="AA", id="rs_1")),
        delta(content="so"),
        delta("stop"),
    )
    answer = folded(decode_all(CODEC.stream_decoder(chat_target("openrouter")), [stream]))
    thought, text = answer.choices[0].parts
    assert isinstance(thought, Reasoning)
    assert (thought.text, thought.signature, thought.extra["id"]) == ("one", "gAAA", "rs_1")
    assert text == Text(text="so")


def test_a_streams_entries_are_numbered_as_the_official_client_adds_them_up() -> None:
    """It joins entries of one index, and some servers give all of them the same."""
    alike = [{**entry, "index": 0} for entry in OPENROUTERS if isinstance(entry, dict)]
    message = {"content": "a", FIELD: alike}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    sent = streamed(CODEC.decode_response(body, chat_target("openrouter")))[FIELD]
    assert sent == [{**entry, "index": place} for place, entry in enumerate(alike)]


def test_details_that_are_no_list_are_refused_by_name() -> None:
    with pytest.raises(CallerError) as refused:
        given_back({"role": "assistant", "content": "a", FIELD: "odd"})
    assert refused.value.param == f"messages[1].{FIELD}"


def test_a_call_keeps_its_signature_beside_the_details() -> None:
    marked = ToolCall(
        id="call_1",
        name="weather",
        arguments="{}",
        extra={"extra_content": {"google": {"thought_signature": "c2ln"}}},
    )
    message = whole(answer_of(GEMINI, marked))
    parts = given_back(message).messages[1].parts
    assert [seal_of(part) for part in parts] == ["Y2Fk", "c2ln"]
