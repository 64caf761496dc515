"""What goes to an upstream of Gemini's format beside the conversation: sampling, thinking, schemas, tools."""

from typing import Any

import pytest
from google.genai import types

from tests.wire.gemini_cases import BUDGET, LEVEL, from_chat, gemini_target
from tiercel.domain.catalog import Capabilities
from tiercel.domain.request import Effort
from tiercel.wire.gemini.thinking import budget_for

TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {"type": "object", "additionalProperties": False}},
}


class TestSettings:
    def test_sampling_and_limits_have_their_own_names(self) -> None:
        """T50"""
        body, call = from_chat(
            gemini_target(Capabilities(choices=True)),
            temperature=0.5,
            top_p=0.9,
            seed=1,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            stop=list("abcdef"),
            max_completion_tokens=7,
            n=2,
            logprobs=True,
            top_logprobs=3,
            logit_bias={"1": 1},
        )
        config = body["generationConfig"]
        types.GenerationConfig.model_validate(config)
        assert config == {
            "temperature": 0.5,
            "topP": 0.9,
            "seed": 1,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "stopSequences": list("abcde"),
            "maxOutputTokens": 7,
            "candidateCount": 2,
            "responseLogprobs": True,
            "logprobs": 3,
        }
        assert call.lost == ("logit_bias", "stop")

    @pytest.mark.parametrize(
        ("capabilities", "effort", "expected"),
        [
            (LEVEL, "low", {"thinkingLevel": "LOW", "includeThoughts": True}),
            (LEVEL, "max", {"thinkingLevel": "HIGH", "includeThoughts": True}),
            (BUDGET, "none", {"thinkingBudget": 0}),
            (BUDGET, "low", {"thinkingBudget": 1_024, "includeThoughts": True}),
            (BUDGET, "xhigh", {"thinkingBudget": 24_576, "includeThoughts": True}),
            (Capabilities(efforts=("low",), thinking="adaptive"), "low", None),
            (Capabilities(), "low", None),
        ],
    )
    def test_effort_is_asked_for_as_the_model_takes_it(
        self, capabilities: Capabilities, effort: Effort, expected: dict[str, Any] | None
    ) -> None:
        """T40: by its capabilities, never by its name."""
        body, call = from_chat(gemini_target(capabilities), reasoning_effort=effort)
        config = body.get("generationConfig", {})
        assert config.get("thinkingConfig") == expected
        assert ("reasoning_effort" in call.lost) == (expected is None or effort in ("max", "xhigh"))

    @pytest.mark.parametrize(
        ("effort", "max_tokens", "can_be_off", "budget"),
        [
            ("high", None, True, 24_576),
            ("high", 100_000, True, 24_576),
            ("high", 8_000, True, 6_000),
            ("minimal", 3_000, True, 512),
            ("low", 1_500, True, 0),
            ("low", 1_500, False, 128),
            ("none", 1, True, 0),
        ],
    )
    def test_a_budget_leaves_room_for_the_answer(
        self, effort: Effort, max_tokens: int | None, can_be_off: bool, budget: int
    ) -> None:
        """T39"""
        assert budget_for(effort, max_tokens, can_be_off) == budget

    def test_a_schema_is_sent_where_it_is_taken(self) -> None:
        """T49"""
        body, call = from_chat(response_format=SCHEMA)
        assert body["generationConfig"] == {
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA["json_schema"]["schema"],
        }
        assert call.lost == ()

    @pytest.mark.parametrize(
        ("capabilities", "tools"),
        [(Capabilities(structured_output=False), []), (BUDGET, [TOOL])],
    )
    def test_where_it_is_not_the_model_is_told_in_words(
        self, capabilities: Capabilities, tools: list[Any]
    ) -> None:
        body, call = from_chat(gemini_target(capabilities), response_format=SCHEMA, tools=tools)
        assert "generationConfig" not in body
        assert "additionalProperties" in body["systemInstruction"]["parts"][0]["text"]
        assert call.lost == ("response_format",)

    def test_tools_and_a_schema_go_together_since_thinking_has_levels(self) -> None:
        body, _ = from_chat(gemini_target(LEVEL), response_format=SCHEMA, tools=[TOOL])
        assert "responseJsonSchema" in body["generationConfig"]


class TestTools:
    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            (None, None),
            ("auto", {"mode": "AUTO"}),
            ("none", {"mode": "NONE"}),
            ("required", {"mode": "ANY"}),
            (
                {"type": "function", "function": {"name": "f"}},
                {"mode": "ANY", "allowedFunctionNames": ["f"]},
            ),
            (
                {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "required",
                        "tools": [{"type": "function", "function": {"name": "f"}}],
                    },
                },
                {"mode": "ANY", "allowedFunctionNames": ["f"]},
            ),
            (
                {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "auto",
                        "tools": [{"type": "function", "function": {"name": "f"}}],
                    },
                },
                {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
            ),
        ],
    )
    def test_the_choice_is_written(self, choice: Any, expected: dict[str, Any] | None) -> None:
        fields = {} if choice is None else {"tool_choice": choice}
        body, _ = from_chat(tools=[TOOL], **fields)
        config = body.get("toolConfig", {}).get("functionCallingConfig")
        assert config == expected
        if config is not None:
            types.FunctionCallingConfig.model_validate(config)

    def test_a_strict_tool_is_validated_by_google(self) -> None:
        strict = {"type": "function", "function": {"name": "f", "strict": True}}
        body, call = from_chat(tools=[strict])
        assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
        assert call.lost == ()
        _, call = from_chat(gemini_target(Capabilities(structured_output=False)), tools=[strict])
        assert call.lost == ("tools[0].strict",)

    def test_one_call_at_a_time_cannot_be_asked_for(self) -> None:
        _, call = from_chat(tools=[TOOL], parallel_tool_calls=False)
        assert call.lost == ("parallel_tool_calls",)

    def test_other_formats_own_tools_are_named_as_lost(self) -> None:
        body, call = from_chat(tools=[TOOL, {"type": "custom", "custom": {"name": "g"}}])
        assert [d["name"] for d in body["tools"][0]["functionDeclarations"]] == ["f"]
        assert call.lost == ("tools[1]",)
