"""The official OpenAI client, Chat Completions."""

import json
from typing import Any

import openai

from tests.conformance.clients.openai_errors import own_errors
from tests.conformance.dialogue import Answer, Ask, Call, Finish, Results, Said, Turn, User

FINISHES: dict[str, Finish] = {"stop": "stop", "tool_calls": "tool_calls", "length": "length"}


class OpenAIChat:
    """Streams are added up by the SDK's own helper."""

    def __init__(self, url: str, key: str) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)

    def ask(self, ask: Ask) -> Answer:
        with own_errors():
            completion = self._streamed(ask) if ask.stream else self._whole(ask)
        choice, usage = completion.choices[0], completion.usage
        calls = tuple(
            Call(id=call.id, name=call.function.name, arguments=json.loads(call.function.arguments))
            for call in choice.message.tool_calls or ()
        )
        return Answer(
            text=choice.message.content or "",
            finish=FINISHES[choice.finish_reason],
            calls=calls,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            thought=getattr(choice.message, "reasoning_content", None) or "",
            native=given_back(choice.message),
        )

    def close(self) -> None:
        self._client.close()

    def _whole(self, ask: Ask) -> Any:
        return self._client.chat.completions.create(**body(ask))

    def _streamed(self, ask: Ask) -> Any:
        with self._client.chat.completions.stream(
            **body(ask), stream_options={"include_usage": True}
        ) as stream:
            for _ in stream:
                pass
            return stream.get_final_completion()


def given_back(message: Any) -> dict[str, Any]:
    """The message as its user appends it to the next request: all fields it came with, the helper's own left out."""
    native: dict[str, Any] = message.model_dump(exclude_none=True)
    native.pop("parsed", None)
    for call in native.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return native


def body(ask: Ask) -> dict[str, Any]:
    sent: dict[str, Any] = {"model": ask.model, "messages": []}
    if ask.system:
        sent["messages"].append({"role": "system", "content": ask.system})
    for turn in ask.turns:
        sent["messages"] += messages(turn)
    if ask.tools:
        sent["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": t.name,
                    "description": t.description,
                    "parameters": t.parameters,
                    "strict": True,
                },
            }
            for t in ask.tools
        ]
    if ask.schema is not None:
        schema = {"name": "answer", "schema": ask.schema, "strict": True}
        sent["response_format"] = {"type": "json_schema", "json_schema": schema}
    if ask.thinks:
        sent["reasoning_effort"] = "high"
    return sent


def messages(turn: Turn) -> list[dict[str, Any]]:
    match turn:
        case User(text=text, picture=None):
            return [{"role": "user", "content": text}]
        case User(text=text, picture=picture):
            image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
            return [{"role": "user", "content": [{"type": "text", "text": text}, image]}]
        case Said(answer=answer):
            return [answer.native]
        case Results(results=results):
            return [{"role": "tool", "tool_call_id": r.call.id, "content": r.text} for r in results]
