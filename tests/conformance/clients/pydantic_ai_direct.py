"""Pydantic AI, an independent client that speaks all four formats, with its model classes' own defaults."""

import asyncio
import base64
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import types
from pydantic_ai import direct
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UnexpectedModelBehavior
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    ThinkingPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles.anthropic import AnthropicModelProfile
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

from tests.conformance.dialogue import Answer, Ask, Call, Finish, RefusedError, Results, Said, Turn, User

FINISHES: dict[str | None, Finish] = {"stop": "stop", "tool_call": "tool_calls", "length": "length"}
MAX_TOKENS = 8_000
# what the library knows of models by their names, it must be told of ours
SEALS = OpenAIModelProfile(openai_supports_encrypted_reasoning_content=True)
SCHEMAS = AnthropicModelProfile(supports_json_schema_output=True)
MakeModel = Callable[[str], Model[Any]]
HangUp = Callable[[], Coroutine[Any, Any, None]]
Settings = dict[str, Any]


class PydanticAI:
    """Its direct requests: the library's encoding and decoding without its agents. `thinking` are the settings of its
    model class that ask for thinking, `always` those of every request."""

    def __init__(self, make: MakeModel, hang_up: HangUp, *, thinking: Settings, always: Settings) -> None:
        self._make = make
        self._hang_up = hang_up
        self._thinking = thinking
        self._always = always
        self._runner = asyncio.Runner()

    def ask(self, ask: Ask) -> Answer:
        with own_errors():
            return answer(self._runner.run(self._response(ask)))

    def close(self) -> None:
        self._runner.run(self._hang_up())
        self._runner.close()

    async def _response(self, ask: Ask) -> ModelResponse:
        model, sent, more = self._make(ask.model), messages(ask), parameters(ask)
        settings: Any = {**self._always, **(self._thinking if ask.thinks else {})}
        if not ask.stream:
            return await direct.model_request(
                model, sent, model_settings=settings, model_request_parameters=more
            )
        async with direct.model_request_stream(
            model, sent, model_settings=settings, model_request_parameters=more
        ) as stream:
            async for _ in stream:
                pass
            return stream.get()


def answer(response: ModelResponse) -> Answer:
    calls = tuple(
        Call(id=call.tool_call_id, name=call.tool_name, arguments=call.args_as_dict())
        for call in response.tool_calls
    )
    finish = FINISHES[response.finish_reason]
    return Answer(
        text=response.text or "",
        # the library keeps Google's word, which is the same whether a tool is called or not
        finish="tool_calls" if calls else finish,
        calls=calls,
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
        thought="".join(part.content for part in response.parts if isinstance(part, ThinkingPart)),
        native=response,
    )


@contextmanager
def own_errors() -> Iterator[None]:
    try:
        yield
    except ModelHTTPError as error:
        if error.status_code in (401, 403):
            raise RefusedError("authentication", str(error)) from error
        if error.status_code < 500:
            raise RefusedError("invalid_request", str(error)) from error
        raise RefusedError("server", str(error)) from error
    except (ModelAPIError, UnexpectedModelBehavior, openai.APIError, anthropic.APIError) as error:
        raise RefusedError("server", str(error)) from error


def messages(ask: Ask) -> list[ModelMessage]:
    sent: list[ModelMessage] = []
    for turn in ask.turns:
        sent.append(message(turn))
    if ask.system:
        first = sent[0]
        assert isinstance(first, ModelRequest)
        sent[0] = ModelRequest(parts=[SystemPromptPart(content=ask.system), *first.parts])
    return sent


def message(turn: Turn) -> ModelMessage:
    match turn:
        case User(text=text, picture=str(picture)):
            image = BinaryContent(data=base64.b64decode(picture), media_type="image/png")
            return ModelRequest(parts=[UserPromptPart(content=[text, image])])
        case User(text=text):
            return ModelRequest(parts=[UserPromptPart(content=text)])
        case Said(answer=said):
            response: ModelResponse = said.native
            return response
        case Results(results=results):
            return ModelRequest(
                parts=[
                    ToolReturnPart(tool_name=r.call.name, content=r.text, tool_call_id=r.call.id)
                    for r in results
                ]
            )


def parameters(ask: Ask) -> ModelRequestParameters:
    tools = [
        ToolDefinition(
            name=tool.name, description=tool.description, parameters_json_schema=tool.parameters, strict=True
        )
        for tool in ask.tools
    ]
    if ask.schema is None:
        return ModelRequestParameters(function_tools=tools)
    output = OutputObjectDefinition(json_schema=ask.schema, name="answer", strict=True)
    return ModelRequestParameters(
        function_tools=tools, output_mode="native", output_object=output, allow_text_output=True
    )


def chat(url: str, key: str) -> PydanticAI:
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)
    provider = OpenAIProvider(openai_client=client)
    return PydanticAI(
        lambda name: OpenAIChatModel(name, provider=provider),
        client.close,
        thinking={"openai_reasoning_effort": "high"},
        always={},
    )


def responses(url: str, key: str) -> PydanticAI:
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)
    provider = OpenAIProvider(openai_client=client)
    return PydanticAI(
        lambda name: OpenAIResponsesModel(name, provider=provider, profile=SEALS),
        client.close,
        thinking={"openai_reasoning_effort": "high", "openai_reasoning_summary": "detailed"},
        always={"openai_store": False},
    )


def anthropic_messages(url: str, key: str) -> PydanticAI:
    client = anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0, timeout=60)
    provider = AnthropicProvider(anthropic_client=client)
    return PydanticAI(
        lambda name: AnthropicModel(name, provider=provider, profile=SCHEMAS),
        client.close,
        thinking={"anthropic_thinking": {"type": "adaptive"}, "anthropic_effort": "high"},
        always={"max_tokens": MAX_TOKENS},
    )


def gemini(url: str, key: str) -> PydanticAI:
    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url, timeout=60_000))
    provider = GoogleProvider(client=client)
    return PydanticAI(
        lambda name: GoogleModel(name, provider=provider),
        client.aio.aclose,
        thinking={"google_thinking_config": {"include_thoughts": True, "thinking_level": "HIGH"}},
        always={},
    )
