"""Whole Chat Completions answers, read tolerantly and written exactly."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from tests.wire.cases import STAMP, chat_target
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.request import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse, Usage
from tiercel.wire.codec import Problem, UpstreamReplyError
from tiercel.wire.openai_chat import OpenAIChat

CODEC = OpenAIChat()


def decoded(
    finish: object = "stop", usage: object = None, quirks: str = "generic", **message: Any
) -> ModelResponse:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    body = {"id": "c1", "choices": [choice], "usage": usage}
    return CODEC.decode_response(json.dumps(body).encode(), chat_target(quirks))


def call(arguments: object, **fields: Any) -> dict[str, Any]:
    return {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}, **fields}


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": "a"}, (Text(text="a"),)),
        ({"content": None}, ()),
        ({}, ()),
        ({"content": ""}, ()),
        ({"content": "a", "reasoning": "r"}, (Reasoning(text="r", source="openai_chat"), Text(text="a"))),
        (
            {"content": "a", "reasoning_content": "r"},
            (Reasoning(text="r", source="openai_chat"), Text(text="a")),
        ),
        (
            {"content": "a", "reasoning": "r", "reasoning_content": "r"},
            (Reasoning(text="r", source="openai_chat"), Text(text="a")),
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                    {"type": "text", "text": "a"},
                ]
            },
            (Reasoning(text="r", source="openai_chat"), Text(text="a")),
        ),
        ({"content": None, "refusal": "no"}, (Refusal(text="no"),)),
        (
            {"content": None, "images": [{"u": 1}]},
            (Opaque(source="openai_chat", raw={"images": [{"u": 1}]}),),
        ),
    ],
)
def test_a_message_is_read_in_every_shape_servers_give_it(
    message: dict[str, Any], parts: tuple[Part, ...]
) -> None:
    assert decoded(**message).choices[0].parts == parts


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        (None, "{}"),
        ({"a": 1}, '{"a":1}'),
        ('"{\\"a\\": 1}"', '{"a": 1}'),
        ('{"a": ', '{"a": '),
        ('"just text"', '"just text"'),
    ],
)
def test_arguments_become_json_text(arguments: object, text: str) -> None:
    assert decoded(tool_calls=[call(arguments)]).choices[0].tool_calls[0].arguments == text


def test_missing_and_repeated_ids_are_minted() -> None:
    calls = decoded(tool_calls=[call("{}", id=None), call("{}"), call("{}")]).choices[0].tool_calls
    assert [c.id for c in calls] == ["call_c1_0", "a", "call_c1_2"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("COMPLETE", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("function_call", "tool_calls"),
        ("abort", "error"),
        ("", "unknown"),
        (None, "unknown"),
        ("whatever", "unknown"),
    ],
)
def test_finish_words_are_understood_and_kept(word: str | None, reason: FinishReason) -> None:
    assert decoded(finish=word, content="a").choices[0].finish == Finish(reason=reason, raw=word or None)


@pytest.mark.parametrize(
    ("word", "arguments", "reason"),
    [
        ("stop", "{}", "tool_calls"),
        ("", "{}", "tool_calls"),
        ("stop", '{"a": ', "stop"),
        ("length", "{}", "length"),
        ("content_filter", "{}", "content_filter"),
    ],
)
def test_only_a_stop_after_whole_calls_becomes_tool_calls(word: str, arguments: str, reason: str) -> None:
    assert decoded(finish=word, tool_calls=[call(arguments)]).choices[0].finish.reason == reason


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": 5, "completion_tokens": 7}, Usage(uncached=5, visible=7)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(uncached=5, cached=4, written=1, visible=4, reasoning=3),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 1, "prompt_cache_hit_tokens": 8},
            Usage(uncached=2, cached=8, visible=1),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 8},
            Usage(uncached=2, cached=8, visible=1),
        ),
        (
            {
                "prompt_tokens": 12,
                "completion_tokens": 50,
                "total_tokens": 402,
                "completion_tokens_details": {"reasoning_tokens": 340},
            },
            Usage(uncached=12, visible=50, reasoning=340),
        ),
        (
            {
                "prompt_tokens": 12,
                "completion_tokens": 400,
                "total_tokens": 752,
                "completion_tokens_details": {"reasoning_tokens": 340},
            },
            Usage(uncached=12, visible=400, reasoning=340),
        ),
        (
            {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.00012},
            Usage(uncached=1, visible=1, reported_cost_nano=120_000),
        ),
        (
            {"prompt_tokens": 1, "completion_tokens": 1, "cost": {"total_cost": 1e-9}},
            Usage(uncached=1, visible=1, reported_cost_nano=1),
        ),
        ({"prompt_tokens": "many", "completion_tokens": 3}, Usage(visible=3)),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 3,
                "prompt_tokens_details": None,
                "cached_tokens": None,
            },
            Usage(uncached=9, visible=3),
        ),
        (
            {  # what is no count beside those that are
                "prompt_tokens": 9,
                "completion_tokens": 3,
                "total_tokens": True,
                "prompt_tokens_details": {"cached_tokens": -1, "cache_write_tokens": 2},
                "completion_tokens_details": 7,
                "prompt_cache_hit_tokens": 4.0,
                "reasoning_tokens": {},
            },
            Usage(uncached=7, written=2, visible=3),
        ),
        ("none", None),
    ],
)
def test_usage_is_split_so_that_no_token_counts_twice(reported: object, usage: Usage | None) -> None:
    assert decoded(usage=reported, content="a").usage == usage


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b"{}", b'{"choices":null}', b'{"choices":[{}]}', b'{"choices":["x"]}']
)
def test_what_is_no_answer_is_the_providers_fault(body: bytes) -> None:
    with pytest.raises(UpstreamDataError):
        CODEC.decode_response(body, chat_target())


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "slow down", "type": "rate_limit_error", "code": 429}},
        {
            "choices": [
                {
                    "message": {"content": ""},
                    "error": {"message": "slow down", "type": "rate_limit_error", "code": 429},
                }
            ]
        },
    ],
)
def test_an_error_inside_a_200_brings_its_facts(body: dict[str, Any]) -> None:
    with pytest.raises(UpstreamReplyError) as raised:
        CODEC.decode_response(json.dumps(body).encode(), chat_target())
    facts = raised.value.facts
    assert (facts.message, facts.type, facts.status) == ("slow down", "rate_limit_error", 429)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":{"message":"m","type":"t","code":"c"}}', ("m", "t", "c", None)),
        (b'{"error":"m"}', ("m", None, None, None)),
        (b'{"detail":"m"}', ("m", None, None, None)),
        (
            b'[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"34.4s"}]}}]',
            ("m", "RESOURCE_EXHAUSTED", "429", 34.4),
        ),
        (b'{"error":{"message":"try again in 250ms"}}', ("try again in 250ms", None, None, 0.25)),
        (
            b'{"type":"error","error":{"type":"billing_error","message":"m","details":{"error_code":"spend"}}}',
            ("m", "billing_error", "spend", None),
        ),
        (b"<html>", ("", None, None, None)),
        (b"", ("", None, None, None)),
    ],
)
def test_error_bodies_of_every_vendor_are_read(body: bytes, expected: tuple[Any, ...]) -> None:
    facts = CODEC.decode_error(429, {}, body)
    assert (facts.message, facts.type, facts.code, facts.retry_after_seconds) == expected
    assert facts.status == 429


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_the_asked_for_wait_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert CODEC.decode_error(503, headers, b"").retry_after_seconds == seconds


ANSWER = ModelResponse(
    id="upstream-id",
    model="upstream-name",
    choices=(
        Choice(
            parts=(
                Reasoning(text="hm", source="openai_chat"),
                Text(text="a"),
                ToolCall(id="c", name="f", arguments='{"a":1}'),
            ),
            finish=Finish(reason="tool_calls", raw="tool_calls"),
        ),
        Choice(index=1, parts=(Refusal(text="no"),), finish=Finish(reason="stop", raw="stop")),
    ),
    usage=Usage(uncached=3, cached=4, visible=5, reasoning=6),
    extra={"system_fingerprint": "fp"},
)


def test_a_written_answer_is_what_the_official_sdk_expects() -> None:
    answer = ChatCompletion.model_validate_json(CODEC.encode_response(ANSWER, STAMP))
    assert (answer.id, answer.model, answer.created) == (STAMP.id, STAMP.model, STAMP.created)
    assert answer.choices[0].message.content == "a"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 18


def test_what_is_written_is_read_back_the_same() -> None:
    read = CODEC.decode_response(CODEC.encode_response(ANSWER, STAMP), chat_target())
    assert (read.choices, read.usage, read.extra) == (ANSWER.choices, ANSWER.usage, ANSWER.extra)
    assert (read.id, read.model) == (STAMP.id, STAMP.model)


def test_what_nobody_reads_is_kept_in_its_order_wherever_it_stands() -> None:
    message = {"z": 1, "role": "assistant", "content": "a", "reasoning": None, "tool_calls": [], "b": None}
    choice = {"stop_reason": 7, "message": message, "index": 0, "finish_reason": "stop", "error": None}
    body = {"object": "chat.completion", "kind": "x", "choices": [choice], "id": "c1", "error": None}
    answer = CODEC.decode_response(json.dumps(body).encode(), chat_target())
    assert list(answer.extra.items()) == [("kind", "x"), ("error", None)]
    assert list(answer.choices[0].extra.items()) == [("stop_reason", 7), ("error", None)]
    assert list(answer.choices[0].message_extra.items()) == [("z", 1), ("b", None)]


def test_an_empty_answer_has_empty_content_not_null() -> None:
    body = json.loads(CODEC.encode_response(ModelResponse(choices=(Choice(),)), STAMP))
    assert body["choices"][0]["message"]["content"] == ""
    assert "usage" not in body


def test_errors_have_openais_shape() -> None:
    problem = Problem(kind="model_not_found", message="no model 'x'", request_id="r1", param="model")
    assert json.loads(CODEC.encode_problem(problem)) == {
        "error": {
            "message": "no model 'x'",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
            "request_id": "r1",
        }
    }
