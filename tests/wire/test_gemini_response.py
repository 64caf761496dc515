"""Gemini's whole answers and errors, at both ends."""

import json
from typing import Any

import pytest
from google.genai import types

from tests.wire.cases import STAMP
from tests.wire.gemini_cases import CODEC, LEVEL, call_part, chunk, gemini_target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.request import Media, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse, Usage
from tiercel.upstream.failures import classify_status
from tiercel.wire.codec import Problem, UpstreamReplyError
from tiercel.wire.gemini.count_tokens import (
    decode_count,
    decode_count_request,
    encode_count,
    encode_count_request,
)
from tiercel.wire.gemini.model_list import ListedModel, encode_model, encode_models


def decoded(*parts: dict[str, Any], finish: str | None = "STOP", **fields: Any) -> ModelResponse:
    return CODEC.decode_response(json.dumps(chunk(*parts, finish=finish, **fields)).encode(), gemini_target())


def written(answer: ModelResponse) -> dict[str, Any]:
    """What a client is given, after its SDK's types have taken it."""
    body: dict[str, Any] = json.loads(CODEC.encode_response(answer, STAMP))
    types.GenerateContentResponse.model_validate(body)
    return body


def answer_of(*parts: Part, reason: FinishReason = "stop", raw: str | None = None) -> ModelResponse:
    return ModelResponse(choices=(Choice(parts=parts, finish=Finish(reason=reason, raw=raw)),))


