"""Whole Responses answers, at both ends; problems; the count of input tokens."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response
from openai.types.responses.input_token_count_response import InputTokenCountResponse

from tests.wire.cases import anthropic_target, chat_target, decode_all, folded, frames
from tests.wire.responses_cases import CODEC, STAMP, answer_of, call, message, request_of, responses_target
from tests.wire.test_openai_responses_stream_encoder import check_lifecycle
from tests.wire.test_round_trips import answers
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.events import unfold
from tiercel.domain.request import Opaque, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse, Usage
from tiercel.wire.codec import Problem, UpstreamReplyError
from tiercel.wire.openai_responses.input_tokens import decode_count, encode_count, encode_count_request
from tiercel.wire.registry import CODECS

OWN = "openai_responses"


def written(*parts: Any, reason: FinishReason = "stop", **fields: Any) -> dict[str, Any]:
    """The body for a client, which the SDK's own type takes."""
    choice = Choice(parts=parts, finish=Finish(reason=reason), logprobs=fields.pop("logprobs", None))
    body = CODEC.encode_response(ModelResponse(choices=(choice,), **fields), STAMP)
    Response.model_validate_json(body)
    found: dict[str, Any] = json.loads(body)
    return found


class TestReading:
    def test_the_parts_in_their_order(self) -> None:
        """T32."""
        reasoning = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "sealed"}
        answer = answer_of(reasoning, message("a", "b", id="m"), call('{"x":1}', id="fc"), model="m1")
        own = {OWN: {"id": "m"}}
        assert answer.choices[0].parts == (
            Reasoning(signature="sealed", source="openai_responses", extra={"id": "rs", "summary": []}),
            Text(text="a", extra=own),
            Text(text="b", extra=own),
            ToolCall(id="c1", name="f", arguments='{"x":1}', extra={OWN: {"id": "fc"}}),
        )
        assert (answer.id, answer.model) == ("resp_u", "m1")
        assert answer.choices[0].finish == Finish(reason="tool_calls", raw="completed")

    @pytest.mark.parametrize(
        ("arguments", "read"),
        [("", "{}"), (" ", "{}"), (None, "{}"), ({"x": 1}, '{"x":1}'), ('"{\\"x\\":1}"', '{"x":1}')],
    )
    def test_arguments_become_json_text(self, arguments: Any, read: str) -> None:
        """T16."""
        assert answer_of({**call(), "arguments": arguments}).choices[0].tool_calls[0].arguments == read

    def test_calls_without_ids_of_their_own_are_given_some(self) -> None:
        """T19."""
        ids = [c.id for c in answer_of(call(), call(), call(call_id=None)).choices[0].tool_calls]
        assert ids[0] == "c1"
        assert len(set(ids)) == 3

    def test_what_the_answer_repeats_of_its_request_is_for_this_format_alone(self) -> None:
        answer = answer_of(message("a"), service_tier="flex", tools=[], instructions="secret")
        assert answer.extra == {OWN: {"service_tier": "flex", "tools": [], "instructions": "secret"}}
        for codec in (CODECS["openai_chat"], CODECS["anthropic"]):
            body = codec.encode_response(answer, STAMP)
            assert b"secret" not in body
            assert OWN.encode() not in body

    def test_nothing_at_all_is_empty(self) -> None:
        """T57: thinking used the budget up."""
        answer = answer_of(
            {"type": "reasoning", "id": "rs", "summary": []},
            message("", id="m"),
            status="incomplete",
            incomplete_details={"reason": "max_output_tokens"},
        )
        assert answer.choices[0].is_empty
        assert answer.choices[0].finish.reason == "length"

    def test_reasoning_counted_beside_the_output_is_not_counted_twice(self) -> None:
        usage = {
            "input_tokens": 5,
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 12,
        }
        assert answer_of(message("a"), usage=usage).usage == Usage(uncached=5, visible=3, reasoning=4)

    def test_what_xai_says_it_charged_is_kept_in_nano_dollars(self) -> None:
        usage = {"input_tokens": 1, "output_tokens": 1, "cost_in_usd_ticks": 37_756_000}
        read = answer_of(message("a"), usage=usage).usage
        assert read is not None
        assert read.reported_cost_nano == 3_775_600

    @pytest.mark.parametrize(
        "body",
        [b"", b"<html>", b"{}", b'{"output":"x"}', b'{"output":["x"]}', b'{"output":[],"status":"queued"}'],
    )
    def test_what_is_no_answer_is_the_providers_fault(self, body: bytes) -> None:
        with pytest.raises(UpstreamDataError):
            CODEC.decode_response(body, responses_target())

    @pytest.mark.parametrize(
        "fields",
        [
            {"error": {"code": "server_error", "message": "x"}},
            {"error": {"code": "server_error", "message": "x"}, "status": "failed", "output": []},
        ],
    )
    def test_a_failed_answer_inside_a_200_brings_its_facts(self, fields: dict[str, Any]) -> None:
        """T07."""
        with pytest.raises(UpstreamReplyError) as raised:
            CODEC.decode_response(json.dumps(fields).encode(), responses_target())
        assert raised.value.facts.code == "server_error"

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["type", "output", "content", "text", "summary", "name", "id", "usage", "error"]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=15,
        )
    )
    def test_odd_answers_are_read_or_refused(self, body: Any) -> None:
        whole = {"status": "completed", "output": [body], **(body if isinstance(body, dict) else {})}
        try:
            answer = CODEC.decode_response(json.dumps(whole).encode(), responses_target())
        except UpstreamDataError:
            return
        CODEC.encode_response(answer, STAMP)

    def test_an_error_answer(self) -> None:
        """T55."""
        body = b'{"error":{"message":"slow down","type":"x","code":"rate_limit_exceeded","param":null}}'
        facts = CODEC.decode_error(429, {"retry-after": "3"}, body)
        assert (facts.code, facts.retry_after_seconds) == ("rate_limit_exceeded", 3.0)


