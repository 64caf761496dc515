"""A Responses body read, and a call written: items, what only this format has, what is lost."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.cases import anthropic_target, body_of, chat_target
from tests.wire.responses_cases import CODEC, REASONER, lost, request_of, responses_target, sent
from tiercel.domain.catalog import Capabilities
from tiercel.domain.errors import CallerError
from tiercel.domain.request import (
    Media,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ResponseFormat,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tiercel.wire.openai_responses.request_decoder import needs_server_state
from tiercel.wire.registry import CODECS

CHAT = CODECS["openai_chat"]
PIXEL = "data:image/png;base64,iVBORw0KGgo="
REASONING: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
    "encrypted_content": "sealed",
}
CALL: dict[str, Any] = {
    "type": "function_call",
    "id": "fc_1",
    "status": "completed",
    "call_id": "c1",
    "name": "f",
    "arguments": '{"x":1}',
}
RESULT: dict[str, Any] = {"type": "function_call_output", "call_id": "c1", "output": "42"}
SAID: dict[str, Any] = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "phase": "final_answer",
    "content": [{"type": "output_text", "text": "yes", "annotations": [], "logprobs": []}],
}
ASKED: dict[str, Any] = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "hi"}],
}


def anew(request: ModelRequest) -> ModelRequest:
    """The same request where its bytes may not go out as they are."""
    return msgspec.structs.replace(request, raw=None)


def from_chat(**fields: Any) -> ModelRequest:
    return CHAT.decode_request(body_of(**fields))


def parts_of(*items: dict[str, Any]) -> list[tuple[str, tuple[Part, ...]]]:
    return [(message.role, message.parts) for message in request_of(input=list(items)).messages]


class TestItems:
    def test_a_string_is_one_message_of_the_user(self) -> None:
        assert request_of(input="hi").messages == (Message(role="user", parts=(Text(text="hi"),)),)

    @pytest.mark.parametrize("typed", [{}, {"type": "message"}])
    def test_a_message_needs_no_type(self, typed: dict[str, str]) -> None:
        assert parts_of({**typed, "role": "developer", "content": "be"}) == [
            ("developer", (Text(text="be"),))
        ]

    def test_what_the_model_made_in_one_turn_is_one_message_in_its_order(self) -> None:
        """T32: reasoning stands before the call that it led to."""
        first, second, third = request_of(input=[ASKED, REASONING, CALL, RESULT]).messages
        assert [part.__class__ for part in second.parts] == [Reasoning, ToolCall]
        assert (first.role, second.role, third.role) == ("user", "assistant", "tool")
        assert second.parts[0] == Reasoning(
            text="a\n\nb",
            signature="sealed",
            source="openai_responses",
            extra={"id": "rs_1", "summary": REASONING["summary"]},
        )

    def test_several_results_are_messages_of_their_own(self) -> None:
        again = {**RESULT, "call_id": "c2"}
        assert [message.role for message in request_of(input=[CALL, RESULT, again]).messages] == [
            "assistant",
            "tool",
            "tool",
        ]

    def test_a_results_parts_keep_their_pictures(self) -> None:
        """T45."""
        output = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": PIXEL}]
        [(_, (result,))] = parts_of({**RESULT, "output": output})
        assert isinstance(result, ToolResult)
        assert result.parts == (
            Text(text="see"),
            Media(kind="image", mime_type="image/png", data="iVBORw0KGgo="),
        )

    @pytest.mark.parametrize(
        ("part", "media"),
        [
            (
                {"type": "input_image", "image_url": "https://a/b.png", "detail": "low"},
                Media(kind="image", url="https://a/b.png", detail="low"),
            ),
            ({"type": "input_image", "file_id": "file-1"}, Media(kind="image", file_id="file-1")),
            (
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
                Media(kind="file", filename="a.pdf", mime_type="application/pdf", data="JVBE"),
            ),
            (
                {"type": "input_file", "file_url": "https://a/b.pdf"},
                Media(kind="file", url="https://a/b.pdf"),
            ),
            (
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                Media(kind="audio", data="AA==", mime_type="audio/wav"),
            ),
        ],
    )
    def test_media(self, part: dict[str, Any], media: Media) -> None:
        assert parts_of({"role": "user", "content": [part]}) == [("user", (media,))]

    def test_hosted_calls_stay_as_they_are_in_their_place(self) -> None:
        search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
        assert parts_of(search, SAID)[0][1][0] == Opaque(source="openai_responses", raw=search)

    def test_a_refusal_of_the_past(self) -> None:
        refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
        assert parts_of(refused) == [("assistant", (Refusal(text="no"),))]

    def test_a_custom_tools_call_has_free_text(self) -> None:
        custom = {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"}
        [(_, (called,))] = parts_of(custom)
        assert called == ToolCall(id="c", name="patch", arguments="*** Begin", kind="custom")

    @pytest.mark.parametrize(
        ("items", "param"),
        [
            (5, "input"),
            ([], "input"),
            (["x"], "input[0]"),
            ([{"role": "robot", "content": ""}], "input[0].role"),
            ([{"role": "user"}], "input[0].content"),
            ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0].text"),
            ([{"role": "user", "content": [{"type": "input_image"}]}], "input[0].content[0].image_url"),
            ([{**CALL, "arguments": {}}], "input[0].arguments"),
            ([{"type": "function_call_output", "output": "x"}], "input[0].call_id"),
            ([{"role": "user", "content": "x"}] * 6001, "input"),
        ],
    )
    def test_what_is_wrong_is_named(self, items: Any, param: str) -> None:
        with pytest.raises(CallerError) as raised:
            request_of(input=items)
        assert raised.value.param == param


class TestFields:
    def test_instructions_lead_as_a_system_message(self) -> None:
        first = request_of(instructions="be brief").messages[0]
        assert (first.role, first.text) == ("system", "be brief")

    def test_a_schema_is_flat(self) -> None:
        wanted = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
        assert request_of(text={"format": wanted}).response_format == ResponseFormat(
            kind="json_schema", name="n", schema={"type": "object"}, strict=True
        )

    def test_a_function_tool_is_flat(self) -> None:
        tool: dict[str, Any] = {
            "type": "function",
            "name": "f",
            "parameters": {},
            "strict": None,
            "defer_loading": True,
        }
        assert request_of(tools=[tool]).tools == (
            Tool(name="f", parameters={}, extra={"defer_loading": True}),
        )

    def test_other_tools_stay_as_they_are(self) -> None:
        tool = {"type": "web_search", "search_context_size": "low"}
        assert request_of(tools=[tool]).tools == (
            Tool(name="web_search", source="openai_responses", raw=tool),
        )

    @pytest.mark.parametrize(
        ("value", "mode", "names"),
        [
            ("none", "none", ()),
            ("auto", "auto", ()),
            ("required", "required", ()),
            ({"type": "function", "name": "f"}, "named", ("f",)),
            ({"type": "custom", "name": "p"}, "named", ("p",)),
            ({"type": "web_search"}, "named", ("web_search",)),
            ({"type": "mcp", "server_label": "s"}, "named", ("mcp",)),
            (
                {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
                "allowed",
                ("f",),
            ),
        ],
    )
    def test_tool_choice(self, value: Any, mode: str, names: tuple[str, ...]) -> None:
        choice = request_of(tool_choice=value).tool_choice
        assert choice is not None
        assert (choice.mode, choice.names) == (mode, names)

    def test_the_rest_is_read_or_kept(self) -> None:
        """T60: a field nobody knows yet is kept."""
        request = request_of(
            max_output_tokens=50,
            temperature=0.5,
            reasoning={"effort": "low", "summary": "auto"},
            include=["message.output_text.logprobs", "reasoning.encrypted_content"],
            text={"verbosity": "low"},
            metadata={"a": "b"},
            store=False,
            future_field=1,
        )
        assert request.max_output_tokens == 50
        assert request.effort == "low"
        assert request.sampling == Sampling(temperature=0.5, logprobs=True)
        assert request.metadata == {"a": "b"}
        assert request.extra == {
            "reasoning": {"summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "text": {"verbosity": "low"},
            "store": False,
            "future_field": 1,
        }

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"model": ""}, "model"),
            ({"instructions": 1}, "instructions"),
            ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
            ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
            ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
            ({"max_output_tokens": 0}, "max_output_tokens"),
            ({"include": [1]}, "include[0]"),
            ({"tools": [{"type": "function"}]}, "tools[0].name"),
            ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
            ({"metadata": {"a": 1}}, "metadata.a"),
            ({"stream": "yes"}, "stream"),
        ],
    )
    def test_what_is_wrong_is_named(self, fields: dict[str, Any], param: str) -> None:
        with pytest.raises(CallerError) as raised:
            request_of(**fields)
        assert raised.value.param == param

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({}, None),
            ({"previous_response_id": None, "background": False}, None),
            ({"previous_response_id": "resp_0"}, "previous_response_id"),
            ({"conversation": {"id": "conv_1"}}, "conversation"),
            ({"background": True}, "background"),
            ({"prompt": {"id": "pmpt_1"}}, "prompt"),
            ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input"),
        ],
    )
    def test_what_needs_a_providers_memory_is_named(self, fields: dict[str, Any], param: str | None) -> None:
        assert needs_server_state(request_of(**fields)) == param

    def test_a_stored_conversation_needs_no_input(self) -> None:
        assert request_of(input=None, previous_response_id="resp_0").messages == ()

    @given(st.binary(max_size=60) | st.sampled_from([b'{"model":"a","input":', b"[1]", b'{"input":"x"}']))
    def test_odd_bytes_are_the_callers_fault(self, body: bytes) -> None:
        with pytest.raises(CallerError):
            CODEC.decode_request(body)


class TestSameFormat:
    def test_the_clients_bytes_go_out_with_another_name(self) -> None:
        body = b'{ "input" : "hi","model":"auto", "future":[1.0] }'
        call = CODEC.encode_request(CODEC.decode_request(body), responses_target())
        assert call.body == b'{ "input" : "hi","model":"upstream-name", "future":[1.0] }'
        assert (call.path, call.lost) == ("/responses", ())

    def test_written_anew_it_says_the_same(self) -> None:
        """T32, T60: whole reasoning with its ids, the call's beside it, and every unread field."""
        body: dict[str, Any] = {
            "model": "upstream-name",
            "instructions": "be brief",
            "input": [ASKED, REASONING, CALL, RESULT, SAID],
            "tools": [
                {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
                {"type": "web_search"},
            ],
            "tool_choice": {"type": "web_search"},
            "parallel_tool_calls": False,
            "max_output_tokens": 5,
            "reasoning": {"effort": "low", "summary": "auto"},
            "text": {"format": {"type": "text"}, "verbosity": "low"},
            "include": ["reasoning.encrypted_content"],
            "temperature": 0.5,
            "user": "u" * 70,
            "metadata": {"a": "b"},
            "prompt_cache_key": "k",
            "stream": True,
            "stream_options": {"include_obfuscation": False},
            "future_field": {"x": 1},
        }
        request = anew(CODEC.decode_request(json.dumps(body).encode()))
        written = sent(request, responses_target(REASONER, stream=True))
        # beside no reasoning of its own turn the message's id and state say nothing
        body["input"][4] = {key: value for key, value in SAID.items() if key not in ("id", "status")}
        assert written == body
        assert lost(request, responses_target(REASONER, stream=True)) == ()

    def test_to_a_server_that_keeps_nothing_items_go_without_ids(self) -> None:
        """T32: it would look for them; sealed reasoning needs none, and reasoning without a seal cannot go."""
        unsealed = {key: value for key, value in REASONING.items() if key != "encrypted_content"}
        raw_text = {"type": "reasoning", "id": "rs_3", "summary": [], "content": [{"type": "reasoning_text"}]}
        request = anew(request_of(input=[ASKED, unsealed, REASONING, raw_text, CALL], store=False))
        assert sent(request)["input"] == [
            ASKED,
            {key: value for key, value in REASONING.items() if key != "id"},
            {key: value for key, value in raw_text.items() if key != "id"},
            {key: value for key, value in CALL.items() if key not in ("id", "status")},
        ]
        assert lost(request) == ("messages[1].reasoning",)

    @pytest.mark.parametrize(
        "item",
        [
            {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
            {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": ""},
            {"type": "item_reference", "id": "msg_1"},
            {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
            {"type": "compaction", "encrypted_content": "x"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "future"}]},
            {"type": "function_call_output", "call_id": "c", "output": "", "name": "f"},
            {"type": "message", "role": "user", "content": [{"type": "future", "x": 1}], "mark": 1},
            {"type": "message", "role": "assistant", "content": [{"type": "future", "x": 1}], "mark": 1},
            {**CALL, "status": None, "id": None, "namespace": "n", "future": 2},
        ],
    )
    def test_an_item_comes_out_as_it_went_in(self, item: dict[str, Any]) -> None:
        given = {key: value for key, value in item.items() if value is not None}
        assert sent(anew(request_of(input=[given])))["input"] == [given]

    def test_annotations_go_back_with_their_text(self) -> None:
        mark = {"type": "url_citation", "url": "https://a", "start_index": 0, "end_index": 1, "title": "t"}
        said = {**SAID, "content": [{**SAID["content"][0], "annotations": [mark]}]}
        [item] = sent(anew(request_of(input=[said])))["input"]
        assert item["content"][0]["annotations"] == [mark]

    def test_a_re_ask_is_appended(self) -> None:
        target = responses_target(correction="Not JSON.", previous_text="oops")
        assert [item["content"][0]["text"] for item in sent(request_of(), target)["input"]] == [
            "hi",
            "oops",
            "Not JSON.",
        ]


class TestOtherFormats:
    def test_a_chat_with_tools_and_effort(self) -> None:
        """T42: models that refuse tools beside reasoning in one format take both in the other."""
        request = from_chat(
            messages=[
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "hi"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "42"},
            ],
            tools=[{"type": "function", "function": {"name": "f"}}],
            tool_choice={"type": "function", "function": {"name": "f"}},
            reasoning_effort="high",
            service_tier="flex",
            verbosity="low",
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        )
        assert sent(request, responses_target(REASONER)) == {
            "model": "upstream-name",
            "instructions": "be brief",
            "input": [
                ASKED,
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "42"},
            ],
            "tools": [
                {
                    "type": "function",
                    "name": "f",
                    "parameters": {"type": "object", "properties": {}},
                    "strict": False,
                }
            ],
            "tool_choice": {"type": "function", "name": "f"},
            "reasoning": {"effort": "high"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
            "service_tier": "flex",
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
        assert lost(request, responses_target(REASONER)) == ()

    def test_a_model_without_reasoning_is_not_asked_for_it(self) -> None:
        assert "include" not in sent(from_chat())

    def test_what_is_lost_is_named(self) -> None:
        request = from_chat(
            stop=["x"],
            seed=1,
            logit_bias={"1": 2},
            n=2,
            user="u" * 65,
            future_field=1,
            max_tokens=3,
            messages=[
                {"role": "user", "name": "n", "content": [{"type": "video_url", "video_url": {"url": "u"}}]},
                {"role": "assistant", "content": "x", "reasoning_content": "hm"},
                {"role": "user", "content": "go"},
            ],
        )
        assert lost(request) == (
            "future_field",
            "logit_bias",
            "max_output_tokens",
            "messages[0].name",
            "messages[0].video",
            "messages[1].reasoning",
            "n",
            "seed",
            "stop",
            "user",
        )
        assert sent(request)["max_output_tokens"] == 16

    def test_logprobs_are_asked_for_by_name(self) -> None:
        body = sent(from_chat(logprobs=True, top_logprobs=2), responses_target(REASONER))
        assert body["include"] == ["message.output_text.logprobs", "reasoning.encrypted_content"]
        assert body["top_logprobs"] == 2

    def test_foreign_thinking_is_left_out_and_sealed_thinking_of_this_format_is_not(self) -> None:
        messages = (
            Message(role="user", parts=(Text(text="hi"),)),
            Message(role="assistant", parts=(Reasoning(text="a", signature="s", source="anthropic"),)),
            Message(
                role="assistant",
                parts=(Reasoning(text="a", signature="s", source="openai_responses", extra={"id": "rs"}),),
            ),
        )
        request = ModelRequest(format="openai_chat", model="auto", messages=messages)
        assert sent(request)["input"][1:] == [{"type": "reasoning", "summary": [], "encrypted_content": "s"}]
        assert lost(request) == ("messages[1].reasoning",)

    def test_a_tools_error_is_told_in_words(self) -> None:
        failed = ToolResult(call_id="c", parts=(Text(text="boom"),), is_error=True)
        request = ModelRequest(
            format="anthropic", model="auto", messages=(Message(role="tool", parts=(failed,)),)
        )
        assert sent(request)["input"][0]["output"] == "Error: boom"

    def test_a_tools_picture_goes_along(self) -> None:
        """T45."""
        picture = Media(kind="image", mime_type="image/png", data="iVBORw0KGgo=")
        result = ToolResult(call_id="c", parts=(picture,))
        request = ModelRequest(
            format="anthropic", model="auto", messages=(Message(role="tool", parts=(result,)),)
        )
        assert sent(request)["input"][0]["output"] == [
            {"type": "input_image", "image_url": PIXEL, "detail": "auto"}
        ]

    def test_long_call_ids_are_shortened_alike_in_call_and_result(self) -> None:
        """T30."""
        long_id = "x" * 900
        messages = (
            Message(role="assistant", parts=(ToolCall(id=long_id, name="f", arguments="{}"),)),
            Message(role="tool", parts=(ToolResult(call_id=long_id, parts=(Text(text="1"),)),)),
        )
        call, result = sent(ModelRequest(format="anthropic", model="auto", messages=messages))["input"]
        assert call["call_id"] == result["call_id"]
        assert len(call["call_id"]) <= 64

    def test_custom_tools_of_the_sister_format_are_spelled_flat(self) -> None:
        grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}}
        request = from_chat(
            tools=[{"type": "custom", "custom": {"name": "p", "format": grammar}}],
            tool_choice={"type": "custom", "custom": {"name": "p"}},
        )
        body = sent(request)
        assert body["tools"] == [
            {
                "type": "custom",
                "name": "p",
                "format": {"type": "grammar", "syntax": "lark", "definition": "d"},
            }
        ]
        assert body["tool_choice"] == {"type": "custom", "name": "p"}

    def test_custom_tools_reach_the_sister_format_nested(self) -> None:
        format = {"type": "grammar", "syntax": "lark", "definition": "d"}
        request = request_of(tools=[{"type": "custom", "name": "p", "format": format}])
        written = json.loads(CHAT.encode_request(request, chat_target("openai")).body)
        assert written["tools"] == [
            {
                "type": "custom",
                "custom": {
                    "name": "p",
                    "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}},
                },
            }
        ]

    @pytest.mark.parametrize("mode", ["auto", "required"])
    def test_allowed_tools_cross_with_their_mode(self, mode: str) -> None:
        allowed = {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": "f"}]}
        request = request_of(tools=[{"type": "function", "name": "f"}], tool_choice=allowed)
        chat = json.loads(CHAT.encode_request(request, chat_target("openai")).body)
        messages = json.loads(CODECS["anthropic"].encode_request(request, anthropic_target()).body)
        assert chat["tool_choice"]["allowed_tools"]["mode"] == mode
        assert messages["tool_choice"] == {"type": "any" if mode == "required" else "auto"}
        back = msgspec.structs.replace(CHAT.decode_request(json.dumps(chat).encode()), raw=None)
        assert sent(back)["tool_choice"] == allowed

    def test_ids_of_items_are_no_loss_to_another_format(self) -> None:
        request = request_of(input=[ASKED, CALL, RESULT, SAID], instructions="be brief")
        call = CHAT.encode_request(request, chat_target("openai"))
        assert call.lost == ()
        assert [message["role"] for message in json.loads(call.body)["messages"]] == [
            "system",
            "user",
            "assistant",
            "tool",
            "assistant",
        ]

    def test_hosted_tools_are_lost_to_another_format(self) -> None:
        request = request_of(tools=[{"type": "web_search"}], include=["reasoning.encrypted_content"])
        assert CHAT.encode_request(request, chat_target("openai")).lost == ("include", "tools[0]")

    def test_a_turn_of_hosted_calls_alone_leaves_no_malformed_message(self) -> None:
        request = request_of(input=[ASKED, {"type": "web_search_call", "id": "ws"}, ASKED])
        call = CHAT.encode_request(request, chat_target("openai"))
        assert call.lost == ("messages[1].content",)
        assert json.loads(call.body)["messages"][1] == {"role": "assistant", "content": ""}

    def test_what_a_model_refuses_is_dropped_by_its_capabilities(self) -> None:
        target = responses_target(Capabilities(rejects=("temperature",)))
        request = request_of(temperature=0.1)
        assert "temperature" not in sent(request, target)
        assert lost(request, target) == ("temperature",)

    def test_a_choice_among_no_tools_is_not_sent(self) -> None:
        request = ModelRequest(
            format="anthropic",
            model="auto",
            messages=(Message(role="user", parts=(Text(text="hi"),)),),
            tool_choice=ToolChoice(mode="auto"),
        )
        assert "tool_choice" not in sent(request)
