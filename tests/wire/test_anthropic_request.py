"""Messages requests: a client's read, and an upstream's written."""

import json
from typing import Any

import pytest

from tests.wire.cases import anthropic_target, body_of
from tiercel.domain.catalog import Capabilities
from tiercel.domain.errors import CallerError
from tiercel.domain.request import (
    Media,
    Message,
    ModelRequest,
    Opaque,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tiercel.wire.anthropic import Anthropic
from tiercel.wire.anthropic.target_schema import target_schema
from tiercel.wire.anthropic.thinking import budget_for, effort_for
from tiercel.wire.codec import EncodedCall
from tiercel.wire.openai_chat import OpenAIChat

CODEC = Anthropic()
BUDGET = Capabilities(efforts=("none", "low", "medium", "high"), thinking="budget", max_output=64_000)
ADAPTIVE = Capabilities(efforts=("low", "high", "max"), thinking="adaptive", max_output=64_000)


def native(**fields: Any) -> ModelRequest:
    return CODEC.decode_request(body_of(**{"max_tokens": 100, **fields}))


def from_chat(target: Any = None, **fields: Any) -> tuple[dict[str, Any], EncodedCall]:
    """What goes to Anthropic for a Chat Completions client, and the call."""
    call = CODEC.encode_request(OpenAIChat().decode_request(body_of(**fields)), target or anthropic_target())
    return json.loads(call.body), call


class TestDecoding:
    def test_the_fields_of_a_request_are_read(self) -> None:
        request = native(
            system="be brief",
            temperature=0.5,
            top_k=3,
            stop_sequences=["x"],
            metadata={"user_id": "u", "tiercel.task": "coding"},
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            output_config={"effort": "max", "format": {"type": "json_schema", "schema": {"type": "object"}}},
            stream=True,
            inference_geo="eu",
        )
        assert request.messages[0] == Message(role="system", parts=(Text(text="be brief"),))
        assert request.sampling == Sampling(temperature=0.5, top_k=3, stop=("x",))
        assert (request.user, request.metadata) == ("u", {"tiercel.task": "coding"})
        assert (request.tool_choice, request.parallel_tool_calls) == (ToolChoice(mode="required"), False)
        assert (request.effort, request.max_output_tokens, request.stream) == ("max", 100, True)
        assert request.response_format == ResponseFormat(kind="json_schema", schema={"type": "object"})
        assert request.extra == {"inference_geo": "eu"}

    def test_blocks_are_read_or_kept(self) -> None:
        blocks = [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "image", "source": {"type": "url", "url": "https://a/b"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"},
                "title": "t",
            },
            {"type": "search_result", "content": []},
        ]
        assert native(messages=[{"role": "user", "content": blocks}]).messages[0].parts == (
            Text(text="a", extra={"cache_control": {"type": "ephemeral"}}),
            Media(kind="image", url="https://a/b"),
            Media(kind="file", data="AA", mime_type="application/pdf", filename="t"),
            Opaque(source="anthropic", raw={"type": "search_result", "content": []}),
        )

    def test_an_assistants_blocks_keep_seals(self) -> None:
        blocks = [
            {"type": "thinking", "thinking": "", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        ]
        assert native(messages=[{"role": "assistant", "content": blocks}]).messages[0].parts == (
            Reasoning(signature="s", source="anthropic"),
            Reasoning(redacted="d", source="anthropic"),
            ToolCall(id="t", name="f", arguments='{"a":1}'),
        )

    def test_results_become_messages_of_their_own(self) -> None:
        blocks = [
            {"type": "tool_result", "tool_use_id": "a", "content": "1"},
            {"type": "tool_result", "tool_use_id": "b", "is_error": True},
            {"type": "text", "text": "go on"},
        ]
        assert native(messages=[{"role": "user", "content": blocks}]).messages == (
            Message(role="tool", parts=(ToolResult(call_id="a", parts=(Text(text="1"),)),)),
            Message(role="tool", parts=(ToolResult(call_id="b", parts=(), is_error=True),)),
            Message(role="user", parts=(Text(text="go on"),)),
        )

    def test_system_blocks_stay_apart(self) -> None:
        request = native(system=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
        assert [m.text for m in request.messages if m.role == "system"] == ["a", "b"]

    def test_tools_are_read_or_kept(self) -> None:
        server = {"type": "web_search_20250305", "name": "web_search"}
        own = {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True, "new": 1}
        assert native(tools=[own, server]).tools == (
            Tool(name="f", description="d", parameters={"type": "object"}, strict=True, extra={"new": 1}),
            Tool(name="web_search", source="anthropic", raw=server),
        )

    @pytest.mark.parametrize(
        ("thinking", "effort"),
        [
            ({"type": "disabled"}, "none"),
            ({"type": "enabled", "budget_tokens": 1024}, "low"),
            ({"type": "enabled", "budget_tokens": 10_000}, "medium"),
            ({"type": "enabled", "budget_tokens": 16_384}, "high"),
            ({"type": "enabled", "budget_tokens": 60_000}, "xhigh"),
            ({"type": "adaptive"}, None),
            (None, None),
        ],
    )
    def test_a_budget_is_read_as_an_effort(self, thinking: Any, effort: str | None) -> None:
        assert effort_for(thinking) == effort

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"max_tokens": None}, "max_tokens"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"messages": []}, "messages"),
            ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
            ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
            (
                {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]},
                "messages[0].content[0].tool_use_id",
            ),
            (
                {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
                "messages[0].content[0].source",
            ),
            ({"system": 5}, "system"),
            ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
            ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
            ({"output_config": {"effort": "huge"}}, "output_config.effort"),
            ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ],
    )
    def test_what_is_wrong_is_named(self, fields: dict[str, Any], param: str) -> None:
        with pytest.raises(CallerError) as raised:
            native(**fields)
        assert raised.value.param == param