class TestDecoding:
    @pytest.mark.parametrize(
        ("word", "reason"),
        [
            ("STOP", "stop"),
            ("CONTINUATION", "stop"),
            ("MAX_TOKENS", "length"),
            ("SAFETY", "content_filter"),
            ("RECITATION", "content_filter"),
            ("BLOCKLIST", "content_filter"),
            ("PROHIBITED_CONTENT", "content_filter"),
            ("SPII", "content_filter"),
            ("MODEL_ARMOR", "content_filter"),
            ("IMAGE_SAFETY", "content_filter"),
            ("MALFORMED_FUNCTION_CALL", "error"),
            ("UNEXPECTED_TOOL_CALL", "error"),
            ("TOO_MANY_TOOL_CALLS", "error"),
            ("MISSING_THOUGHT_SIGNATURE", "error"),
            ("MALFORMED_RESPONSE", "error"),
            ("LANGUAGE", "unknown"),
            ("OTHER", "unknown"),
            ("SOMETHING_NEW", "unknown"),
        ],
    )
    def test_finish_reasons(self, word: str, reason: FinishReason) -> None:
        assert decoded(finish=word).choices[0].finish == Finish(reason=reason, raw=word)

    @pytest.mark.parametrize(
        ("word", "reason"),
        [("STOP", "tool_calls"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter")],
    )
    def test_only_a_stop_after_a_call_is_tool_calls(self, word: str, reason: FinishReason) -> None:
        """T13"""
        assert decoded(call_part(), finish=word).choices[0].finish.reason == reason

    def test_a_refused_prompt_is_filtered_and_empty(self) -> None:
        body = json.dumps({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}).encode()
        [choice] = CODEC.decode_response(body, gemini_target()).choices
        assert choice.finish == Finish(reason="content_filter", raw="PROHIBITED_CONTENT")
        assert choice.parts == ()

    def test_no_candidate_and_no_word_why_is_an_empty_answer(self) -> None:
        body = json.dumps({"usageMetadata": {"promptTokenCount": 3}}).encode()
        [choice] = CODEC.decode_response(body, gemini_target()).choices
        assert choice.is_empty
        assert choice.finish.reason == "unknown"

    def test_thoughts_are_beside_the_candidates_and_the_cache_inside_the_prompt(self) -> None:
        """T52"""
        usage = {
            "promptTokenCount": 10,
            "toolUsePromptTokenCount": 2,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 7,
            "totalTokenCount": 24,
        }
        assert decoded(usageMetadata=usage).usage == Usage(uncached=8, cached=4, visible=5, reasoning=7)

    def test_parts_are_read(self) -> None:
        image = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
        answer = decoded(
            {"text": "hm", "thought": True},
            {"text": "a", "thoughtSignature": "c2ln"},
            {"text": ""},
            image,
            {**call_part(args={"a": 1}), "thoughtSignature": "c2ln"},
            call_part("g", {}, id="c9"),
        )
        assert answer.choices[0].parts == (
            Reasoning(text="hm", source="gemini"),
            Text(text="a", extra={"gemini": {"thoughtSignature": "c2ln"}}),
            Opaque(source="gemini", raw=image),
            ToolCall(
                id="call_r1_0",
                name="f",
                arguments='{"a":1}',
                extra={"extra_content": {"google": {"thought_signature": "c2ln"}}},
            ),
            ToolCall(id="c9", name="g", arguments="{}"),
        )

    def test_two_calls_of_one_name_are_two_calls(self) -> None:
        """T44"""
        calls = decoded(call_part(args={}), call_part(args={})).choices[0].tool_calls
        assert [call.id for call in calls] == ["call_r1_0", "call_r1_1"]

    def test_log_probabilities_are_read_as_tokens(self) -> None:
        top = {"token": "b", "logProbability": -2.0}
        result = {
            "chosenCandidates": [{"token": "a", "tokenId": 1, "logProbability": -0.5}],
            "topCandidates": [{"candidates": [top]}],
        }
        body = chunk({"text": "a"}, finish="STOP")
        body["candidates"][0]["logprobsResult"] = result
        answer = CODEC.decode_response(json.dumps(body).encode(), gemini_target())
        assert answer.choices[0].logprobs == {
            "content": [
                {
                    "token": "a",
                    "logprob": -0.5,
                    "bytes": [97],
                    "top_logprobs": [{"token": "b", "logprob": -2.0, "bytes": [98]}],
                }
            ]
        }
        again = written(answer)["candidates"][0]["logprobsResult"]
        assert again["topCandidates"] == [{"candidates": [top]}]

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"candidates":["x"]}'])
    def test_what_is_no_answer_is_the_providers_fault(self, body: bytes) -> None:
        with pytest.raises(UpstreamDataError):
            CODEC.decode_response(body, gemini_target())

    def test_an_error_inside_a_200_brings_its_facts(self) -> None:
        body = json.dumps({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}).encode()
        with pytest.raises(UpstreamReplyError) as raised:
            CODEC.decode_response(body, gemini_target())
        assert (raised.value.facts.status, raised.value.facts.type) == (503, "UNAVAILABLE")


class TestEncoding:
    def test_what_is_written_is_what_the_sdk_reads(self) -> None:
        answer = answer_of(
            Reasoning(text="hm", source="anthropic", signature="seal"),
            Text(text="a"),
            ToolCall(id="c1", name="f", arguments='{"a":1}'),
            reason="tool_calls",
            raw="tool_calls",
        )
        read = types.GenerateContentResponse.model_validate(written(answer))
        assert (read.response_id, read.model_version) == (STAMP.id, STAMP.model)
        assert read.text == "a"
        assert read.function_calls is not None
        assert [(call.id, call.name, call.args) for call in read.function_calls] == [("c1", "f", {"a": 1})]
        assert read.candidates is not None
        assert read.candidates[0].finish_reason == types.FinishReason.STOP

    def test_another_models_seal_is_not_taken_for_a_signature_of_googles(self) -> None:
        answer = answer_of(Reasoning(text="hm", source="anthropic", signature="seal"), Text(text="a"))
        thought = written(answer)["candidates"][0]["content"]["parts"][0]
        assert thought == {"text": "hm", "thought": True, "thoughtSignature": thought["thoughtSignature"]}
        assert thought["thoughtSignature"] != "seal"

    def test_thinking_that_nobody_sealed_has_no_signature(self) -> None:
        answer = answer_of(Reasoning(text="hm", source="ollama"), Text(text="a"))
        assert written(answer)["candidates"][0]["content"]["parts"][0] == {"text": "hm", "thought": True}

    @pytest.mark.parametrize(
        ("finish", "word"),
        [
            (Finish(reason="stop", raw="end_turn"), "STOP"),
            (Finish(reason="length", raw="length"), "MAX_TOKENS"),
            (Finish(reason="tool_calls", raw="tool_use"), "STOP"),
            (Finish(reason="content_filter", raw="refusal"), "SAFETY"),
            (Finish(reason="content_filter", raw="RECITATION"), "RECITATION"),
            (Finish(reason="content_filter", raw="JAILBREAK"), "SAFETY"),
            (Finish(reason="error", raw="error"), "OTHER"),
            (Finish(reason="unknown", raw="LANGUAGE"), "LANGUAGE"),
            (Finish(reason="unknown", raw="eos"), "OTHER"),
        ],
    )
    def test_finish_words(self, finish: Finish, word: str) -> None:
        answer = ModelResponse(choices=(Choice(parts=(Text(text="a"),), finish=finish),))
        assert written(answer)["candidates"][0]["finishReason"] == word

    def test_a_refusal_is_told_as_text_and_as_safety(self) -> None:
        [candidate] = written(answer_of(Refusal(text="no")))["candidates"]
        assert candidate["content"]["parts"] == [{"text": "no"}]
        assert candidate["finishReason"] == "SAFETY"

    def test_media_are_shown_and_other_formats_own_parts_are_not(self) -> None:
        answer = answer_of(
            Media(kind="image", data="AA==", mime_type="image/png"), Opaque(source="anthropic", raw={"a": 1})
        )
        assert written(answer)["candidates"][0]["content"]["parts"] == [
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
        ]

    @pytest.mark.parametrize(
        "body",
        [
            chunk(
                {"text": "a", "thoughtSignature": "c2ln"},
                finish="STOP",
                createTime="2026-11-20T00:00:00Z",
                usageMetadata={
                    "promptTokenCount": 3,
                    "candidatesTokenCount": 2,
                    "totalTokenCount": 5,
                    "trafficType": "ON_DEMAND",
                },
            ),
            {
                "promptFeedback": {"blockReason": "SAFETY", "safetyRatings": []},
                "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 0, "totalTokenCount": 3},
                "responseId": "r1",
                "modelVersion": "gemini-x",
            },
            {
                "candidates": [
                    {
                        "content": {"role": "model", "parts": [{"text": "a"}]},
                        "index": index,
                        "finishReason": "STOP",
                        "groundingMetadata": {"webSearchQueries": ["q"]},
                        "safetyRatings": [],
                    }
                    for index in range(2)
                ],
                "responseId": "r1",
                "modelVersion": "gemini-x",
            },
        ],
    )
    def test_an_answer_of_this_format_is_given_on_whole(self, body: dict[str, Any]) -> None:
        answer = CODEC.decode_response(json.dumps(body).encode(), gemini_target())
        again = written(answer)
        assert {**again, "responseId": "r1", "modelVersion": "gemini-x"} == body


class TestErrors:
    def test_a_problem_has_googles_shape(self) -> None:
        problem = Problem(kind="overloaded", message="busy", request_id="r1", param="contents")
        error = json.loads(CODEC.encode_problem(problem))["error"]
        assert (error["code"], error["status"], error["message"]) == (503, "UNAVAILABLE", "busy")
        assert error["details"][0]["requestId"] == "r1"
        assert error["details"][1]["fieldViolations"][0]["field"] == "contents"

    @pytest.mark.parametrize(
        ("quota", "delay", "kind", "wait"),
        [
            ("GenerateRequestsPerMinutePerProjectPerModel", "34.4s", "rate_limited", 34.4),
            ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "34.4s", "quota", None),
        ],
    )
    @pytest.mark.parametrize("wrapped", [False, True])
    def test_a_quota_of_the_day_is_not_waited_for(
        self, quota: str, delay: str, kind: str, wait: float | None, wrapped: bool
    ) -> None:
        """T55"""
        error = {
            "code": 429,
            "message": "You exceeded your current quota",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {"@type": "QuotaFailure", "violations": [{"quotaId": quota}]},
                {"@type": "RetryInfo", "retryDelay": delay},
            ],
        }
        body = json.dumps([{"error": error}] if wrapped else {"error": error}).encode()
        facts = CODEC.decode_error(429, {}, body)
        assert facts.retry_after_seconds == wait
        assert classify_status(429, facts).kind == kind

    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"[1]", b'{"error":{"details":[1,{"violations":[1]}]}}']
    )
    def test_an_unreadable_error_has_no_facts(self, body: bytes) -> None:
        assert CODEC.decode_error(500, {}, body).message == ""


