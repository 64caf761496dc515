"""What each server's deviation changes in a call to it, and in what is read from it."""

import json
from typing import Any

import msgspec
import pytest

from tests.wire.cases import (
    body_of,
    chat_stream,
    chat_target,
    decode_all,
    delta,
    folded,
    request_object,
)
from tiercel.domain.catalog import Capabilities, Target
from tiercel.domain.events import End, UsageUpdate
from tiercel.domain.request import EFFORTS
from tiercel.domain.response import Usage
from tiercel.wire.codec import EncodedCall
from tiercel.wire.openai_chat import OpenAIChat
from tiercel.wire.openai_responses import OpenAIResponses
from tiercel.wire.quirks import QUIRKS, call_path

CODEC = OpenAIChat()
ALL = Capabilities(efforts=EFFORTS, thinking="effort", choices=True, modalities=("text", "image"))
CALL = {"id": "call_with-a-long/id", "type": "function", "function": {"name": "f", "arguments": "{}"}}
LOOP: list[dict[str, Any]] = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": CALL["id"], "content": "ok"},
]
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]


def call(quirks: str, **fields: Any) -> EncodedCall:
    request = CODEC.decode_request(body_of(**fields))
    return CODEC.encode_request(request, chat_target(quirks, ALL, stream=request.stream))


def sent(quirks: str, **fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(call(quirks, **fields).body)
    return body


@pytest.mark.parametrize("name", sorted(QUIRKS))
def test_a_plain_request_is_taken_by_every_server_with_nothing_lost(name: str) -> None:
    encoded = call(name, temperature=0.5)
    assert encoded.lost == ()
    assert json.loads(encoded.body)["temperature"] == 0.5


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("openai", "max_completion_tokens"),
        ("azure", "max_completion_tokens"),
        ("groq", "max_completion_tokens"),
        ("xai", "max_completion_tokens"),
        ("moonshot", "max_completion_tokens"),
        ("mistral", "max_tokens"),
        ("deepseek", "max_tokens"),
        ("vllm", "max_tokens"),
    ],
)
def test_the_limit_of_tokens_has_the_servers_own_name(name: str, field: str) -> None:
    """T50: whichever name the client used."""
    for given in ("max_tokens", "max_completion_tokens"):
        body = sent(name, **{given: 9})
        assert body[field] == 9
        assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1


@pytest.mark.parametrize(
    ("name", "fields", "lost"),
    [
        ("groq", {"logprobs": True, "top_logprobs": 2}, ("logprobs", "top_logprobs")),
        ("groq", {"logit_bias": {"1": 1}}, ("logit_bias",)),
        ("mistral", {"user": "u", "store": True}, ("store", "user")),
        ("mistral", {"messages": [{"role": "user", "name": "ann", "content": "hi"}]}, ("messages[0].name",)),
        ("mistral", {"messages": [{"role": "user", "odd": 1, "content": "hi"}]}, ("messages[0].odd",)),
        ("ollama", {"logit_bias": {"1": 1}, "user": "u"}, ("logit_bias", "user")),
        ("xai", {"logit_bias": {"1": 1}}, ("logit_bias",)),
    ],
)
def test_what_a_server_refuses_or_ignores_is_not_sent_but_named(
    name: str, fields: dict[str, Any], lost: tuple[str, ...]
) -> None:
    encoded = call(name, **fields)
    assert encoded.lost == lost
    for field in lost:
        assert f'"{field.rpartition(".")[2]}":'.encode() not in encoded.body


def test_a_server_that_refuses_unknown_fields_gets_those_it_knows() -> None:
    body = sent("mistral", safe_prompt=True, stream=True, stream_options={"include_usage": True})
    assert body["safe_prompt"] is True
    assert "stream_options" not in body


def test_a_sampling_field_may_have_another_name() -> None:
    body = sent("mistral", seed=7)
    assert (body.get("seed"), body["random_seed"]) == (None, 7)


@pytest.mark.parametrize(("name", "kept"), [("openai", 4), ("groq", 4), ("moonshot", 5), ("deepseek", 16)])
def test_more_stop_sequences_than_a_server_takes_are_named(name: str, kept: int) -> None:
    stops = [str(number) for number in range(20)]
    encoded = call(name, stop=stops)
    assert json.loads(encoded.body)["stop"] == stops[:kept]
    assert encoded.lost == ("stop",)


