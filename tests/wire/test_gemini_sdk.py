"""Google's own Python SDK as the client: what it sends is read, what is written it understands."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from tests.wire.cases import STAMP
from tests.wire.gemini_cases import CODEC, decoded
from tiercel.domain.events import Broken, unfold
from tiercel.domain.failure import Failure
from tiercel.domain.request import Message, ModelRequest, Reasoning, Text, ToolCall, ToolResult
from tiercel.domain.response import Choice, Finish, ModelResponse, Usage
from tiercel.wire.codec import Problem

CALL = ToolCall(id="c1", name="f", arguments='{"a":1}')
USAGE = Usage(uncached=3, cached=2, visible=4, reasoning=5)
ANSWER = ModelResponse(
    choices=(
        Choice(
            parts=(
                Reasoning(text="hm", source="gemini"),
                Text(text="hello", extra={"gemini": {"thoughtSignature": "c2ln"}}),
                CALL,
            ),
            finish=Finish(reason="tool_calls"),
        ),
    ),
    usage=USAGE,
)


class Served:
    """One canned server: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []
        self.stream = b""
        self.status = 200
        self.body = CODEC.encode_response(ANSWER, STAMP)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(CODEC.decode_request(request.content))
        if ":streamGenerateContent" in request.url.path:
            head = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=head, content=self.stream)
        return httpx2.Response(self.status, content=self.body)


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def client(served: Served) -> Iterator[genai.Client]:
    transport = httpx2.Client(transport=httpx2.MockTransport(served))
    options = types.HttpOptions(base_url="http://gateway.test", httpx_client=transport)
    with genai.Client(api_key="k", vertexai=False, http_options=options) as client:
        yield client


def streamed(answer: ModelResponse, beats: int = 0) -> bytes:
    encoder = CODEC.stream_encoder(decoded(), STAMP)
    pieces = []
    for event in unfold(answer):
        pieces += [encoder.heartbeat()] * beats
        pieces.append(encoder.encode([event]))
    return b"".join(pieces)


def test_a_whole_answer(client: genai.Client) -> None:
    answer = client.models.generate_content(model="auto", contents="hi")
    assert answer.text == "hello"
    assert answer.response_id == STAMP.id
    assert answer.function_calls == [types.FunctionCall(id="c1", name="f", args={"a": 1})]
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    counted = answer.usage_metadata
    assert counted is not None
    assert (counted.prompt_token_count, counted.cached_content_token_count) == (5, 2)
    assert (counted.candidates_token_count, counted.thoughts_token_count) == (4, 5)
    assert counted.total_token_count == 14


def test_a_stream_adds_up_to_the_same(client: genai.Client, served: Served) -> None:
    served.stream = streamed(ANSWER)
    chunks = list(client.models.generate_content_stream(model="auto", contents="hi"))
    assert "".join(chunk.text or "" for chunk in chunks) == "hello"
    assert [call for chunk in chunks for call in chunk.function_calls or ()] == [
        types.FunctionCall(id="c1", name="f", args={"a": 1})
    ]
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    assert last.usage_metadata is not None
    assert last.usage_metadata.total_token_count == 14


@pytest.mark.parametrize("beats", [0, 1, 2])
def test_a_chat_remembers_its_turns_through_heartbeats(
    client: genai.Client, served: Served, beats: int
) -> None:
    """T29: and sends back calls with their ids and texts with their signatures."""
    served.stream = streamed(ANSWER, beats)
    chat = client.chats.create(model="auto")
    list(chat.send_message_stream("hi"))
    list(chat.send_message_stream(types.Part.from_function_response(name="f", response={"output": "ok"})))
    messages = served.requests[1].messages
    assert [message.role for message in messages][0 :: len(messages) - 1] == ["user", "tool"]
    parts = [part for message in messages for part in message.parts]
    assert [part for part in parts if isinstance(part, ToolCall)] == [CALL]
    assert Text(text="hello", extra={"gemini": {"thoughtSignature": "c2ln"}}) in parts
    assert parts[-1] == ToolResult(call_id="c1", parts=(Text(text="ok"),), extra={"gemini": {"name": "f"}})


def test_an_error_in_a_stream_is_raised(client: genai.Client, served: Served) -> None:
    encoder = CODEC.stream_encoder(decoded(), STAMP)
    begun = encoder.encode([*unfold(ANSWER)[:3], Broken(failure=Failure(kind="reset", message="m"))])
    served.stream = begun + encoder.problem(Problem(kind="overloaded", message="busy", request_id="r1"))
    with pytest.raises(errors.ServerError, match="busy"):
        list(client.models.generate_content_stream(model="auto", contents="hi"))


def test_an_error_answer_is_raised(client: genai.Client, served: Served) -> None:
    served.status = 429
    served.body = CODEC.encode_problem(Problem(kind="rate_limit", message="slow", request_id="r1"))
    with pytest.raises(errors.ClientError) as raised:
        client.models.generate_content(model="auto", contents="hi")
    assert (raised.value.code, raised.value.status, raised.value.message) == (
        429,
        "RESOURCE_EXHAUSTED",
        "slow",
    )


def test_everything_it_can_say_is_read(client: genai.Client, served: Served) -> None:
    """In the mix of spellings that it sends."""
    schema = types.Schema(type=types.Type.OBJECT, properties={"a_b": types.Schema(type=types.Type.STRING)})
    config = types.GenerateContentConfig(
        system_instruction="brief",
        temperature=0.5,
        top_k=40,
        max_output_tokens=9,
        response_mime_type="application/json",
        response_schema=schema,
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW, include_thoughts=True),
        tools=[
            types.Tool(
                function_declarations=[
                    types.FunctionDeclaration(name="f", parameters=schema),
                    types.FunctionDeclaration(name="g", parameters_json_schema={"type": "object"}),
                ]
            ),
            types.Tool(google_search=types.GoogleSearch()),
        ],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["f"]
            )
        ),
        safety_settings=[],
    )
    contents: Any = [
        types.Content(
            role="user",
            parts=[
                types.Part.from_text(text="x"),
                types.Part.from_bytes(data=b"\xff\xfe", mime_type="image/png"),
            ],
        )
    ]
    client.models.generate_content(model="auto", contents=contents, config=config)
    [request] = served.requests
    read = {"type": "object", "properties": {"a_b": {"type": "string"}}}
    assert request.messages[0] == Message(role="system", parts=(Text(text="brief"),))
    assert {tool.name: tool.parameters for tool in request.tools} == {
        "f": read,
        "g": {"type": "object"},
        "googleSearch": None,
    }
    assert request.response_format is not None
    assert request.response_format.schema == read
    assert request.tool_choice is not None
    assert request.tool_choice.names == ("f",)
    assert (request.sampling.top_k, request.max_output_tokens, request.effort) == (40, 9, "low")
    assert json.loads(request.raw or b"")["contents"][0]["parts"][1]["inlineData"]["data"] == "__4="
    assert getattr(request.messages[1].parts[1], "data", None) == "//4="