class TestCounting:
    TOOLS = ({"functionDeclarations": [{"name": "f", "description": "d"}]},)

    def test_contents_and_whole_requests_are_read(self) -> None:
        """T53: with instructions and tools."""
        whole = {
            "contents": [{"parts": [{"text": "hi"}]}],
            "systemInstruction": {"parts": [{"text": "s"}]},
            "tools": self.TOOLS,
        }
        plain = decode_count_request(json.dumps(whole).encode())
        nested = decode_count_request(
            json.dumps({"generateContentRequest": {"model": "models/x", **whole}}).encode()
        )
        assert plain == nested
        assert [message.role for message in plain.messages] == ["system", "user"]
        assert plain.tools[0].name == "f"

    def test_a_count_is_given_and_read(self) -> None:
        assert encode_count(12) == b'{"totalTokens":12}'
        assert decode_count(b'{"totalTokens":12,"cachedContentTokenCount":3}') == 12
        assert decode_count(b"{}") == 0

    @pytest.mark.parametrize("body", [b"", b'{"totalTokens":"12"}', b'{"totalTokens":-1}'])
    def test_what_is_no_count_is_the_providers_fault(self, body: bytes) -> None:
        with pytest.raises(UpstreamDataError):
            decode_count(body)

    def test_an_upstream_is_asked_with_the_whole_request(self) -> None:
        request = decode_count_request(b'{"contents":[{"parts":[{"text":"hi"}]}]}')
        call = encode_count_request(request, gemini_target(LEVEL))
        assert call.path == "/models/gemini-x:countTokens"
        assert json.loads(call.body) == {
            "generateContentRequest": {
                "model": "models/gemini-x",
                "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            }
        }

    def test_vertex_is_asked_with_its_fields(self) -> None:
        request = decode_count_request(b'{"contents":[{"parts":[{"text":"hi"}]}]}')
        base_url = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google"
        call = encode_count_request(request, gemini_target(LEVEL, base_url=base_url))
        assert json.loads(call.body).keys() == {"contents"}


def test_models_are_listed_in_geminis_shape() -> None:
    listed = json.loads(
        encode_models([ListedModel(name="auto"), ListedModel(name="m", window=9, max_output=3)])
    )
    assert listed.keys() == {"models"}
    auto, other = listed["models"]
    assert (auto["name"], auto["displayName"]) == ("models/auto", "auto")
    assert "generateContent" in auto["supportedGenerationMethods"]
    assert (other["inputTokenLimit"], other["outputTokenLimit"]) == (9, 3)
    assert json.loads(encode_model(ListedModel(name="auto"))) == auto
