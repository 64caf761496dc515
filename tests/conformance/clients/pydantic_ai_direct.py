"""Pydantic AI, an independent client that speaks all four formats, with its model classes' own defaults."""

import base64
from collections.abc import Callable, Iterator
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
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

from tests.conformance.dialogue import Answer, Ask, Call, Finish, RefusedError, Results, Said, Turn, User

FINISHES: dict[str | None, Finish] = {"stop": "stop", "tool_call": "tool_calls", "length": "length"}
MAX_TOKENS = 8_000
MakeModel = Callable[[str], Model[Any]]


class PydanticAI:
    """Its direct requests: the library's encoding and decoding without its agents. `settings` are the model's own."""

    def __init__(self, make: MakeModel, thinking: dict[str, Any], always: dict[str, Any]) -> None:
        self._make = make
        self._thinking = thinking
        self._always = always

    def ask(self, ask: Ask) -> Answer:
        settings: Any = {**self._always, **(self._thinking if ask.thinks else {})}
        model = self._make(ask.model)
        with own_errors():
            if ask.stream:
                with direct.model_request_stream_sync(
                    model, messages(ask), model_settings=settings, model_request_parameters=parameters(ask)
                ) as stream:
                    for _ in stream:
                        pass
                    response = stream.response
            else:
                response = direct.model_request_sync(
                    model, messages(ask), model_settings=settings, model_request_parameters=parameters(ask)
                )
        return answer(response)

    def close(self) -> None:
        """Connections belong to the library."""


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
        case User(text=text, picture=None):
            return ModelRequest(parts=[UserPromptPart(content=text)])
        case User(text=text, picture=picture):
            image = BinaryContent(data=base64.b64decode(picture), media_type="image/png")
            return ModelRequest(parts=[UserPromptPart(content=[text, image])])
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
    provider = OpenAIProvider(
        openai_client=openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    )
    return PydanticAI(
        lambda name: OpenAIChatModel(name, provider=provider), {"openai_reasoning_effort": "high"}, {}
    )


def responses(url: str, key: str) -> PydanticAI:
    provider = OpenAIProvider(
        openai_client=openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    )
    thinking = {"openai_reasoning_effort": "high", "openai_reasoning_summary": "detailed"}
    return PydanticAI(
        lambda name: OpenAIResponsesModel(name, provider=provider), thinking, {"openai_store": False}
    )


def messages_format(url: str, key: str) -> PydanticAI:
    provider = AnthropicProvider(
        anthropic_client=anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0)
    )
    return PydanticAI(
        lambda name: AnthropicModel(name, provider=provider),
        {"anthropic_thinking": {"type": "adaptive"}, "anthropic_effort": "high"},
        {"max_tokens": MAX_TOKENS},
    )


def gemini(url: str, key: str) -> PydanticAI:
    provider = GoogleProvider(client=genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url)))
    thinking = {"google_thinking_config": {"include_thoughts": True, "thinking_level": "HIGH"}}
    return PydanticAI(lambda name: GoogleModel(name, provider=provider), thinking, {})
