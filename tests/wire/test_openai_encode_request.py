"""What goes to a server of the Chat Completions format."""

import json
from typing import Any

import pytest

from tests.wire.cases import body_of, chat_target, request_object
from tiercel.domain.catalog import Capabilities
from tiercel.domain.request import ModelRequest
from tiercel.wire.anthropic import Anthropic
from tiercel.wire.gemini import Gemini
from tiercel.wire.openai_chat import OpenAIChat

CODEC = OpenAIChat()
HISTORY = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": [{"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a": 1}'},
                "extra_content": {},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "4"},
    {"role": "user", "content": "and?", "name": "eva", "odd": True},
]


def decoded(**fields: Any) -> ModelRequest:
    return CODEC.decode_request(body_of(**fields))


def sent(target: Any, **fields: Any) -> dict[str, Any]:
    return request_object(CODEC, body_of(**fields), target)


def test_where_nothing_changes_only_the_models_name_does() -> None:
    body = b'{ "messages":[{"role":"user","content":"\\u00e9 1.0"}], "model" : "auto","top_p":1.00,"x":{"model":"a"} }'
    call = CODEC.encode_request(CODEC.decode_request(body), chat_target("openai"))
    assert call.body == body.replace(b'"auto"', b'"upstream-name"')
    assert (call.path, call.lost) == ("/chat/completions", ())


def test_rewriting_keeps_every_field() -> None:
    """With the raw bytes gone, what was parsed says the same."""
    fields: dict[str, Any] = {
        "messages": HISTORY,
        "temperature": 0.5,
        "top_k": 3,
        "logit_bias": {"5": 1},
        "stop": ["a", "b"],
        "max_tokens": 9,
        "metadata": {"a": "b"},
        "user": "u",
        "future": [1],
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object"}, "new": 1},
                "x": 2,
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": True,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}},
        },
    }
    rewritten = sent(chat_target(max_output_tokens=10), **fields)
    assert rewritten == {"model": "upstream-name", **fields, "max_tokens": 10}


@pytest.mark.parametrize(
    ("quirks", "field"), [("openai", "max_completion_tokens"), ("generic", "max_tokens")]
)
@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
def test_the_output_cap_has_the_name_the_server_knows(quirks: str, field: str, given: str) -> None:
    body = sent(chat_target(quirks), **{given: 10})
    assert {k: v for k, v in body.items() if k.startswith("max")} == {field: 10}


def test_a_stream_always_asks_for_usage() -> None:
    body = sent(chat_target(stream=True), stream=True, stream_options={"include_obfuscation": False})
    assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_a_held_answer_is_fetched_whole_though_the_client_streams() -> None:
    body = sent(chat_target(stream=False), stream=True, stream_options={"include_usage": True})
    assert "stream" not in body
    assert "stream_options" not in body


def test_developer_messages_become_system_where_that_role_is_unknown() -> None:
    messages = [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}]
    assert sent(chat_target("vllm"), messages=messages)["messages"][0]["role"] == "system"
    assert sent(chat_target("openai"), messages=messages)["messages"][0]["role"] == "developer"


@pytest.mark.parametrize(
    ("quirks", "field"),
    [("openai", None), ("openrouter", "reasoning"), ("vllm", "reasoning"), ("sglang", "reasoning_content")],
)
def test_thinking_goes_back_where_the_server_takes_it(quirks: str, field: str | None) -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "reasoning_content": "hm"},
    ]
    call = CODEC.encode_request(decoded(messages=messages), chat_target(quirks))
    written = json.loads(call.body)["messages"][1]
    assert written == {"role": "assistant", "content": "b"} | ({field: "hm"} if field else {})
    assert call.lost == (() if field else ("messages[1].reasoning",))


def test_openrouter_is_asked_for_cost_and_for_providers_that_keep_the_schema() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
    body = sent(chat_target("openrouter"), response_format=wanted, provider={"sort": "price"})
    assert body["usage"] == {"include": True}
    assert body["provider"] == {"sort": "price", "require_parameters": True}


def test_openrouter_takes_the_effort_in_an_object() -> None:
    capabilities = Capabilities(efforts=("low", "high"), thinking="effort")
    body = sent(chat_target("openrouter", capabilities), reasoning_effort="high")
    assert body["reasoning"] == {"effort": "high"}
    assert "reasoning_effort" not in body


def test_gemini_gets_a_mark_on_tool_calls_whose_signature_the_client_dropped() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    kept = {**call, "extra_content": {"google": {"thought_signature": "s"}}}
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [call, kept]}]
    written = sent(chat_target("gemini_compat"), messages=messages)["messages"][1]["tool_calls"]
    mark = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    assert written == [{**call, "extra_content": mark}, kept]


