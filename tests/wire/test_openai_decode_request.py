"""A client's Chat Completions body as a request."""

import base64
from typing import Any

import pytest

from tests.wire.cases import body_of
from tiercel.domain.errors import CallerError
from tiercel.domain.request import (
    Media,
    Message,
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
from tiercel.wire.openai_chat import OpenAIChat

CODEC = OpenAIChat()
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\nrest").decode()


def message(value: dict[str, Any]) -> Message:
    return CODEC.decode_request(body_of(messages=[value])).messages[0]


def test_the_fields_of_a_request_are_read() -> None:
    body = body_of(
        temperature=0.5,
        top_p=1,
        stop="END",
        seed=7,
        max_completion_tokens=100,
        max_tokens=50,
        reasoning_effort="high",
        n=2,
        stream=True,
        stream_options={"include_usage": True},
        metadata={"tiercel.task": "coding", "team": "a"},
        user="u",
        parallel_tool_calls=False,
    )
    request = CODEC.decode_request(body)
    assert request.sampling == Sampling(temperature=0.5, top_p=1, stop=("END",), seed=7)
    assert (request.max_output_tokens, request.effort, request.n) == (100, "high", 2)
    assert (request.stream, request.include_usage, request.parallel_tool_calls) == (True, True, False)
    assert request.metadata == {"tiercel.task": "coding", "team": "a"}
    assert (request.user, request.raw, request.extra) == ("u", body, {})


def test_null_counts_as_absent() -> None:
    names = (
        "temperature",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "max_tokens",
        "n",
        "stream",
        "metadata",
    )
    request = CODEC.decode_request(body_of(**dict.fromkeys(names)))
    assert request == CODEC.decode_request(body_of()).__class__(
        format="openai_chat", model="auto", messages=request.messages, raw=request.raw
    )


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (
            {"type": "text", "text": "a", "cache_control": {"x": 1}},
            Text(text="a", extra={"cache_control": {"x": 1}}),
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
            Media(kind="image", url="https://a/b.png", detail="low"),
        ),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            Media(kind="image", data=PNG, mime_type="image/png"),
        ),
        ({"type": "video_url", "video_url": {"url": "https://a/b"}}, Media(kind="video", url="https://a/b")),
        ({"type": "audio_url", "audio_url": {"url": "https://a/b"}}, Media(kind="audio", url="https://a/b")),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Media(kind="audio", data="AAAA", mime_type="audio/mp3"),
        ),
        (
            {"type": "file", "file": {"file_id": "f", "filename": "a.pdf", "new": 1}},
            Media(kind="file", file_id="f", filename="a.pdf", extra={"file": {"new": 1}}),
        ),
        ({"type": "refusal", "refusal": "no"}, Refusal(text="no")),
        ({"type": "hologram", "x": 1}, Opaque(source="openai_chat", raw={"type": "hologram", "x": 1})),
    ],
)
def test_content_parts_are_read_or_kept(content: dict[str, Any], part: Part) -> None:
    assert message({"role": "user", "content": [content]}).parts == (part,)


def test_an_assistants_turn_keeps_thinking_calls_and_unread_fields() -> None:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"g": 1},
    }
    read = message(
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [call],
            "audio": {"id": "a"},
        }
    )
    assert read.parts == (
        Reasoning(text="hm", source="openai_chat"),
        ToolCall(id="c", name="f", arguments="{}", extra={"extra_content": {"g": 1}}),
    )
    assert read.extra == {"audio": {"id": "a"}}


def test_a_tools_result_is_a_message_of_its_own() -> None:
    read = message({"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "4"}]})
    assert read == Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text="4"),)),))


def test_the_deprecated_function_role_is_kept_for_its_own_format() -> None:
    value = {"role": "function", "name": "f", "content": "4"}
    assert message(value).parts == (Opaque(source="openai_chat", raw=value),)


def test_tools_are_read_with_what_we_do_not_know_of_them() -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True, "new": 1}
    custom = {"type": "custom", "custom": {"name": "g"}}
    request = CODEC.decode_request(
        body_of(tools=[{"type": "function", "function": function, "defer": 1}, custom])
    )
    assert request.tools == (
        Tool(
            name="f",
            description="d",
            parameters={"type": "object"},
            strict=True,
            extra={"defer": 1, "function": {"new": 1}},
        ),
        Tool(name="g", source="openai_chat", raw=custom),
    )


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", names=("f",))),
    ],
)
def test_tool_choices_are_read(value: object, choice: ToolChoice) -> None:
    assert CODEC.decode_request(body_of(tool_choice=value)).tool_choice == choice


def test_allowed_tools_are_read_by_name() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    value = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": tools}}
    assert CODEC.decode_request(body_of(tool_choice=value)).tool_choice == ToolChoice(
        mode="allowed", names=("f",), raw=value
    )


def test_a_schema_is_kept_as_the_client_wrote_it() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/x"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    assert CODEC.decode_request(body_of(response_format=wanted)).response_format == ResponseFormat(
        kind="json_schema", name="n", schema=schema, strict=True
    )


def test_unknown_fields_are_kept() -> None:
    request = CODEC.decode_request(
        body_of(future={"a": 1}, functions=[], stream_options={"include_obfuscation": False})
    )
    assert request.extra == {
        "future": {"a": 1},
        "functions": [],
        "stream_options": {"include_obfuscation": False},
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 4}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 2001}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "boss"}]}, "messages[1].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "u"}]}]},
            "messages[0].content[0].image_url",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": "5"}, "max_completion_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"stop": [1]}, "stop[0]"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(CallerError) as raised:
        CODEC.decode_request(body_of(**fields))
    assert raised.value.param == param
    assert raised.value.message.startswith(f"{param}: expected")


def test_the_message_says_what_came_instead() -> None:
    with pytest.raises(
        CallerError, match=r"messages\[0\]\.content: expected a string or a list of parts, got a number"
    ):
        CODEC.decode_request(body_of(messages=[{"role": "user", "content": 5}]))
