"""Google's client, generateContent."""

import base64
from typing import Any

from google import genai
from google.genai import errors, types

from tests.conformance.dialogue import Answer, Ask, Call, Finish, RefusedError, Results, Said, Turn, User

FINISHES: dict[str, Finish] = {"STOP": "stop", "MAX_TOKENS": "length"}


class Google:
    """The SDK has no helper for streams: the chunks' parts are put together as its chats do."""

    def __init__(self, url: str, key: str) -> None:
        options = types.HttpOptions(base_url=url, timeout=60_000)
        self._client = genai.Client(api_key=key, http_options=options)

    def ask(self, ask: Ask) -> Answer:
        contents: Any = [content(turn) for turn in ask.turns]
        models, settings = self._client.models, config(ask)
        try:
            if ask.stream:
                stream = models.generate_content_stream(model=ask.model, contents=contents, config=settings)
                chunks = list(stream)
            else:
                chunks = [models.generate_content(model=ask.model, contents=contents, config=settings)]
        except errors.APIError as error:
            raise refused(error) from error
        return answer(chunks)

    def close(self) -> None:
        self._client.close()


def refused(error: errors.APIError) -> RefusedError:
    message = error.message or ""
    if isinstance(error, errors.ClientError):
        return RefusedError("authentication" if error.code in (401, 403) else "invalid_request", message)
    return RefusedError("server", message)


def answer(chunks: list[Any]) -> Answer:
    parts = [part for chunk in chunks for part in (chunk.candidates[0].content.parts or ())]
    calls = tuple(
        Call(id=part.function_call.id, name=part.function_call.name, arguments=part.function_call.args)
        for part in parts
        if part.function_call
    )
    last = chunks[-1]
    usage = last.usage_metadata
    finish = FINISHES[last.candidates[0].finish_reason.value]
    return Answer(
        text="".join(part.text for part in parts if part.text and not part.thought),
        finish="tool_calls" if calls and finish == "stop" else finish,
        calls=calls,
        input_tokens=usage.prompt_token_count,
        output_tokens=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        thought="".join(part.text for part in parts if part.text and part.thought),
        native=types.Content(role="model", parts=[part for part in parts if said_something(part)]),
    )


def said_something(part: types.Part) -> bool:
    return bool(part.text or part.function_call or part.thought_signature)


def config(ask: Ask) -> types.GenerateContentConfig:
    settings: dict[str, Any] = {}
    if ask.system:
        settings["system_instruction"] = ask.system
    if ask.tools:
        declared: list[Any] = [
            {"name": tool.name, "description": tool.description, "parameters_json_schema": tool.parameters}
            for tool in ask.tools
        ]
        declarations = [types.FunctionDeclaration(**one) for one in declared]
        settings["tools"] = [types.Tool(function_declarations=declarations)]
        settings["automatic_function_calling"] = types.AutomaticFunctionCallingConfig(disable=True)
    if ask.schema is not None:
        settings |= {"response_mime_type": "application/json", "response_json_schema": ask.schema}
    if ask.thinks:
        thinking = types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH)
        settings["thinking_config"] = thinking
    return types.GenerateContentConfig(**settings)


def content(turn: Turn) -> types.Content:
    match turn:
        case User(text=text, picture=str(picture)):
            image = types.Part.from_bytes(data=base64.b64decode(picture), mime_type="image/png")
            return types.Content(role="user", parts=[types.Part(text=text), image])
        case User(text=text):
            return types.Content(role="user", parts=[types.Part(text=text)])
        case Said(answer=said):
            native: types.Content = said.native
            return native
        case Results(results=results):
            parts = [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=result.call.id, name=result.call.name, response={"output": result.text}
                    )
                )
                for result in results
            ]
            return types.Content(role="user", parts=parts)
