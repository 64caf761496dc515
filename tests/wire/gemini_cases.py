"""What the tests of Gemini's format share: targets, bodies, chunks, and streams in both of their forms."""

import json
from typing import Any

from tests.wire.cases import decode_all
from tiercel.domain.catalog import Capabilities, Deployment, Model, Provider, Target
from tiercel.domain.events import StreamEvent
from tiercel.domain.request import ModelRequest
from tiercel.wire.codec import EncodedCall
from tiercel.wire.gemini import Gemini
from tiercel.wire.openai_chat import OpenAIChat

CODEC = Gemini()
STUDIO = "https://generativelanguage.googleapis.com/v1beta"
VERTEX = "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu/publishers/google"
BUDGET = Capabilities(efforts=("none", "low", "medium", "high"), thinking="budget")
LEVEL = Capabilities(efforts=("minimal", "low", "medium", "high"), thinking="effort")


def gemini_target(
    capabilities: Capabilities | None = None,
    base_url: str = STUDIO,
    upstream_name: str = "gemini-x",
    **decided: Any,
) -> Target:
    deployment = Deployment(
        name="d",
        model=Model(name="m", capabilities=capabilities or Capabilities()),
        provider=Provider(name="p", format="gemini", base_url=base_url),
        upstream_name=upstream_name,
    )
    return Target(deployment=deployment, **decided)


def contents_body(**fields: Any) -> bytes:
    """A client's body: one user content unless the fields say otherwise."""
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **fields}).encode()


def decoded(**fields: Any) -> ModelRequest:
    return CODEC.decode_request(contents_body(**fields))


def sent(request: ModelRequest, target: Target | None = None) -> tuple[dict[str, Any], EncodedCall]:
    """What goes to Gemini for this request, and the call."""
    call = CODEC.encode_request(request, target or gemini_target())
    return json.loads(call.body), call


def from_chat(target: Target | None = None, **fields: Any) -> tuple[dict[str, Any], EncodedCall]:
    """What goes to Gemini for a Chat Completions client, and the call."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields}
    return sent(OpenAIChat().decode_request(json.dumps(body).encode()), target)


def chunk(*parts: dict[str, Any], finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """One answer object with one candidate."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": index}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "responseId": "r1", "modelVersion": "gemini-x", **fields}


def call_part(name: str = "f", args: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A `functionCall` part; `fields` stand in the call."""
    call: dict[str, Any] = {"name": name, **fields}
    if args is not None:
        call["args"] = args
    return {"functionCall": call}


def stream_bytes(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(item).encode() + b"\r\n\r\n" for item in chunks)


def events_of(*chunks: dict[str, Any]) -> list[StreamEvent]:
    return decode_all(CODEC.stream_decoder(gemini_target()), [stream_bytes(*chunks)])
