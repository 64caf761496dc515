"""What goes to an upstream of Gemini's format."""

import json
from typing import Any

import pytest
from google.genai import types

from tests.wire.gemini_cases import (
    BUDGET,
    CODEC,
    LEVEL,
    STUDIO,
    VERTEX,
    call_part,
    contents_body,
    decoded,
    from_chat,
    gemini_target,
    sent,
)
from tiercel.domain.catalog import Capabilities
from tiercel.domain.request import Media, Message, ModelRequest, Reasoning, Text, ToolCall, ToolResult
from tiercel.wire.anthropic import Anthropic

SKIP = "skip_thought_signature_validator"


def chat_call(call_id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def chat_result(call_id: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def contents_for(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    body, _ = from_chat(messages=list(messages))
    contents: list[dict[str, Any]] = body["contents"]
    for content in contents:
        types.Content.model_validate(content)
    return contents


class TestPath:
    @pytest.mark.parametrize(
        ("base_url", "name", "stream", "path"),
        [
            (STUDIO, "gemini-x", False, "/models/gemini-x:generateContent"),
            (STUDIO, "gemini-x", True, "/models/gemini-x:streamGenerateContent?alt=sse"),
            (VERTEX, "gemini-x", False, "/models/gemini-x:generateContent"),
            (STUDIO, "tunedModels/t 1", False, "/tunedModels/t%201:generateContent"),
            ("http://127.0.0.1:9", "m", False, "/v1beta/models/m:generateContent"),
        ],
    )
    def test_model_and_stream_stand_in_the_path(
        self, base_url: str, name: str, stream: bool, path: str
    ) -> None:
        target = gemini_target(base_url=base_url, upstream_name=name, stream=stream)
        assert CODEC.encode_request(decoded(), target).path == path


class TestAsItIs:
    def test_a_clients_own_bytes_go_out(self) -> None:
        """T60: with every field we do not know."""
        body = contents_body(future_field=1, generationConfig={"thinkingConfig": {"thinkingLevel": "low"}})
        call = CODEC.encode_request(CODEC.decode_request(body), gemini_target(LEVEL, stream=True))
        assert (call.body, call.lost) == (body, ())

    @pytest.mark.parametrize(
        ("config", "capabilities", "expected", "lost"),
        [
            ({"thinkingBudget": 5_000}, LEVEL, {"thinkingLevel": "MEDIUM"}, ()),
            ({"thinkingLevel": "HIGH"}, BUDGET, {"thinkingBudget": 24_576}, ()),
            (
                {"thinkingBudget": 5_000, "includeThoughts": False},
                LEVEL,
                {"thinkingLevel": "MEDIUM", "includeThoughts": False},
                (),
            ),
            ({"thinkingLevel": "HIGH"}, None, None, ("reasoning_effort",)),
            (
                {"includeThoughts": True},
                None,
                None,
                ("generationConfig.thinkingConfig.includeThoughts",),
            ),
        ],
    )
    def test_thinking_is_written_as_the_target_takes_it(
        self,
        config: dict[str, Any],
        capabilities: Capabilities | None,
        expected: dict[str, Any] | None,
        lost: tuple[str, ...],
    ) -> None:
        request = decoded(generationConfig={"thinkingConfig": config})
        body, call = sent(request, gemini_target(capabilities))
        assert body.get("generationConfig", {}).get("thinkingConfig") == expected
        assert call.lost == lost

    def test_what_was_not_read_is_put_back_in_its_place(self) -> None:
        fields: dict[str, Any] = {
            "safetySettings": [{"category": "c"}],
            "generationConfig": {"temperature": 0.5, "speechConfig": {"v": 1}},
            "tools": [
                {"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]},
                {"googleSearch": {}},
            ],
            "toolConfig": {
                "functionCallingConfig": {"mode": "AUTO", "streamFunctionCallArguments": True},
                "retrievalConfig": {},
            },
        }
        body, call = sent(decoded(**fields), gemini_target(max_output_tokens=9))
        fields["generationConfig"]["maxOutputTokens"] = 9
        assert {key: body[key] for key in fields} == fields
        assert call.lost == ()

    def test_a_whole_conversation_written_anew_is_the_same(self) -> None:
        contents = [
            {
                "role": "user",
                "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
                    {**call_part(args={"a": 1}, id="c1"), "thoughtSignature": "c2ln"},
                    call_part(args={}, id="c2"),
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "x"}}},
                    {
                        "functionResponse": {
                            "id": "c2",
                            "name": "f",
                            "response": {"error": "no"},
                            "scheduling": "SILENT",
                            "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
                        }
                    },
                ],
            },
            {
                "role": "model",
                "parts": [{"executableCode": {"code": "1"}}, {"text": "b", "thoughtSignature": "c2ln"}],
            },
            {
                "role": "user",
                "parts": [{"fileData": {"fileUri": "https://x.org/a.png"}, "videoMetadata": {"fps": 1}}],
            },
        ]
        body, call = sent(decoded(contents=contents), gemini_target(max_output_tokens=9))
        assert body["contents"] == contents
        assert call.lost == ()


