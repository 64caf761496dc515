"""Requests in Ollama's format: what clients send, and what is sent to its server."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollama import Client

from tests.wire.cases import body_of, chat_target
from tests.wire.ollama_cases import CODEC, ollama_target
from tiercel.domain.catalog import Capabilities
from tiercel.domain.errors import CallerError
from tiercel.domain.request import (
    EFFORTS,
    Effort,
    Media,
    Message,
    ModelRequest,
    Reasoning,
    Sampling,
    Text,
    ToolCall,
    ToolResult,
)
from tiercel.wire.codec import EncodedCall
from tiercel.wire.openai_chat import OpenAIChat

PNG = "iVBORw0KGgoAAAANSUhEUg=="
CHAT = OpenAIChat()
THINKS = Capabilities(thinking="effort", efforts=EFFORTS, choices=True)


def sent(request: ModelRequest, capabilities: Capabilities | None = None, **decided: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(encoded(request, capabilities, **decided).body)
    return body


def encoded(request: ModelRequest, capabilities: Capabilities | None = None, **decided: Any) -> EncodedCall:
    return CODEC.encode_request(request, ollama_target(capabilities, stream=request.stream, **decided))


def from_chat(**fields: Any) -> ModelRequest:
    return CHAT.decode_request(body_of(**fields))


def test_a_request_is_a_stream_unless_it_says_otherwise() -> None:
    assert CODEC.decode_request(body_of()).stream
    assert not CODEC.decode_request(body_of(stream=False)).stream


def test_everything_a_client_may_say_is_read() -> None:
    options = {"temperature": 0.5, "top_k": 3, "num_predict": 9, "stop": ["X"], "num_ctx": 4096, "min_p": 0.1}
    request = CODEC.decode_request(
        body_of(options=options, think="high", format={"type": "object"}, keep_alive="5m", logprobs=True)
    )
    assert request.sampling == Sampling(temperature=0.5, top_k=3, stop=("X",), logprobs=True)
    assert (request.max_output_tokens, request.effort) == (9, "high")
    assert request.response_format is not None
    assert request.response_format.schema == {"type": "object"}
    assert request.extra == {"options": {"num_ctx": 4096, "min_p": 0.1}, "keep_alive": "5m"}


def test_its_own_words_for_no_limit_are_no_limit_and_are_kept() -> None:
    request = CODEC.decode_request(body_of(options={"num_predict": -1}))
    assert request.max_output_tokens is None
    assert request.extra == {"options": {"num_predict": -1}}


def test_pictures_and_thinking_of_messages_are_read() -> None:
    request = CODEC.decode_request(
        body_of(
            messages=[
                {"role": "user", "content": "what?", "images": [PNG]},
                {"role": "assistant", "content": "a bird", "thinking": "wings"},
            ]
        )
    )
    assert request.messages == (
        Message(
            role="user", parts=(Text(text="what?"), Media(kind="image", data=PNG, mime_type="image/png"))
        ),
        Message(role="assistant", parts=(Reasoning(text="wings", source="ollama"), Text(text="a bird"))),
    )


def test_results_without_ids_meet_the_calls_of_their_tool_in_order() -> None:
    """T18: arguments are objects, every index is 0, ids may be missing; two calls of one tool stay two."""
    call = {"function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
    request = CODEC.decode_request(
        body_of(
            messages=[
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [call, call, {"function": {"name": "g", "arguments": {}}}],
                },
                {"role": "tool", "content": "of g", "tool_name": "g"},
                {"role": "tool", "content": "first", "tool_name": "f"},
                {"role": "tool", "content": "second"},
            ]
        )
    )
    calls, *results = request.messages
    assert [(p.id, p.arguments) for p in calls.parts if isinstance(p, ToolCall)] == [
        ("call_0", '{"x":1}'),
        ("call_1", '{"x":1}'),
        ("call_2", "{}"),
    ]
    answered = [part.call_id for result in results for part in result.parts if isinstance(part, ToolResult)]
    assert answered == ["call_2", "call_0", "call_1"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "images": [1]}]}, "messages[0].images[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
        ({"think": "loud"}, "think"),
        ({"format": "xml"}, "format"),
        ({"options": {"temperature": "hot"}}, "options.temperature"),
        ({"options": {"stop": [1]}}, "options.stop[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(CallerError) as refused:
        CODEC.decode_request(body_of(**fields))
    assert refused.value.param == param
    assert param in refused.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
request_keys = st.sampled_from(["messages", "options", "format", "think", "tools", "stream", "logprobs"])


@given(st.dictionaries(request_keys, json_values))
def test_odd_values_are_refused_and_nothing_else_happens(fields: dict[str, Any]) -> None:
    try:
        request = CODEC.decode_request(body_of(**fields))
    except CallerError:
        return
    assert encoded(request).body


@given(st.binary(max_size=60))
def test_bytes_that_are_no_request_are_refused(body: bytes) -> None:
    with pytest.raises(CallerError):
        CODEC.decode_request(body)


def test_the_clients_own_bytes_go_on_with_the_models_name_changed() -> None:
    """T60: what nobody here reads arrives too."""
    body = b'{"model": "auto",  "messages":[{"role":"user","content":"hi"}],"future_field":[1]}'
    call = encoded(CODEC.decode_request(body))
    assert call.body == body.replace(b'"auto"', b'"upstream-name"')
    assert (call.path, call.lost) == ("/api/chat", ())


def test_an_address_may_end_in_the_apis_own_beginning() -> None:
    target = ollama_target(base_url="http://127.0.0.1:11434/api/")
    assert CODEC.encode_request(CODEC.decode_request(body_of(stream=False)), target).path == "/chat"


def test_a_changed_request_keeps_the_clients_unread_fields() -> None:
    request = CODEC.decode_request(body_of(options={"num_ctx": 4096}, keep_alive="5m"))
    body = sent(request, max_output_tokens=5)
    assert body["options"] == {"num_ctx": 4096, "num_predict": 5}
    assert body["keep_alive"] == "5m"
    assert "truncate" not in body


def test_another_formats_request_is_never_cut_silently() -> None:
    """The context has the size the model's window states, and a prompt that does not fit is refused."""
    body = sent(from_chat(temperature=0.2, max_tokens=8, seed=3, stop="X"), Capabilities(window=32_768))
    assert body["options"] == {
        "temperature": 0.2,
        "seed": 3,
        "stop": ["X"],
        "num_predict": 8,
        "num_ctx": 32_768,
    }
    assert (body["truncate"], body["shift"], body["stream"]) == (False, False, False)