class TestWriting:
    def test_every_part_has_its_item(self) -> None:
        body = written(
            Reasoning(text="hm", signature="s", source="anthropic"),
            Text(text="a"),
            Refusal(text="no"),
            ToolCall(id="c", name="f", arguments=""),
            ToolCall(id="d", name="p", arguments="*** ", kind="custom"),
            reason="tool_calls",
            usage=Usage(uncached=1, cached=2, written=3, visible=4, reasoning=5),
        )
        assert [item["type"] for item in body["output"]] == [
            "reasoning",
            "message",
            "function_call",
            "custom_tool_call",
        ]
        assert [part["type"] for part in body["output"][1]["content"]] == ["output_text", "refusal"]
        assert body["output"][2]["arguments"] == "{}"
        assert len({item["id"] for item in body["output"]}) == 4
        assert body["usage"] == {
            "input_tokens": 6,
            "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 15,
        }
        assert (body["id"], body["model"], body["status"]) == (STAMP.id, STAMP.model, "completed")

    @pytest.mark.parametrize(
        ("reason", "status", "details"),
        [
            ("stop", "completed", None),
            ("tool_calls", "completed", None),
            ("length", "incomplete", {"reason": "max_output_tokens"}),
            ("content_filter", "incomplete", {"reason": "content_filter"}),
            ("error", "failed", None),
        ],
    )
    def test_how_it_ended(self, reason: FinishReason, status: str, details: Any) -> None:
        body = written(Text(text="a"), reason=reason)
        assert (body["status"], body["incomplete_details"]) == (status, details)

    def test_an_answer_without_a_choice_is_an_empty_one(self) -> None:
        assert json.loads(CODEC.encode_response(ModelResponse(choices=()), STAMP))["output"] == []

    def test_opaque_items_of_this_format_go_out_as_they_are_and_others_not(self) -> None:
        raw = {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search"}}
        body = written(
            Opaque(source="openai_responses", raw=raw), Opaque(source="anthropic", raw={"type": "x"})
        )
        assert body["output"] == [raw]

    def test_logprobs_stand_at_the_text(self) -> None:
        entry = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
        body = written(Text(text="a"), logprobs={"content": [entry]})
        assert body["output"][0]["content"][0]["logprobs"] == [entry]

    def test_ids_that_a_server_used_twice_are_told_apart(self) -> None:
        own = {OWN: {"id": "fc_1"}}
        calls = [ToolCall(id=f"c{n}", name="f", arguments="{}", extra=own) for n in range(2)]
        first, second = written(*calls)["output"]
        assert first["id"] == "fc_1" != second["id"]

    def test_a_sealed_thought_comes_back_from_the_client_as_it_was_given(self) -> None:
        """T32: what a client is given is what it sends back in its next request, whole."""
        given = {"type": "reasoning", "id": "rs", "summary": [], "content": [], "encrypted_content": "sealed"}
        body = json.loads(CODEC.encode_response(answer_of(given, call(id="fc")), STAMP))
        asked = {"model": "auto", "input": [*body["output"], {"role": "user", "content": "go"}], "n": 1}
        request = CODEC.decode_request(json.dumps(asked).encode())
        sent = json.loads(CODEC.encode_request(request, responses_target(max_output_tokens=99)).body)
        assert sent["input"][0] == given
        assert (sent["input"][1]["id"], sent["input"][1]["call_id"]) == ("fc", "c1")

    def test_a_problem_is_told_as_openai_tells_it(self) -> None:
        problem = Problem(kind="context_length", message="too long", request_id="r", param="input")
        error = json.loads(CODEC.encode_problem(problem))["error"]
        assert (error["type"], error["code"], error["param"]) == (
            "invalid_request_error",
            "context_length_exceeded",
            "input",
        )

    def test_a_count_of_tokens_for_a_client(self) -> None:
        """T53."""
        counted = InputTokenCountResponse.model_validate_json(encode_count(7))
        assert (counted.input_tokens, counted.object) == (7, "response.input_tokens")

    def test_a_count_asked_of_an_upstream_holds_all_that_is_counted_and_nothing_else(self) -> None:
        """T53: with instructions and tools, without what the endpoint refuses."""
        tool = {"type": "function", "name": "f", "parameters": {}}
        request = request_of(instructions="be", tools=[tool], store=False, max_output_tokens=50)
        call = encode_count_request(request, responses_target())
        assert call.path == "/responses/input_tokens"
        assert json.loads(call.body) == {
            "model": "upstream-name",
            "instructions": "be",
            "input": "hi",
            "tools": [tool],
        }
        assert decode_count(b'{"object":"response.input_tokens","input_tokens":7}') == 7

    @pytest.mark.parametrize("body", [b"{}", b'{"input_tokens":-1}', b'{"input_tokens":true}', b"<html>"])
    def test_what_is_no_count_is_the_providers_fault(self, body: bytes) -> None:
        with pytest.raises(UpstreamDataError):
            decode_count(body)


def test_a_call_reaches_a_chat_client_under_the_id_that_its_result_will_name() -> None:
    answer = answer_of(call('{"x":1}', id="fc_1"))
    chat = json.loads(CODECS["openai_chat"].encode_response(answer, STAMP))
    [made] = chat["choices"][0]["message"]["tool_calls"]
    assert made == {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


@pytest.mark.parametrize("format", ["openai_chat", "anthropic"])
def test_an_answer_crosses_to_the_other_formats(format: Any) -> None:
    target = chat_target("openai") if format == "openai_chat" else anthropic_target()
    answer = answer_of(message("a", id="m"), call('{"x":1}'), usage={"input_tokens": 3, "output_tokens": 2})
    crossed = CODECS[format].decode_response(CODECS[format].encode_response(answer, STAMP), target)
    assert crossed.text == "a"
    assert crossed.choices[0].tool_calls == (ToolCall(id="c1", name="f", arguments='{"x":1}'),)
    assert crossed.choices[0].finish.reason == "tool_calls"
    assert crossed.usage == answer.usage


@given(answers("openai_chat") | answers("anthropic"))
def test_any_answer_crosses_whole_and_streamed(answer: ModelResponse) -> None:
    """Through this format's client end and back: what both can say arrives."""
    whole = CODEC.decode_response(CODEC.encode_response(answer, STAMP), responses_target())
    data = CODEC.stream_encoder(request_of(stream=True), STAMP).encode(unfold(answer))
    check_lifecycle(frames(data))
    streamed = folded(decode_all(CODEC.stream_decoder(responses_target()), [data]))
    for crossed in (whole, streamed):
        assert crossed.text == answer.text
        assert crossed.choices[0].reasoning == answer.choices[0].reasoning
        assert [(c.id, c.name, c.arguments) for c in crossed.choices[0].tool_calls] == [
            (c.id, c.name, c.arguments) for c in answer.choices[0].tool_calls
        ]
        assert crossed.choices[0].finish.reason == answer.choices[0].finish.reason
        assert crossed.usage == answer.usage
    assert [part.__class__ for part in streamed.choices[0].parts] == [
        part.__class__ for part in whole.choices[0].parts
    ]
