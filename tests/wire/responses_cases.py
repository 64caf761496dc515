"""What the tests of the Responses format share."""

import json
from typing import Any

from tests.wire.cases import decode_all
from tiercel.domain.catalog import Capabilities, Deployment, Model, Provider, Target
from tiercel.domain.events import StreamEvent
from tiercel.domain.request import ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire.openai_responses import OpenAIResponses

CODEC = OpenAIResponses()
STAMP = Stamp(id="resp_01", created=1_700_000_000, model="auto")
USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
REASONER = Capabilities(thinking="effort", efforts=("low", "high"))


def responses_target(capabilities: Capabilities | None = None, **decided: Any) -> Target:
    provider = Provider(name="p", format="openai_responses", base_url="http://127.0.0.1/v1")
    model = Model(name="m", capabilities=capabilities or Capabilities())
    deployment = Deployment(name="d", model=model, provider=provider, upstream_name="upstream-name")
    return Target(deployment=deployment, **decided)


def request_of(**fields: Any) -> ModelRequest:
    return CODEC.decode_request(json.dumps({"model": "auto", "input": "hi", **fields}).encode())


def sent(request: ModelRequest, target: Target | None = None) -> dict[str, Any]:
    """The body that goes upstream."""
    body: dict[str, Any] = json.loads(CODEC.encode_request(request, target or responses_target()).body)
    return body


def lost(request: ModelRequest, target: Target | None = None) -> tuple[str, ...]:
    return CODEC.encode_request(request, target or responses_target()).lost


def answer_of(*output: dict[str, Any], **fields: Any) -> ModelResponse:
    body = {"id": "resp_u", "object": "response", "status": "completed", "output": output, **fields}
    return CODEC.decode_response(json.dumps(body).encode(), responses_target())


def events_of(*events: dict[str, Any]) -> list[StreamEvent]:
    return decode_all(CODEC.stream_decoder(responses_target()), [stream_of(*events)])


def stream_of(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def created(**fields: Any) -> dict[str, Any]:
    response = {
        "id": "resp_u",
        "model": "m1",
        "created_at": 7,
        "status": "in_progress",
        "output": [],
        **fields,
    }
    return {"type": "response.created", "response": response}


def completed(*output: dict[str, Any], **fields: Any) -> dict[str, Any]:
    response = {"id": "resp_u", "status": "completed", "output": list(output), "usage": USAGE, **fields}
    return {"type": f"response.{response['status']}", "response": response}


def added(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def piece(kind: str, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, **fields}


def message(*texts: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "role": "assistant", "content": content, **fields}


def call(arguments: str = "{}", **fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": "c1", "name": "f", "arguments": arguments, **fields}