def test_where_no_schema_is_taken_json_is_asked_for_and_the_schema_told() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    encoded = call("deepseek", response_format=wanted)
    body = json.loads(encoded.body)
    assert body["response_format"] == {"type": "json_object"}
    assert json.dumps(schema, separators=(",", ":")) in body["messages"][0]["content"]
    assert encoded.lost == ("response_format",)


@pytest.mark.parametrize(
    ("choice", "names"),
    [("none", []), ("auto", ["f", "g"]), ({"type": "function", "function": {"name": "g"}}, ["g"])],
)
def test_where_no_choice_is_heeded_the_list_of_tools_makes_it(choice: Any, names: list[str]) -> None:
    body = sent("ollama", tools=TOOLS, tool_choice=choice)
    assert "tool_choice" not in body
    assert [tool["function"]["name"] for tool in body.get("tools", ())] == names


def test_a_demand_that_no_server_heeds_is_lost() -> None:
    assert call("ollama", tools=TOOLS, tool_choice="required").lost == ("tool_choice",)


def test_a_demanded_call_has_the_servers_own_word() -> None:
    assert sent("mistral", tools=TOOLS, tool_choice="required")["tool_choice"] == "any"
    assert sent("mistral", tools=TOOLS, tool_choice="auto")["tool_choice"] == "auto"


def test_ids_of_calls_have_the_demanded_length_and_still_meet_their_results() -> None:
    """T30: Mistral takes nine letters and digits, and nothing else."""
    _, asked, answered = sent("mistral", messages=LOOP)["messages"]
    call_id = asked["tool_calls"][0]["id"]
    assert len(call_id) == 9
    assert call_id.isalnum()
    assert answered["tool_call_id"] == call_id
    own = json.loads(json.dumps(LOOP).replace(str(CALL["id"]), "a1B2c3D4e"))
    assert sent("mistral", messages=own)["messages"][1]["tool_calls"][0]["id"] == "a1B2c3D4e"


@pytest.mark.parametrize("name", ["ollama", "moonshot"])
def test_pictures_by_address_are_named_where_nobody_would_fetch_them(name: str) -> None:
    def encoded(url: str) -> EncodedCall:
        part = {"type": "image_url", "image_url": {"url": url}}
        text = {"type": "text", "text": "look"}
        return call(name, messages=[{"role": "user", "content": [text, part]}])

    assert encoded("https://example.com/a.png").lost == ("messages[0].image",)
    inline = encoded("data:image/png;base64,AA==")
    assert inline.lost == ()
    assert b"AA==" in inline.body


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("deepseek", {"thinking": {"type": "disabled"}}),
        ("moonshot", {"thinking": {"type": "disabled"}}),
        ("vllm", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("sglang", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("llamacpp", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("openai", {"reasoning_effort": "none"}),
        ("openrouter", {"reasoning": {"effort": "none"}}),
    ],
)
def test_no_thinking_is_said_in_the_servers_own_words(name: str, fields: dict[str, Any]) -> None:
    body = sent(name, reasoning_effort="none")
    assert fields.items() <= body.items()
    assert ("reasoning_effort" in body) == ("reasoning_effort" in fields)
    assert "thinking" not in sent(name, reasoning_effort="high")


def with_thinking(text: str | None) -> list[dict[str, Any]]:
    messages = [dict(message) for message in LOOP]
    if text is not None:
        messages[1]["reasoning_content"] = text
    return messages


def test_thinking_goes_back_inside_a_tool_loop() -> None:
    """T37: DeepSeek and Kimi demand it; DeepSeek also where there was none."""
    for name in ("deepseek", "moonshot"):
        assert sent(name, messages=with_thinking("hm"))["messages"][1]["reasoning_content"] == "hm"
    assert sent("deepseek", messages=with_thinking(None))["messages"][1]["reasoning_content"] == ""
    plain = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert "reasoning_content" not in sent("deepseek", messages=plain)["messages"][1]


USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


@pytest.mark.parametrize(
    ("name", "chunk"),
    [
        ("groq", {**delta("stop"), "x_groq": {"id": "r", "usage": USAGE}}),
        ("groq", {**delta("stop"), "x_groq": {"id": "r", "usage": USAGE}, "usage": USAGE}),
        ("moonshot", {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}]}),
        ("xai", {**delta("stop"), "usage": USAGE}),
        ("generic", {"choices": [], "usage": USAGE}),
    ],
)
def test_usage_is_found_where_the_server_puts_it_and_told_once(name: str, chunk: dict[str, Any]) -> None:
    """T04, T06."""
    first = delta(content="hi")
    finish = [] if chunk["choices"] else [delta("stop")]
    events = decode_all(CODEC.stream_decoder(chat_target(name)), [chat_stream(first, *finish, chunk)])
    updates = [event.usage for event in events if isinstance(event, UsageUpdate)]
    assert updates == [Usage(uncached=5, visible=3)]
    assert events[-1] == End()