@pytest.mark.parametrize(
    ("wanted", "written"),
    [
        ({"type": "json_object"}, "json"),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array"}}},
            {"type": "array"},
        ),
    ],
)
def test_the_shape_of_the_answer_is_its_format(wanted: Any, written: Any) -> None:
    assert sent(from_chat(response_format=wanted))["format"] == written


@pytest.mark.parametrize(
    ("effort", "level", "switch"),
    [
        ("none", False, False),
        ("minimal", "low", True),
        ("medium", "medium", True),
        ("high", "high", True),
        ("max", "max", True),
    ],
)
def test_thinking_has_levels_only_where_the_model_has_them(effort: Effort, level: Any, switch: bool) -> None:
    assert sent(from_chat(reasoning_effort=effort), THINKS)["think"] == level
    plain = Capabilities(thinking="adaptive", efforts=EFFORTS)
    assert sent(from_chat(reasoning_effort=effort), plain)["think"] is switch


TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("f", "g")
]


@pytest.mark.parametrize(
    ("choice", "names", "lost"),
    [
        ("auto", ["f", "g"], ()),
        ("none", [], ()),
        ("required", ["f", "g"], ("tool_choice",)),
        ({"type": "function", "function": {"name": "g"}}, ["g"], ("tool_choice",)),
    ],
)
def test_tools_that_must_not_be_called_are_left_out_and_none_can_be_forced(
    choice: Any, names: list[str], lost: tuple[str, ...]
) -> None:
    call = encoded(from_chat(tools=TOOLS, tool_choice=choice))
    assert [tool["function"]["name"] for tool in json.loads(call.body).get("tools", ())] == names
    assert call.lost == lost


