"""The official OpenAI client, Responses."""

import json
from typing import Any

import openai

from tests.conformance.clients.openai_errors import own_errors
from tests.conformance.dialogue import Answer, Ask, Call, RefusedError, Results, Said, Turn, User


class OpenAIResponses:
    """Streams are added up by the SDK's own helper. Nothing is stored: every turn sends the whole conversation."""

    def __init__(self, url: str, key: str) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)

    def ask(self, ask: Ask) -> Answer:
        with own_errors():
            response = self._streamed(ask) if ask.stream else self._client.responses.create(**body(ask))
        assert response.status == "completed", response.incomplete_details
        calls = tuple(
            Call(id=item.call_id, name=item.name, arguments=json.loads(item.arguments))
            for item in response.output
            if item.type == "function_call"
        )
        summaries = [
            part.text for item in response.output if item.type == "reasoning" for part in item.summary
        ]
        return Answer(
            text=response.output_text,
            finish="tool_calls" if calls else "stop",
            calls=calls,
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            thought="".join(summaries),
            native=[given_back(item) for item in response.output],
        )

    def close(self) -> None:
        self._client.close()

    def _streamed(self, ask: Ask) -> Any:
        with self._client.responses.stream(**body(ask)) as stream:
            for event in stream:
                if event.type == "error":
                    raise RefusedError("server", event.message)
                if event.type == "response.failed":
                    raise RefusedError("server", str(event.response.error))
            return stream.get_final_response()


def given_back(item: Any) -> dict[str, Any]:
    """An item of the answer as its user puts it into the next request's input, the helper's own fields left out."""
    native: dict[str, Any] = item.model_dump(exclude_none=True)
    native.pop("parsed_arguments", None)
    native.pop("status", None)
    for part in native.get("content", ()):
        part.pop("parsed", None)
    return native


def body(ask: Ask) -> dict[str, Any]:
    # without its encrypted content an item of reasoning is worth nothing to a server that stores nothing
    sent: dict[str, Any] = {"model": ask.model, "store": False, "include": ["reasoning.encrypted_content"]}
    sent["input"] = [item for turn in ask.turns for item in items(turn)]
    if ask.system:
        sent["instructions"] = ask.system
    if ask.tools:
        sent["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": True,
            }
            for tool in ask.tools
        ]
    if ask.schema is not None:
        form = {"type": "json_schema", "name": "answer", "schema": ask.schema, "strict": True}
        sent["text"] = {"format": form}
    if ask.thinks:
        sent["reasoning"] = {"effort": "high", "summary": "auto"}
    return sent


def items(turn: Turn) -> list[dict[str, Any]]:
    match turn:
        case User(text=text, picture=None):
            return [{"role": "user", "content": text}]
        case User(text=text, picture=picture):
            image = {"type": "input_image", "image_url": f"data:image/png;base64,{picture}", "detail": "auto"}
            return [{"role": "user", "content": [{"type": "input_text", "text": text}, image]}]
        case Said(answer=answer):
            return list(answer.native)
        case Results(results=results):
            return [{"type": "function_call_output", "call_id": r.call.id, "output": r.text} for r in results]