class TestContents:
    def test_system_messages_stand_apart_wherever_they_stood(self) -> None:
        body, _ = from_chat(
            messages=[{"role": "system", "content": "a"}, user("b"), {"role": "developer", "content": "c"}]
        )
        assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "c"}]}
        assert body["contents"] == [{"role": "user", "parts": [{"text": "b"}]}]

    def test_instructions_alone_are_said_by_the_user(self) -> None:
        body, _ = from_chat(messages=[{"role": "system", "content": "a"}])
        assert body["contents"] == [{"role": "user", "parts": [{"text": "a"}]}]
        assert "systemInstruction" not in body

    def test_roles_alternate_and_empty_texts_vanish(self) -> None:
        """T46"""
        contents = contents_for(user("a"), user("b"), {"role": "assistant", "content": ""}, user("c"))
        assert contents == [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}]

    def test_results_of_parallel_calls_stand_in_one_turn_in_the_order_of_the_calls(self) -> None:
        """T44: with two calls of the same name."""
        contents = contents_for(
            user("a"),
            assistant(chat_call("1", arguments='{"a":1}'), chat_call("2"), chat_call("3", "g")),
            chat_result("3", "three"),
            chat_result("1", '{"b":2}'),
            chat_result("2", "two"),
            user("and?"),
        )
        assert contents[1]["parts"][0]["functionCall"] == {"id": "1", "name": "f", "args": {"a": 1}}
        assert contents[2] == {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "1", "name": "f", "response": {"b": 2}}},
                {"functionResponse": {"id": "2", "name": "f", "response": {"output": "two"}}},
                {"functionResponse": {"id": "3", "name": "g", "response": {"output": "three"}}},
                {"text": "and?"},
            ],
        }

    def test_a_result_that_holds_what_looks_like_a_reference_is_sent_as_text(self) -> None:
        """T47"""
        text = '{"a":[{"$ref":"x"}]}'
        contents = contents_for(user("a"), assistant(chat_call("1")), chat_result("1", text))
        assert contents[2]["parts"][0]["functionResponse"]["response"] == {"output": text}

    @pytest.mark.parametrize(
        ("arguments", "args"), [("", {}), ("{}", {}), ('{"a', {"input": '{"a'}), ("[1]", {"input": "[1]"})]
    )
    def test_arguments_are_an_object_whatever_they_were(self, arguments: str, args: dict[str, Any]) -> None:
        """T13, T16"""
        contents = contents_for(user("a"), assistant(chat_call("1", arguments=arguments)))
        assert contents[1]["parts"][0]["functionCall"]["args"] == args

    def test_a_picture_of_a_tool_is_shown_beside_its_result(self) -> None:
        """T45: inside it only the newest models take one."""
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
        body = {
            "model": "m",
            "max_tokens": 9,
            "messages": [
                user("a"),
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t", "content": [image]}],
                },
            ],
        }
        written, call = sent(Anthropic().decode_request(json.dumps(body).encode()))
        assert written["contents"][2]["parts"] == [
            {"functionResponse": {"id": "t", "name": "f", "response": {"output": ""}}},
            {"text": "Returned by tool call t:"},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        ]
        assert call.lost == ()

    @pytest.mark.parametrize(
        ("url", "part", "lost"),
        [
            (
                "data:image/gif;base64,iVBORw0KGgo=",
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                (),
            ),
            ("gs://b/x.png", {"fileData": {"fileUri": "gs://b/x.png"}}, ()),
            ("https://youtu.be/1", {"fileData": {"fileUri": "https://youtu.be/1"}}, ()),
            (
                "https://x.org/a.PNG?signed=1.gif",
                {"fileData": {"mimeType": "image/png", "fileUri": "https://x.org/a.PNG?signed=1.gif"}},
                (),
            ),
            ("https://x.org/a", None, ("messages[0].image",)),
            ("https://x.org/a.gif", None, ("messages[0].image",)),
            ("https://[/a.png", None, ("messages[0].image",)),
            ("http://x.org/a.png", None, ("messages[0].image",)),
        ],
    )
    def test_pictures_go_where_google_can_see_them(
        self, url: str, part: dict[str, Any] | None, lost: tuple[str, ...]
    ) -> None:
        image = {"type": "image_url", "image_url": {"url": url}}
        body, call = from_chat(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, image]}])
        assert body["contents"][0]["parts"][1:] == ([part] if part else [])
        assert call.lost == lost

    @pytest.mark.parametrize(
        ("details", "resolution"),
        [
            (("auto",), None),
            (("low", "low"), "MEDIA_RESOLUTION_LOW"),
            (("low", "high"), "MEDIA_RESOLUTION_HIGH"),
            (("original", "low"), "MEDIA_RESOLUTION_HIGH"),
        ],
    )
    def test_the_highest_detail_asked_for_is_the_calls_resolution(
        self, details: tuple[str, ...], resolution: str | None
    ) -> None:
        url = "data:image/png;base64,AA=="
        images = [{"type": "image_url", "image_url": {"url": url, "detail": detail}} for detail in details]
        body, call = from_chat(messages=[{"role": "user", "content": images}])
        assert body.get("generationConfig", {}).get("mediaResolution") == resolution
        assert call.lost == ()

    def test_what_cannot_be_carried_is_named(self) -> None:
        messages = (
            Message(role="user", name="ann", parts=(Media(kind="file", file_id="f1"),)),
            Message(role="assistant", parts=(Reasoning(text="hm", source="anthropic", signature="s"),)),
            Message(role="user", parts=(Text(text="a", extra={"cache_control": {}}),)),
        )
        request = ModelRequest(
            format="openai_chat", model="m", messages=messages, user="u", extra={"store": True}
        )
        _, call = sent(request)
        assert call.lost == (
            "messages[0].file",
            "messages[0].name",
            "messages[1].reasoning",
            "messages[2].cache_control",
            "store",
            "user",
        )