def test_reasoning_counted_beside_the_output_is_not_counted_into_it() -> None:
    """xAI's total tells: 291 + 26 + 196."""
    details = {"reasoning_tokens": 196}
    usage = {"prompt_tokens": 291, "completion_tokens": 26, "total_tokens": 513}
    body = {
        "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}],
        "usage": {**usage, "completion_tokens_details": details},
    }
    answer = CODEC.decode_response(json.dumps(body).encode(), chat_target("xai"))
    assert answer.usage == Usage(uncached=291, visible=26, reasoning=196)


def test_azures_first_chunk_and_its_filter_results_are_no_content() -> None:
    """T25: no id and no choices at first; later a choice without a delta."""
    results = {"hate": {"filtered": False, "severity": "safe"}}
    data = chat_stream(
        {"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {**delta(content="hi"), "model": "gpt-5-nano"},
        {"id": "", "choices": [{"index": 0, "finish_reason": None, "content_filter_results": results}]},
        delta("stop"),
    )
    events = decode_all(CODEC.stream_decoder(chat_target("azure")), [data])
    answer = folded(events)
    assert (answer.id, answer.model, answer.text) == ("c1", "gpt-5-nano", "hi")
    assert events[-1] == End()


def azure_target(quirks: str, base_url: str) -> Target:
    target = chat_target(quirks)
    provider = msgspec.structs.replace(target.deployment.provider, base_url=base_url)
    deployment = msgspec.structs.replace(target.deployment, provider=provider, upstream_name="my gpt/5")
    return msgspec.structs.replace(target, deployment=deployment)


CLASSIC = "/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("quirks", "base_url", "path"),
    [
        ("azure", "https://n.openai.azure.com", "/openai/v1/chat/completions"),
        ("azure", "https://n.openai.azure.com/openai/v1/", "/chat/completions"),
        ("azure", "https://n.openai.azure.com/openai", "/v1/chat/completions"),
        (
            "azure_deployments",
            "https://n.openai.azure.com",
            "/openai/deployments/my%20gpt%2F5" + CLASSIC,
        ),
        (
            "azure_deployments",
            "https://n.openai.azure.com/openai?api-version=1",
            "/deployments/my%20gpt%2F5" + CLASSIC,
        ),
        ("openai", "https://api.openai.com/v1", "/chat/completions"),
    ],
)
def test_azures_addresses_are_completed_from_wherever_the_base_url_begins(
    quirks: str, base_url: str, path: str
) -> None:
    target = azure_target(quirks, base_url)
    assert CODEC.encode_request(CODEC.decode_request(body_of()), target).path == path


def test_other_calls_than_chat_take_the_same_way() -> None:
    target = azure_target("azure", "https://n.openai.azure.com")
    assert call_path(target.deployment, "/embeddings") == "/openai/v1/embeddings"
    request = CODEC.decode_request(body_of())
    assert OpenAIResponses().encode_request(request, target).path == "/openai/v1/responses"


@pytest.mark.parametrize("name", ["generic", "openai", "groq", "deepseek", "xai"])
def test_what_needs_no_change_goes_out_as_it_came(name: str) -> None:
    body = b'{ "model":"auto","messages":[{"role":"user","content":"hi"}],"future_field":1}'
    request = CODEC.decode_request(body)
    encoded = CODEC.encode_request(request, chat_target(name, stream=False))
    assert encoded.body == body.replace(b'"auto"', b'"upstream-name"')


def test_a_bodys_own_fields_are_added_to_it() -> None:
    assert request_object(CODEC, body_of(), chat_target("openrouter"))["usage"] == {"include": True}
