"""What the tests of this folder share: targets, folding, recorded provider traffic where it is at hand."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tiercel.domain.catalog import Capabilities, Deployment, Model, Provider, Target
from tiercel.domain.events import Fold, StreamEvent
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.wire.codec import Codec, StreamDecoder

RECORDED = Path(
    os.environ.get("TIERCEL_RECORDED") or Path(__file__).parents[3] / "shared" / "data" / "recorded"
)
STAMP = Stamp(id="answer-1", created=1_700_000_000, model="auto")


def chat_target(quirks: str = "generic", capabilities: Capabilities | None = None, **decided: Any) -> Target:
    return _target(
        Provider(name="p", format="openai_chat", base_url="http://127.0.0.1/v1", quirks=quirks),
        capabilities,
        decided,
    )


def anthropic_target(
    capabilities: Capabilities | None = None, base_url: str = "http://127.0.0.1/v1", **decided: Any
) -> Target:
    return _target(
        Provider(name="p", format="anthropic", base_url=base_url, quirks="anthropic"), capabilities, decided
    )


def _target(provider: Provider, capabilities: Capabilities | None, decided: dict[str, Any]) -> Target:
    model = Model(name="m", capabilities=capabilities or Capabilities())
    deployment = Deployment(name="d", model=model, provider=provider, upstream_name="upstream-name")
    return Target(deployment=deployment, **decided)


def body_of(**fields: Any) -> bytes:
    """A request body: one user message unless the fields say otherwise."""
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def decode_all(decoder: StreamDecoder, pieces: Iterable[bytes]) -> list[StreamEvent]:
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def folded(events: Sequence[StreamEvent]) -> ModelResponse:
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold.response()


def joined(events: Sequence[StreamEvent]) -> list[Any]:
    """The answer and how it ended: what must not depend on where the bytes were cut."""
    return [folded(events), events[-1]]


def chat_stream(*chunks: dict[str, Any], done: bool = True) -> bytes:
    """Chunks of a Chat Completions stream as bytes."""
    framed = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    return framed + (b"data: [DONE]\n\n" if done else b"")


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """One chunk with one choice."""
    return {"id": "c1", "choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def messages_stream(*events: dict[str, Any]) -> bytes:
    """Events of a Messages stream as bytes."""
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def frames(data: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a stream's `data` lines."""
    lines = data.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def request_object(codec: Codec, body: bytes, target: Target) -> dict[str, Any]:
    """What goes upstream for this client body."""
    sent: dict[str, Any] = json.loads(codec.encode_request(codec.decode_request(body), target).body)
    return sent
