"""`llm`, an independent client of Chat Completions."""

import base64
from typing import Any

import llm
import openai
from llm.default_plugins.openai_models import Chat
from llm.parts import AttachmentPart, Message, ToolResultPart, system, tool_message, user

from tests.conformance.clients.openai_chat import FINISHES
from tests.conformance.clients.openai_errors import own_errors
from tests.conformance.dialogue import Answer, Ask, Call, Results, Said, ToolDefinition, Turn, User


class OneClient(Chat):
    """The model as `extra-openai-models.yaml` would describe it. It makes a client for every prompt and closes none,
    so here it is given one."""

    def __init__(self, name: str, client: openai.OpenAI) -> None:
        can = {"vision": True, "reasoning": True, "supports_schema": True, "supports_tools": True}
        Chat.__init__(self, name, **can)  # type: ignore[no-untyped-call]  # llm does not say its types here
        self._client = client

    def get_client(self, key: str | None, *, async_: bool = False) -> openai.OpenAI:
        return self._client


class LLM:
    """Its Python API."""

    def __init__(self, url: str, key: str) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)

    def ask(self, ask: Ask) -> Answer:
        model = OneClient(ask.model, self._client)
        options: dict[str, Any] = {"reasoning_effort": "high"} if ask.thinks else {}
        with own_errors():
            response = model.prompt(
                messages=chain(ask),
                tools=[tool(definition) for definition in ask.tools],
                schema=ask.schema,
                stream=ask.stream,
                key="unused",
                **options,
            )
            text = response.text()
        return answer(response, text)

    def close(self) -> None:
        self._client.close()


def answer(response: Any, text: str) -> Answer:
    """`llm` keeps the finish reason in its JSON of the answer only."""
    whole = response.json()
    finish = whole["choices"][0]["finish_reason"] if "choices" in whole else whole["finish_reason"]
    calls = tuple(
        Call(id=call.tool_call_id, name=call.name, arguments=call.arguments) for call in response.tool_calls()
    )
    return Answer(
        text=text,
        finish=FINISHES[finish],
        calls=calls,
        input_tokens=response.input_tokens,
        output_tokens=response.output_tokens,
        native=response.messages(),
    )


def chain(ask: Ask) -> list[Message]:
    sent = [system(ask.system)] if ask.system else []
    for turn in ask.turns:
        sent += messages(turn)
    return sent


def messages(turn: Turn) -> list[Message]:
    match turn:
        case User(text=text, picture=str(picture)):
            attachment = llm.Attachment(type="image/png", content=base64.b64decode(picture))
            return [user(text, AttachmentPart(attachment=attachment))]
        case User(text=text):
            return [user(text)]
        case Said(answer=said):
            native: list[Message] = said.native
            return native
        case Results(results=results):
            parts = [ToolResultPart(name=r.call.name, output=r.text, tool_call_id=r.call.id) for r in results]
            return [tool_message(*parts)]


def tool(definition: ToolDefinition) -> llm.Tool:
    return llm.Tool(
        name=definition.name, description=definition.description, input_schema=definition.parameters
    )