class TestNativeRoute:
    def test_where_nothing_changes_only_the_models_name_does(self) -> None:
        body = body_of(max_tokens=9, thinking={"type": "enabled", "budget_tokens": 2000}, future=1.50)
        call = CODEC.encode_request(CODEC.decode_request(body), anthropic_target(BUDGET))
        assert call.body == body.replace(b'"auto"', b'"upstream-name"')
        assert call.headers == (("anthropic-version", "2023-06-01"),)

    def test_rewriting_keeps_every_field(self) -> None:
        fields: dict[str, Any] = {
            "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "tool_reference", "x": 1}],
                        },
                        {"type": "text", "text": "go on"},
                    ],
                },
            ],
            "tools": [{"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            "thinking": {"type": "enabled", "budget_tokens": 3000},
            "output_config": {"task_budget": 5, "format": {"type": "json_schema", "schema": {"minimum": 1}}},
            "stop_sequences": ["x"],
            "metadata": {"user_id": "u"},
            "context_management": {"edits": []},
        }
        call = CODEC.encode_request(native(**fields), anthropic_target(BUDGET, max_output_tokens=5000))
        assert json.loads(call.body) == {"model": "upstream-name", "max_tokens": 5000, **fields}
        assert call.lost == ()

    def test_a_budget_becomes_an_effort_where_thinking_is_adaptive(self) -> None:
        request = native(thinking={"type": "enabled", "budget_tokens": 20_000})
        body = json.loads(CODEC.encode_request(request, anthropic_target(ADAPTIVE)).body)
        assert body["thinking"] == {"type": "adaptive"}
        assert body["output_config"] == {"effort": "high"}

    def test_an_address_without_the_version_works_too(self) -> None:
        call = CODEC.encode_request(native(), anthropic_target(base_url="https://api.anthropic.com"))
        assert call.path == "/v1/messages"
        assert CODEC.encode_request(native(), anthropic_target()).path == "/messages"


class TestFromChat:
    def test_system_stands_apart_and_the_cap_is_given(self) -> None:
        messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
        body, call = from_chat(messages=messages)
        assert body == {
            "model": "upstream-name",
            "max_tokens": 4096,
            "system": "s",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "u"}]}],
        }
        assert call.lost == ()

    def test_the_cap_is_the_clients_else_the_models(self) -> None:
        assert from_chat(max_tokens=7)[0]["max_tokens"] == 7
        assert from_chat(anthropic_target(BUDGET))[0]["max_tokens"] == 64_000

    def test_a_later_system_message_becomes_marked_text(self) -> None:
        messages = [{"role": "user", "content": "u"}, {"role": "system", "content": "s"}]
        body, _ = from_chat(messages=messages)
        assert body["messages"][0]["content"][1]["text"] == "<system>\ns\n</system>"

    @pytest.mark.parametrize("n", [1, 2, 5])
    def test_all_results_of_a_turn_stand_in_one_user_turn_before_its_text(self, n: int) -> None:
        calls = [
            {"id": f"c{i}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            for i in range(n)
        ]
        results = [{"role": "tool", "tool_call_id": f"c{i}", "content": str(i)} for i in range(n)]
        messages = [
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "", "tool_calls": calls},
            *results,
            {"role": "user", "content": "and?"},
        ]
        body, _ = from_chat(messages=messages)
        assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
        kinds = [block["type"] for block in body["messages"][2]["content"]]
        assert kinds == ["tool_result"] * n + ["text"]

    @pytest.mark.parametrize("text", ["", " ", "\n"])
    def test_empty_texts_are_dropped(self, text: str) -> None:
        messages = [{"role": "user", "content": "u"}, {"role": "assistant", "content": text}]
        assert len(from_chat(messages=messages)[0]["messages"]) == 1

    @pytest.mark.parametrize("call_id", ["functions.f:0", "x" * 900, "é", ""])
    def test_ids_are_made_legal_and_still_meet(self, call_id: str) -> None:
        call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages = [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call_id, "content": "4"},
        ]
        body, _ = from_chat(messages=messages)
        made = body["messages"][0]["content"][0]["id"]
        assert made.replace("_", "").replace("-", "").isalnum()
        assert made.isascii()
        assert len(made) <= 64
        assert body["messages"][1]["content"][0]["tool_use_id"] == made

    @pytest.mark.parametrize(
        ("arguments", "given"),
        [('{"a": 1}', {"a": 1}), ("", {}), ('{"a": ', {"input": '{"a": '}), ("[1]", {"input": "[1]"})],
    )
    def test_arguments_become_an_object(self, arguments: str, given: dict[str, Any]) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        body, _ = from_chat(messages=[{"role": "assistant", "tool_calls": [call]}])
        assert body["messages"][0]["content"][0]["input"] == given

    @pytest.mark.parametrize(
        ("part", "block", "lost"),
        [
            (
                {"type": "image_url", "image_url": {"url": "https://a/b"}},
                {"type": "image", "source": {"type": "url", "url": "https://a/b"}},
                (),
            ),
            (
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,/9j/AA"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/AA"}},
                (),
            ),
            (
                {
                    "type": "file",
                    "file": {"file_data": "data:application/pdf;base64,JVBERi0", "filename": "a.pdf"},
                },
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0"},
                    "title": "a.pdf",
                },
                (),
            ),
            (
                {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
                (),
            ),
            (
                {"type": "input_audio", "input_audio": {"data": "A", "format": "wav"}},
                None,
                ("messages[0].audio",),
            ),
            ({"type": "video_url", "video_url": {"url": "https://a/b"}}, None, ("messages[0].video",)),
            ({"type": "image_url", "image_url": {"url": "gs://a/b"}}, None, ("messages[0].image",)),
            ({"type": "hologram"}, None, ("messages[0].content",)),
        ],
    )
    def test_media_are_carried_or_named(
        self, part: dict[str, Any], block: Any, lost: tuple[str, ...]
    ) -> None:
        content = [{"type": "text", "text": "look"}, part]
        body, call = from_chat(messages=[{"role": "user", "content": content}])
        assert body["messages"][0]["content"][1:] == ([block] if block else [])
        assert call.lost == lost

    @pytest.mark.parametrize(
        ("choice", "parallel", "written"),
        [
            ("none", None, {"type": "none"}),
            ("auto", None, {"type": "auto"}),
            ("required", None, {"type": "any"}),
            ({"type": "function", "function": {"name": "g"}}, None, {"type": "tool", "name": "g"}),
            (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
            ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
            (None, True, None),
            (None, None, None),
        ],
    )
    def test_tool_choices(self, choice: Any, parallel: bool | None, written: Any) -> None:
        tools = [{"type": "function", "function": {"name": name}} for name in "fg"]
        body, _ = from_chat(tools=tools, tool_choice=choice, parallel_tool_calls=parallel)
        assert body.get("tool_choice") == written
        assert body["tools"][0] == {"name": "f", "input_schema": {"type": "object", "properties": {}}}

    def test_allowed_tools_are_the_only_ones_sent(self) -> None:
        tools = [{"type": "function", "function": {"name": name}} for name in "fg"]
        allowed = {"mode": "required", "tools": tools[1:]}
        body, _ = from_chat(tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
        assert ([tool["name"] for tool in body["tools"]], body["tool_choice"]) == (["g"], {"type": "any"})

    def test_what_has_no_place_is_named(self) -> None:
        body, call = from_chat(
            seed=1,
            frequency_penalty=1,
            logprobs=True,
            temperature=1.5,
            n=2,
            future=1,
            metadata={"a": "b"},
            user="u",
            stop=["x", " "],
            messages=[{"role": "user", "content": "u", "name": "eva"}],
        )
        assert call.lost == (
            "frequency_penalty",
            "future",
            "logprobs",
            "messages[0].name",
            "metadata",
            "n",
            "seed",
            "stop",
            "temperature",
        )
        assert (body["temperature"], body["stop_sequences"], body["metadata"]) == (
            1.0,
            ["x"],
            {"user_id": "u"},
        )

    def test_a_clients_field_names_cannot_do_harm_where_they_are_told(self) -> None:
        odd = {"x\r\nset-cookie: a=b": 1, "é" * 500: 1}
        _, call = from_chat(**odd, **{f"f{i}": i for i in range(60)})
        assert call.lost[-1] == "and 22 more"
        assert all(name.isascii() and name.isprintable() and len(name) <= 80 for name in call.lost)

    def test_temperature_and_top_p_never_go_together(self) -> None:
        body, call = from_chat(temperature=0.5, top_p=0.9)
        assert (body["temperature"], "top_p" in body, call.lost) == (0.5, False, ("top_p",))

    def test_a_schema_is_sent_where_it_is_taken(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
        wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        body, call = from_chat(response_format=wanted)
        assert body["output_config"]["format"]["schema"] == target_schema(schema)
        assert call.lost == ()

    @pytest.mark.parametrize(
        ("wanted", "capabilities", "said"),
        [
            ({"type": "json_object"}, Capabilities(), "single JSON object"),
            (
                {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}}},
                Capabilities(structured_output=False),
                '{"type":"array"}',
            ),
        ],
    )
    def test_else_the_wish_is_told_in_words(self, wanted: Any, capabilities: Capabilities, said: str) -> None:
        body, call = from_chat(anthropic_target(capabilities), response_format=wanted)
        assert said in body["system"]
        assert call.lost == ("response_format",)


class TestThinking:
    @pytest.mark.parametrize(
        ("effort", "cap", "budget"),
        [
            ("low", 64_000, 2_048),
            ("medium", 64_000, 8_192),
            ("high", 64_000, 16_384),
            ("high", 8_000, 6_000),
            ("high", 3_000, 1_976),
            ("minimal", 2_047, None),
            ("minimal", 2_048, 1_024),
            ("low", 100, None),
        ],
    )
    def test_a_budget_leaves_room_for_the_answer(self, effort: Any, cap: int, budget: int | None) -> None:
        assert budget_for(effort, cap) == budget

    @pytest.mark.parametrize(
        ("capabilities", "effort", "fields"),
        [
            (BUDGET, "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
            (BUDGET, "none", {"thinking": {"type": "disabled"}}),
            (ADAPTIVE, "high", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
            (Capabilities(efforts=("low",), thinking="effort"), "low", {"output_config": {"effort": "low"}}),
        ],
    )
    def test_an_effort_is_asked_for_as_the_model_takes_it(
        self, capabilities: Capabilities, effort: str, fields: dict[str, Any]
    ) -> None:
        body, call = from_chat(anthropic_target(capabilities), reasoning_effort=effort)
        assert {k: v for k, v in body.items() if k in ("thinking", "output_config")} == fields
        assert call.lost == ()

    @pytest.mark.parametrize(
        "fields",
        [
            {"max_tokens": 500},
            {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"},
            {
                "messages": [
                    {"role": "user", "content": "u"},
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                        ],
                    },
                    {"role": "tool", "tool_call_id": "c", "content": "4"},
                ]
            },
        ],
    )
    def test_where_it_cannot_be_had_it_is_off_and_named(self, fields: dict[str, Any]) -> None:
        body, call = from_chat(anthropic_target(BUDGET), reasoning_effort="low", **fields)
        assert "thinking" not in body
        assert call.lost == ("reasoning_effort",)

    def test_sampling_is_left_out_beside_thinking(self) -> None:
        body, call = from_chat(anthropic_target(BUDGET), reasoning_effort="low", temperature=0.2)
        assert "temperature" not in body
        assert call.lost == ("temperature",)


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "object"}, {"type": "object", "additionalProperties": False}),
        (
            {"type": "string", "minLength": 3, "description": "a word"},
            {"type": "string", "description": 'a word {"minLength":3}'},
        ),
        (
            {"type": "array", "minItems": 1, "items": {"maximum": 5}},
            {"type": "array", "minItems": 1, "items": {"description": '{"maximum":5}'}},
        ),
        ({"oneOf": [{"const": 1}]}, {"anyOf": [{"const": 1}]}),
        (
            {"$defs": {"minimum": {"type": "integer", "minimum": 1}}, "$ref": "#/$defs/minimum"},
            {
                "$defs": {"minimum": {"type": "integer", "description": '{"minimum":1}'}},
                "$ref": "#/$defs/minimum",
            },
        ),
        ({"enum": [{"minimum": 1}]}, {"enum": [{"minimum": 1}]}),
        (
            {"properties": {"not": {"type": "null"}}},
            {"properties": {"not": {"type": "null"}}, "additionalProperties": False},
        ),
        (True, True),
    ],
)
def test_a_schema_is_brought_into_the_subset_that_is_taken(schema: Any, written: Any) -> None:
    assert target_schema(schema) == written
