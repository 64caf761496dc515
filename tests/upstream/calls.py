"""What the tests of a call need: a deployment at a scripted server, a request, answers in both formats."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic

from tests.upstream.scripted import Script, Scripted, chunked, scripted
from tiercel.domain.catalog import Deployment, Model, Provider, Target
from tiercel.domain.events import StreamEvent
from tiercel.domain.request import Format, Message, ModelRequest, Text
from tiercel.domain.secret import Secret
from tiercel.upstream.call import CallLimits, CallResult, Upstream
from tiercel.upstream.http import HttpClient
from tiercel.wire.registry import CODECS

KEY = "canary-4711-key"
LIMITS = CallLimits(
    first_token_seconds=30.0, idle_seconds=1.0, total_seconds=60.0, max_answer_bytes=1_000_000
)
REQUEST = ModelRequest(
    format="openai_chat", model="auto", messages=(Message(role="user", parts=(Text(text="hi"),)),)
)


def target_at(url: str, *, stream: bool = False, format: Format = "openai_chat") -> Target:
    provider = Provider(
        name="p", format=format, base_url=f"{url}/v1", key=Secret(KEY), quirks="generic", connect_seconds=20.0
    )
    deployment = Deployment(name="d", model=Model(name="m"), provider=provider, upstream_name="m-1")
    return Target(deployment=deployment, stream=stream, max_output_tokens=100)


class Calls:
    """Calls to one scripted server, and the events they gave."""

    def __init__(self, server: Scripted, http: HttpClient) -> None:
        self.server = server
        self.http = http
        self.events: list[StreamEvent] = []
        self.upstream = Upstream(http, CODECS, monotonic)

    async def call(
        self,
        *,
        stream: bool = False,
        format: Format = "openai_chat",
        limits: CallLimits = LIMITS,
        request: ModelRequest = REQUEST,
        on_events: Callable[[Sequence[StreamEvent]], Awaitable[None] | None] | None = None,
    ) -> CallResult:
        target = target_at(self.server.url, stream=stream, format=format)
        return await self.upstream.call(request, target, limits, on_events or self.events.extend)


@asynccontextmanager
async def calls(*scripts: Script) -> AsyncIterator[Calls]:
    http = HttpClient({})
    async with scripted(*scripts) as server:
        yield Calls(server, http)
        await http.aclose()


def completion(content: object, finish: str | None = "stop", **more: object) -> bytes:
    """A whole answer of Chat Completions."""
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    whole = {"id": "c-1", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage}
    return json.dumps(whole).encode()


def frame(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(finish: str | None = None, **fields: object) -> bytes:
    """One chunk of a Chat Completions stream."""
    return frame(
        id="c-1", model="m-1", created=1, choices=[{"index": 0, "delta": fields, "finish_reason": finish}]
    )


USAGE = frame(id="c-1", choices=[], usage={"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14})
DONE = b"data: [DONE]\n\n"
HELLO = (delta(role="assistant"), delta(content="Hel"), delta(content="lo"), delta("stop"), USAGE, DONE)


def hello_stream() -> bytes:
    return chunked(*HELLO)


def named(event: str, **fields: object) -> bytes:
    """One event of an Anthropic stream."""
    return f"event: {event}\n".encode() + frame(type=event, **fields)


ANTHROPIC_HELLO = (
    named(
        "message_start",
        message={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m-1",
            "content": [],
            "usage": {"input_tokens": 9, "output_tokens": 1},
        },
    ),
    named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    named("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"}),
    named("content_block_stop", index=0),
    named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
    named("message_stop"),
)
