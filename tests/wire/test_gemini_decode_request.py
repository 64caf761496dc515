"""What a client of Gemini's format asks, read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.gemini_cases import CODEC, call_part, contents_body, decoded
from tiercel.domain.errors import CallerError
from tiercel.domain.request import (
    Effort,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)


def turn(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def parts_of(*parts: dict[str, Any], role: str = "user") -> tuple[Part, ...]:
    return decoded(contents=[turn(role, *parts)]).messages[0].parts


def result_part(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"output": "ok"}, **fields}}


class TestFields:
    def test_the_path_says_model_and_stream_so_the_body_does_not(self) -> None:
        request = decoded()
        assert (request.format, request.model, request.stream) == ("gemini", "", False)
        assert request.raw == contents_body()

    def test_a_body_that_names_a_model_itself_is_not_sent_on_as_it_is(self) -> None:
        assert decoded(model="models/other").raw is None

    def test_the_generation_config_is_read(self) -> None:
        request = decoded(
            generationConfig={
                "temperature": 0.5,
                "topP": 0.9,
                "topK": 40.0,
                "maxOutputTokens": 7,
                "stopSequences": ["x"],
                "candidateCount": 2,
                "seed": 3,
                "presencePenalty": 0.1,
                "frequencyPenalty": 0.2,
                "responseLogprobs": True,
                "logprobs": 4,
            }
        )
        assert request.sampling == Sampling(
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            stop=("x",),
            seed=3,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            logprobs=True,
            top_logprobs=4,
        )
        assert (request.n, request.max_output_tokens, request.extra) == (2, 7, {})

    def test_snake_case_means_the_same_at_every_known_place(self) -> None:
        """As google-genai mixes both spellings in one body."""
        camel = decoded(
            systemInstruction=turn("user", {"text": "s"}),
            contents=[turn("user", {"inlineData": {"mimeType": "image/png", "data": "AAAA"}})],
            generationConfig={"topP": 0.5, "thinkingConfig": {"thinkingLevel": "LOW"}},
            toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            tools=[{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"a_b": 1}}]}],
        )
        snake = decoded(
            system_instruction=turn("user", {"text": "s"}),
            contents=[turn("user", {"inline_data": {"mime_type": "image/png", "data": "AAAA"}})],
            generation_config={"top_p": 0.5, "thinking_config": {"thinking_level": "low"}},
            tool_config={"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
            tools=[{"function_declarations": [{"name": "f", "parameters_json_schema": {"a_b": 1}}]}],
        )
        assert {**_shown(snake), "raw": None} == {**_shown(camel), "raw": None}

    def test_a_field_in_both_spellings_is_refused(self) -> None:
        with pytest.raises(CallerError, match="topP: given twice"):
            decoded(generationConfig={"topP": 1, "top_p": 1})

    def test_unread_fields_are_kept_under_the_name_of_their_place(self) -> None:
        """T60: what is not understood is named where it cannot be sent."""
        request = decoded(
            safetySettings=[{"category": "c"}],
            cachedContent="cachedContents/1",
            labels={"a": "b"},
            future_field=1,
            generationConfig={"speechConfig": {"voice_config": 1}},
            toolConfig={
                "retrievalConfig": {},
                "functionCallingConfig": {"streamFunctionCallArguments": True},
            },
        )
        assert request.extra == {
            "safetySettings": [{"category": "c"}],
            "cachedContent": "cachedContents/1",
            "labels": {"a": "b"},
            "futureField": 1,
            "generationConfig.speechConfig": {"voice_config": 1},
            "toolConfig.retrievalConfig": {},
            "toolConfig.functionCallingConfig.streamFunctionCallArguments": True,
        }

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"contents": []}, "contents"),
            ({"contents": "hi"}, "contents"),
            ({"contents": ["hi"]}, "contents[0]"),
            ({"contents": [turn("system")]}, "contents[0].role"),
            ({"contents": [{"parts": {}}]}, "contents[0].parts"),
            ({"contents": [turn("user", {"text": 1})]}, "contents[0].parts[0].text"),
            ({"contents": [turn("user", {"inlineData": {}})]}, "contents[0].parts[0].inlineData.data"),
            ({"contents": [turn("model", {"functionCall": {}})]}, "contents[0].parts[0].functionCall.name"),
            (
                {"contents": [turn("model", {"functionCall": {"name": "f", "args": []}})]},
                "contents[0].parts[0].functionCall.args",
            ),
            ({"generationConfig": {"topK": 1.5}}, "generationConfig.topK"),
            ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
            ({"generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences[0]"),
            (
                {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}},
                "generationConfig.thinkingConfig",
            ),
            (
                {"generationConfig": {"thinkingConfig": {"thinkingLevel": "ULTRA"}}},
                "generationConfig.thinkingConfig.thinkingLevel",
            ),
            (
                {"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}},
                "toolConfig.functionCallingConfig.mode",
            ),
            ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ],
    )
    def test_a_wrong_field_is_named(self, fields: dict[str, Any], param: str) -> None:
        with pytest.raises(CallerError) as raised:
            decoded(**fields)
        assert raised.value.param == param

    @given(st.binary(max_size=60))
    def test_whatever_bytes_come_only_the_callers_error_is_raised(self, body: bytes) -> None:
        with pytest.raises(CallerError):
            CODEC.decode_request(body)


KEYS = [
    "parts",
    "text",
    "role",
    "functionCall",
    "functionResponse",
    "name",
    "args",
    "inlineData",
    "fileData",
    "fileUri",
    "mimeType",
    "data",
    "response",
    "id",
    "thought",
    "mediaResolution",
    "level",
    "functionDeclarations",
    "parameters",
    "thinkingConfig",
    "thinkingBudget",
    "mode",
    "type",
    "topK",
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries(
        {"contents": st.lists(json_values, max_size=3)},
        optional={
            "systemInstruction": json_values,
            "tools": json_values,
            "toolConfig": json_values,
            "generationConfig": json_values,
        },
    )
)
def test_whatever_shape_a_body_has_it_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        request = CODEC.decode_request(json.dumps(body).encode())
    except CallerError:
        return
    assert request.format == "gemini"


class TestContents:
    def test_roles_and_system_become_messages(self) -> None:
        request = decoded(
            systemInstruction=turn("user", {"text": "brief"}),
            contents=[turn("user", {"text": "a"}), turn("model", {"text": "b"}), {"parts": [{"text": "c"}]}],
        )
        assert [(message.role, message.text) for message in request.messages] == [
            ("system", "brief"),
            ("user", "a"),
            ("assistant", "b"),
            ("user", "c"),
        ]

    @pytest.mark.parametrize(
        ("part", "expected"),
        [
            ({"text": "a"}, Text(text="a")),
            (
                {"text": "a", "thoughtSignature": "c2ln"},
                Text(text="a", extra={"gemini": {"thoughtSignature": "c2ln"}}),
            ),
            (
                {"text": "a", "thought": True, "thoughtSignature": "-_=="},
                Reasoning(text="a", signature="+/==", source="gemini"),
            ),
            (
                {"inlineData": {"mimeType": "image/png", "data": "_-8=", "displayName": "n"}},
                Media(kind="image", data="/+8=", mime_type="image/png", filename="n"),
            ),
            (
                {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x.pdf"}},
                Media(kind="file", url="gs://b/x.pdf", mime_type="application/pdf"),
            ),
            (
                {"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}, "videoMetadata": {"fps": 1}},
                Media(
                    kind="video", url="https://www.youtube.com/watch?v=1", extra={"videoMetadata": {"fps": 1}}
                ),
            ),
            (
                {
                    "inlineData": {"mimeType": "image/png", "data": "AA=="},
                    "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
                },
                Media(kind="image", data="AA==", mime_type="image/png", detail="low"),
            ),
            (
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                Opaque(source="gemini", raw={"executableCode": {"language": "PYTHON", "code": "1"}}),
            ),
        ],
    )
    def test_parts_are_read(self, part: dict[str, Any], expected: Part) -> None:
        assert parts_of(part) == (expected,)

    def test_a_calls_signature_stands_where_googles_chat_surface_has_it(self) -> None:
        """T29: so a Chat client sees it, and gives it back."""
        part = {**call_part(args={"a": 1}, id="c1"), "thoughtSignature": "c2ln"}
        extra = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
        assert parts_of(part, role="model") == (
            ToolCall(id="c1", name="f", arguments='{"a":1}', extra=extra),
        )

    def test_a_call_without_arguments_has_an_empty_object(self) -> None:
        """T16"""
        [call] = parts_of(call_part(), role="model")
        assert isinstance(call, ToolCall)
        assert call.arguments == "{}"

    @pytest.mark.parametrize(
        ("response", "text", "is_error"),
        [
            ({"output": "ok"}, "ok", False),
            ({"result": "ok"}, '{"result":"ok"}', False),
            ({"output": {"a": 1}}, '{"output":{"a":1}}', False),
            ({"error": "no"}, "no", True),
            ({"error": {"code": 1}}, '{"code":1}', True),
            ({}, "{}", False),
        ],
    )
    def test_a_result_is_read(self, response: dict[str, Any], text: str, is_error: bool) -> None:
        [part] = parts_of(result_part(response=response, id="c9"))
        assert part == ToolResult(
            call_id="c9", parts=(Text(text=text),), is_error=is_error, extra={"gemini": {"name": "f"}}
        )

    def test_a_result_brings_its_pictures(self) -> None:
        """T45"""
        picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
        [part] = parts_of(result_part(parts=[picture]))
        assert isinstance(part, ToolResult)
        assert part.parts == (Text(text="ok"), Media(kind="image", data="AA==", mime_type="image/png"))

    def test_results_stand_in_messages_of_their_own(self) -> None:
        messages = decoded(
            contents=[turn("user", {"text": "a"}, result_part(), result_part("g"), {"text": "b"})]
        ).messages
        assert [message.role for message in messages] == ["user", "tool", "tool", "user"]

    def test_two_calls_of_one_name_without_ids_find_their_results_in_order(self) -> None:
        """T44"""
        messages = decoded(
            contents=[
                turn("model", call_part("f"), call_part("g"), call_part("f")),
                turn("user", result_part("f"), result_part("f"), result_part("g")),
            ]
        ).messages
        assert _call_ids(messages) == (
            ["call_0_0", "call_0_1", "call_0_2"],
            ["call_0_0", "call_0_2", "call_0_1"],
        )

    def test_ids_win_over_order(self) -> None:
        messages = decoded(
            contents=[
                turn("model", call_part("f", id="a"), call_part("f", id="b")),
                turn("user", result_part("f", id="b"), result_part("f", id="a")),
            ]
        ).messages
        assert _call_ids(messages) == (["a", "b"], ["b", "a"])

    def test_an_id_given_to_two_calls_stays_with_the_first(self) -> None:
        messages = decoded(
            contents=[
                turn("model", call_part("f", id="a"), call_part("f", id="a")),
                turn("user", result_part("f", id="a"), result_part("f", id="a")),
            ]
        ).messages
        assert _call_ids(messages) == (["a", "call_0_1"], ["a", "call_0_1"])

    def test_a_result_nobody_asked_for_gets_an_id_of_its_place(self) -> None:
        assert _call_ids(decoded(contents=[turn("user", result_part())]).messages) == ([], ["call_0_0"])


class TestThinking:
    @pytest.mark.parametrize(
        ("config", "effort"),
        [
            ({"thinkingLevel": "MINIMAL"}, "minimal"),
            ({"thinkingLevel": "high"}, "high"),
            ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
            ({"thinkingBudget": 0}, "none"),
            ({"thinkingBudget": -1}, None),
            ({"thinkingBudget": 512}, "minimal"),
            ({"thinkingBudget": 1_024}, "low"),
            ({"thinkingBudget": 8_192}, "medium"),
            ({"thinkingBudget": 24_576}, "high"),
            ({"thinkingBudget": 32_768}, "xhigh"),
        ],
    )
    def test_levels_and_budgets_are_efforts(self, config: dict[str, Any], effort: Effort | None) -> None:
        assert decoded(generationConfig={"thinkingConfig": config}).effort == effort

    def test_what_an_effort_does_not_say_is_kept(self) -> None:
        config = {"thinkingBudget": 5_000, "includeThoughts": True}
        assert decoded(generationConfig={"thinkingConfig": config}).extra == {
            "generationConfig.thinkingConfig.thinkingBudget": 5_000,
            "generationConfig.thinkingConfig.includeThoughts": True,
        }


class TestFormat:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"responseMimeType": "text/plain"}, None),
            ({"responseMimeType": "application/json"}, ResponseFormat(kind="json_object")),
            (
                {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
                ResponseFormat(kind="json_schema", schema={"type": "object"}),
            ),
            (
                {"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}},
                ResponseFormat(kind="json_schema", schema={"type": "string"}),
            ),
        ],
    )
    def test_the_answers_shape_is_read(self, config: dict[str, Any], expected: ResponseFormat | None) -> None:
        """T49"""
        request = decoded(generationConfig=config)
        assert (request.response_format, request.extra) == (expected, {})

    def test_a_type_that_is_only_googles_is_kept(self) -> None:
        config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}
        request = decoded(generationConfig=config)
        assert request.response_format is None
        assert request.extra == {f"generationConfig.{key}": value for key, value in config.items()}


class TestTools:
    def test_declarations_and_googles_own_tools_are_read(self) -> None:
        declaration = {
            "name": "f",
            "description": "d",
            "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}},
            "behavior": "BLOCKING",
        }
        request = decoded(
            tools=[{"functionDeclarations": [declaration], "googleSearch": {}}, {"codeExecution": {}}]
        )
        schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
        assert request.tools == (
            Tool(name="f", description="d", parameters=schema, extra={"behavior": "BLOCKING"}),
            Tool(name="googleSearch", source="gemini", raw={"googleSearch": {}}),
            Tool(name="codeExecution", source="gemini", raw={"codeExecution": {}}),
        )

    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, None),
            ({"mode": "AUTO"}, ToolChoice(mode="auto")),
            ({"mode": "NONE"}, ToolChoice(mode="none")),
            ({"mode": "ANY"}, ToolChoice(mode="required")),
            ({"mode": "VALIDATED"}, ToolChoice(mode="auto", raw={"mode": "VALIDATED"})),
            ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(mode="named", names=("f",))),
            (
                {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
                ToolChoice(mode="allowed", names=("f", "g"), raw={"allowed_tools": {"mode": "required"}}),
            ),
            (
                {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
                ToolChoice(mode="allowed", names=("f",), raw={"allowed_tools": {"mode": "auto"}}),
            ),
        ],
    )
    def test_the_choice_is_read(self, config: dict[str, Any], expected: ToolChoice | None) -> None:
        assert decoded(toolConfig={"functionCallingConfig": config}).tool_choice == expected

    def test_names_without_a_mode_for_them_are_kept(self) -> None:
        config = {"mode": "AUTO", "allowedFunctionNames": ["f"]}
        request = decoded(toolConfig={"functionCallingConfig": config})
        assert request.extra == {"toolConfig.functionCallingConfig.allowedFunctionNames": ["f"]}


def _shown(request: Any) -> dict[str, Any]:
    return {field: getattr(request, field) for field in request.__struct_fields__}


def _call_ids(messages: tuple[Message, ...]) -> tuple[list[str], list[str]]:
    parts = [part for message in messages for part in message.parts]
    calls = [part.id for part in parts if isinstance(part, ToolCall)]
    return calls, [part.call_id for part in parts if isinstance(part, ToolResult)]
