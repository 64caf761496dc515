"""The official Anthropic client, Messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic

from tests.conformance.dialogue import Answer, Ask, Call, Finish, RefusedError, Results, Said, Turn, User

FINISHES: dict[str, Finish] = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}
MAX_TOKENS = 8_000


class AnthropicMessages:
    """Streams are added up by the SDK's own helper."""

    def __init__(self, url: str, key: str) -> None:
        self._client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=60)

    def ask(self, ask: Ask) -> Answer:
        with own_errors():
            message = self._streamed(ask) if ask.stream else self._client.messages.create(**body(ask))
        calls = tuple(
            Call(id=block.id, name=block.name, arguments=block.input)
            for block in message.content
            if block.type == "tool_use"
        )
        return Answer(
            text="".join(block.text for block in message.content if block.type == "text"),
            finish=FINISHES[message.stop_reason],
            calls=calls,
            input_tokens=message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0),
            output_tokens=message.usage.output_tokens,
            thought="".join(block.thinking for block in message.content if block.type == "thinking"),
            native=[block.to_dict() for block in message.content],
        )

    def close(self) -> None:
        self._client.close()

    def _streamed(self, ask: Ask) -> Any:
        with self._client.messages.stream(**body(ask)) as stream:
            return stream.get_final_message()


@contextmanager
def own_errors() -> Iterator[None]:
    try:
        yield
    except anthropic.AuthenticationError as error:
        raise RefusedError("authentication", error.message) from error
    except anthropic.BadRequestError as error:
        raise RefusedError("invalid_request", error.message) from error
    except anthropic.APIError as error:
        raise RefusedError("server", error.message) from error


def body(ask: Ask) -> dict[str, Any]:
    turns = [message(turn) for turn in ask.turns]
    sent: dict[str, Any] = {"model": ask.model, "max_tokens": MAX_TOKENS, "messages": turns}
    if ask.system:
        sent["system"] = ask.system
    if ask.tools:
        sent["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in ask.tools
        ]
    if ask.schema is not None:
        sent["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
    if ask.thinks:
        sent["thinking"] = {"type": "adaptive"}
        sent["output_config"] = {"effort": "high"}
    return sent


def message(turn: Turn) -> dict[str, Any]:
    match turn:
        case User(text=text, picture=None):
            return {"role": "user", "content": text}
        case User(text=text, picture=picture):
            source = {"type": "base64", "media_type": "image/png", "data": picture}
            return {
                "role": "user",
                "content": [{"type": "text", "text": text}, {"type": "image", "source": source}],
            }
        case Said(answer=answer):
            return {"role": "assistant", "content": answer.native}
        case Results(results=results):
            return {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": r.call.id, "content": r.text} for r in results
                ],
            }