def test_what_cannot_be_carried_is_named() -> None:
    call = encoded(
        from_chat(
            messages=[
                {
                    "role": "user",
                    "name": "ann",
                    "content": [
                        {"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
                        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                    ],
                }
            ],
            n=2,
            logit_bias={"5": 1},
            user="u",
            metadata={"k": "v"},
            parallel_tool_calls=False,
            verbosity="low",
        ),
        THINKS,
    )
    assert call.lost == (
        "logit_bias",
        "messages[0].audio",
        "messages[0].cache_control",
        "messages[0].image",
        "messages[0].name",
        "metadata",
        "n",
        "parallel_tool_calls",
        "user",
        "verbosity",
    )


def test_a_tool_loop_of_another_format_arrives_whole() -> None:
    """T45: a picture that a tool returned is shown in the message after it."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    body = sent(
        from_chat(
            messages=[
                {"role": "developer", "content": "be kind"},
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "ok"}, picture]},
            ]
        )
    )
    assert body["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"x": 1}}}],
        },
        {"role": "tool", "content": "ok", "tool_name": "f", "tool_call_id": "c1"},
        {"role": "user", "content": "Returned by tool call c1:", "images": [PNG]},
    ]


def test_only_its_own_thinking_is_sent_back() -> None:
    def history(source: Any) -> ModelRequest:
        thought = Message(role="assistant", parts=(Reasoning(text="hm", source=source), Text(text="a")))
        return ModelRequest(format="openai_chat", model="auto", messages=(thought,))

    own, foreign = encoded(history("ollama")), encoded(history("anthropic"))
    assert json.loads(own.body)["messages"][0]["thinking"] == "hm"
    assert "thinking" not in json.loads(foreign.body)["messages"][0]
    assert (own.lost, foreign.lost) == ((), ("messages[0].reasoning",))


def test_arguments_that_are_no_object_are_wrapped_in_one() -> None:
    call = ToolCall(id="c", name="f", arguments='{"cut": ')
    request = ModelRequest(
        format="openai_chat", model="auto", messages=(Message(role="assistant", parts=(call,)),)
    )
    assert sent(request)["messages"][0]["tool_calls"][0]["function"]["arguments"] == {"input": '{"cut": '}


def test_what_the_official_client_sends_is_read() -> None:
    """Ollama's own SDK writes the request, files read and tools described by it."""
    received: list[bytes] = []

    def answer(seen: httpx.Request) -> httpx.Response:
        received.append(seen.content)
        return httpx.Response(200, json={"message": {"role": "assistant", "content": "ok"}, "done": True})

    def weather(city: str) -> str:
        """Tell the weather.

        Args:
          city: where
        """
        return city

    client = Client(transport=httpx.MockTransport(answer))
    messages = [{"role": "user", "content": "hi", "images": [PNG]}]
    client.chat("qwen3", messages, tools=[weather], think=False, format="json", options={"num_predict": 4})
    request = CODEC.decode_request(received[0])
    assert not request.stream
    assert (request.effort, request.max_output_tokens) == ("none", 4)
    assert request.response_format is not None
    assert request.tools[0].name == "weather"
    assert request.tools[0].parameters is not None
    assert request.messages[0].parts[1] == Media(kind="image", data=PNG, mime_type="image/png")


@pytest.mark.parametrize("stream", [False, True])
def test_read_again_it_is_the_same_request(stream: bool) -> None:
    first = from_chat(tools=TOOLS, temperature=0.5, max_tokens=3, reasoning_effort="high", stream=stream)
    again = CODEC.decode_request(encoded(first, THINKS).body)
    same = ("messages", "tools", "sampling", "max_output_tokens", "effort", "stream")
    assert [getattr(again, name) for name in same] == [getattr(first, name) for name in same]


def test_its_own_requests_go_to_another_format_with_what_is_lost_named() -> None:
    request = CODEC.decode_request(body_of(think=True, keep_alive="5m", options={"num_ctx": 1}, stream=False))
    call = CHAT.encode_request(request, chat_target("openai", THINKS))
    assert json.loads(call.body)["reasoning_effort"] == "medium"
    assert call.lost == ("keep_alive", "options")