def test_gemini_gets_its_own_signature_back_from_a_client_of_its_other_format() -> None:
    called = {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "c2ln"}
    returned = {"functionResponse": {"id": "c", "name": "f", "response": {"output": "4"}}}
    turns = [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [called]},
        {"role": "user", "parts": [returned]},
    ]
    request = Gemini().decode_request(json.dumps({"model": "auto", "contents": turns}).encode())
    call = CODEC.encode_request(request, chat_target("gemini_compat"))
    written = json.loads(call.body)["messages"][1]["tool_calls"][0]
    assert written["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert call.lost == ()


@pytest.mark.parametrize(
    ("wanted", "accepted", "given", "lost"),
    [
        ("high", ("low", "high"), "high", ()),
        ("max", ("low", "high"), "high", ("reasoning_effort",)),
        ("none", ("low", "high"), "low", ("reasoning_effort",)),
        ("medium", ("low", "high"), "low", ("reasoning_effort",)),
        ("high", (), None, ("reasoning_effort",)),
    ],
)
def test_an_effort_is_met_as_nearly_as_the_model_can(
    wanted: str, accepted: Any, given: str | None, lost: tuple[str, ...]
) -> None:
    target = chat_target(capabilities=Capabilities(efforts=accepted))
    call = CODEC.encode_request(decoded(reasoning_effort=wanted), target)
    assert json.loads(call.body).get("reasoning_effort") == given
    assert call.lost == lost


def test_the_rungs_effort_wins_over_the_clients() -> None:
    target = chat_target(capabilities=Capabilities(efforts=("low", "high")), effort="low")
    assert sent(target, reasoning_effort="high")["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("capabilities", "fields", "lost"),
    [
        (
            Capabilities(rejects=("temperature", "stop")),
            {"temperature": 1, "stop": "x"},
            ("stop", "temperature"),
        ),
        (Capabilities(rejects=("future",)), {"future": 1}, ("future",)),
        (
            Capabilities(rejects=("parallel_tool_calls",)),
            {"parallel_tool_calls": False},
            ("parallel_tool_calls",),
        ),
        (Capabilities(tools=False), {"tools": [{"type": "function", "function": {"name": "f"}}]}, ("tools",)),
        (Capabilities(), {"n": 2}, ("n",)),
    ],
)
def test_what_a_model_refuses_is_left_out_and_named(
    capabilities: Capabilities, fields: dict[str, Any], lost: tuple[str, ...]
) -> None:
    call = CODEC.encode_request(decoded(**fields), chat_target(capabilities=capabilities))
    assert call.lost == lost
    assert set(json.loads(call.body)) == {"model", "messages"}


def test_choices_are_passed_where_the_model_has_them() -> None:
    assert sent(chat_target(capabilities=Capabilities(choices=True)), n=2)["n"] == 2


def test_a_schema_becomes_an_instruction_where_it_cannot_be_a_field() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    call = CODEC.encode_request(
        decoded(messages=messages, response_format=wanted),
        chat_target(capabilities=Capabilities(structured_output=False)),
    )
    body = json.loads(call.body)
    assert [m["role"] for m in body["messages"]] == ["system", "system", "user"]
    assert '{"type":"object"}' in body["messages"][1]["content"]
    assert ("response_format" in body, call.lost) == (False, ("response_format",))


def test_a_re_ask_shows_the_answer_and_the_complaint() -> None:
    target = chat_target(correction="'a' is missing", previous_text="{}")
    assert sent(target)["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "{}"},
        {"role": "user", "content": "'a' is missing"},
    ]


def test_ids_too_long_for_openai_still_meet_their_results() -> None:
    long = "x" * 900
    call = {"id": long, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": long, "content": "4"},
    ]
    written = sent(chat_target(max_output_tokens=5), messages=messages)["messages"]
    made = written[1]["tool_calls"][0]["id"]
    assert len(made) <= 64
    assert written[2]["tool_call_id"] == made


def test_what_another_formats_client_said_is_carried_or_named() -> None:
    body = body_of(
        max_tokens=9,
        system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": "look"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t1",
                        "content": [
                            {"type": "text", "text": "see"},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": "AA"},
                            },
                        ],
                    },
                    {"type": "text", "text": "go on"},
                ],
            },
        ],
        tools=[{"name": "f", "input_schema": {"type": "object"}}, {"type": "web_search_2", "name": "w"}],
        tool_choice={"type": "any"},
        container="c",
    )
    call = CODEC.encode_request(Anthropic().decode_request(body), chat_target())
    written = json.loads(call.body)
    assert [m["role"] for m in written["messages"]] == ["system", "user", "assistant", "tool", "user", "user"]
    assert written["messages"][3] == {"role": "tool", "tool_call_id": "t1", "content": "see"}
    assert written["messages"][4]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,AA"},
    }
    assert written["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    ]
    assert written["tool_choice"] == "required"
    assert call.lost == ("container", "messages[0].cache_control", "messages[2].reasoning", "tools[1]")
