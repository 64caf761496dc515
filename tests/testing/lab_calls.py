"""Calls of the lab as the gateway makes them: any format's encoder, a real socket, that format's decoder."""

import asyncio
import http.client
from typing import Any, NamedTuple

import msgspec

from tiercel.domain.catalog import Capabilities, Deployment, Model, Provider, Target
from tiercel.domain.events import Fold
from tiercel.domain.request import Effort, Format, Message, ModelRequest, Part, Text, Tool
from tiercel.domain.response import ModelResponse
from tiercel.testing.lab.server import Lab
from tiercel.wire.registry import CODECS

PROVIDERS: dict[Format, tuple[str, str]] = {
    "openai_chat": ("openai", "openai"),
    "openai_responses": ("openai", "openai"),
    "anthropic": ("anthropic", "anthropic"),
    "gemini": ("gemini", "generic"),
    "ollama": ("ollama", "ollama"),
}
MODELS: dict[Format, str] = {"gemini": "gemini-3.5-flash", "anthropic": "claude-opus-4-8"}
"""Which model is asked in which format, where it is not Gemini's by OpenAI."""

WEATHER = Tool(
    name="weather",
    description="The weather of a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
CLOCK = Tool(name="clock", description="The time.", parameters={"type": "object", "properties": {}})


class Answer(NamedTuple):
    """What came back: a status with the body, and the answer where it is one."""

    status: int
    body: bytes
    response: ModelResponse | None
    fold: Fold | None


def said(role: Any, *parts: Part | str) -> Message:
    return Message(role=role, parts=tuple(Text(text=p) if isinstance(p, str) else p for p in parts))


def asks(*messages: Message | str, format: Format = "openai_chat", **more: Any) -> ModelRequest:
    """A request of whichever client, in nobody's bytes."""
    turns = tuple(said("user", message) if isinstance(message, str) else message for message in messages)
    return ModelRequest(format=format, model="auto", messages=turns, **{"max_output_tokens": 8_000, **more})


def target(
    lab: Lab, format: Format, *, stream: bool, model: str | None = None, effort: Effort | None = None
) -> Target:
    provider, quirks = PROVIDERS[format]
    name = model or MODELS.get(format, "gemini-3.5-flash")
    thinking: Any = {"anthropic": "adaptive", "openai_responses": "effort", "ollama": "effort"}
    capabilities = Capabilities(
        modalities=("text", "image"),
        thinking=thinking.get(format, "effort"),
        efforts=("low", "medium", "high"),
        rejects=("temperature", "top_p", "top_k") if format == "anthropic" else (),
        window=1_000_000,
        max_output=64_000,
    )
    return Target(
        deployment=Deployment(
            name=name,
            model=Model(name=name, capabilities=capabilities),
            provider=Provider(
                name=provider, format=format, base_url=lab.base_url(provider, format), quirks=quirks
            ),
            upstream_name=name,
        ),
        effort=effort,
        max_output_tokens=8_000,
        stream=stream,
    )


async def send(lab: Lab, request: ModelRequest, to: Target) -> Answer:
    """Encode, call, decode."""
    provider = to.deployment.provider
    codec = CODECS[provider.format]
    request = msgspec.structs.replace(request, stream=to.stream)
    call = codec.encode_request(request, to)
    headers = {"content-type": "application/json", "authorization": "Bearer any", **dict(call.headers)}
    path = provider.base_url.removeprefix(lab.root_url) + call.path
    status, body = await asyncio.to_thread(post, lab.port, path, call.body, headers)
    if status != 200:
        return Answer(status, body, None, None)
    if not to.stream:
        return Answer(status, body, codec.decode_response(body, to), None)
    decoder, fold = codec.stream_decoder(to), Fold()
    for event in (*decoder.feed(body), *decoder.close()):
        fold.add(event)
    return Answer(status, body, fold.response(), fold)


def post(port: int, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