class TestSignatures:
    """T29, T31: a call's own signature, or the documented word where the current turn must have one."""

    def test_what_a_chat_client_gives_back_is_sent_back(self) -> None:
        extra = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
        contents = contents_for(user("a"), assistant({**chat_call("1"), **extra}), chat_result("1"))
        assert contents[1]["parts"][0]["thoughtSignature"] == "c2ln"

    def test_the_first_call_of_each_step_of_the_current_turn_has_one(self) -> None:
        contents = contents_for(
            user("a"),
            assistant(chat_call("1")),
            chat_result("1"),
            {"role": "assistant", "content": "done"},
            user("b"),
            assistant(chat_call("2"), chat_call("3")),
            chat_result("2"),
            chat_result("3"),
            assistant(chat_call("4")),
            chat_result("4"),
        )
        signed = [
            [part.get("thoughtSignature") for part in content["parts"]]
            for content in contents
            if content["role"] == "model"
        ]
        assert signed == [[None], [None], [SKIP, None], [SKIP]]

    def test_models_that_do_not_ask_for_one_are_not_given_it(self) -> None:
        body, _ = from_chat(gemini_target(BUDGET), messages=[user("a"), assistant(chat_call("1"))])
        assert "thoughtSignature" not in body["contents"][1]["parts"][0]

    @pytest.mark.parametrize(("signed", "is_same"), [(True, True), (False, False)])
    def test_a_clients_own_bytes_go_out_only_with_the_signatures_in_them(
        self, signed: bool, is_same: bool
    ) -> None:
        part = {**call_part(), **({"thoughtSignature": "c2ln"} if signed else {})}
        body = contents_body(
            contents=[{"parts": [{"text": "a"}]}, {"role": "model", "parts": [part, call_part("g")]}]
        )
        call = CODEC.encode_request(CODEC.decode_request(body), gemini_target(LEVEL))
        assert (call.body == body) == is_same
        first, second = json.loads(call.body)["contents"][1]["parts"]
        assert first["thoughtSignature"] == ("c2ln" if signed else SKIP)
        assert "thoughtSignature" not in second

    def test_no_id_holds_a_signature(self) -> None:
        """T30"""
        call = ToolCall(id="c1", name="f", arguments="{}", extra={"gemini": {"thoughtSignature": "x" * 900}})
        request = ModelRequest(
            format="openai_chat",
            model="m",
            messages=(
                Message(role="assistant", parts=(call,)),
                Message(role="tool", parts=(ToolResult(call_id="c1", parts=()),)),
            ),
        )
        contents = sent(request)[0]["contents"]
        assert contents[0]["parts"][0]["functionCall"]["id"] == "c1"
        assert contents[1]["parts"][0]["functionResponse"]["id"] == "c1"
