"""A performance as an HTTP answer in the format that was asked in: whole, or as a stream at the model's pace. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from tiercel.domain.events import (
    ArgumentsDelta,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    unfold,
)
from tiercel.domain.json import Json
from tiercel.domain.request import Format, ModelRequest
from tiercel.domain.response import ModelResponse, Stamp
from tiercel.testing.delivery import Delivery
from tiercel.testing.lab.addresses import Address
from tiercel.testing.lab.behaviour import Performance
from tiercel.testing.replies import JSON, stream_type
from tiercel.wire.codec import StreamEncoder
from tiercel.wire.gemini import Gemini
from tiercel.wire.registry import CODECS

CREATED = 1_767_225_600
"""The Unix time every simulated answer claims to be of: the lab has no clock either."""

SIMULATED = ("x-tiercel-simulated", "1")
PIECE_CHARS = 32
PIECE_TOKENS = 8

_ID_BEGINNINGS: dict[Format, str] = {
    "openai_chat": "chatcmpl-",
    "openai_responses": "resp_",
    "anthropic": "msg_",
}
_AZURE_FIRST = {
    "id": "",
    "object": "",
    "created": 0,
    "model": "",
    "choices": [],
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
}


def delivered(
    performance: Performance, request: ModelRequest, address: Address, number: int, time_scale: float
) -> Delivery:
    """The lab's answer `number`. A simulated second takes `time_scale` seconds."""
    format = address.format
    stamp = Stamp(
        id=f"{_ID_BEGINNINGS.get(format, '')}simulated{number}", created=CREATED, model=request.model
    )
    response = performance.response
    if format == "openai_chat":
        response = msgspec.structs.replace(response, extra={"system_fingerprint": "simulated"})
    if not request.stream:
        body = CODECS[format].encode_response(response, stamp)
        return Delivery(
            headers=(JSON, SIMULATED), pieces=(body,), before_seconds=performance.seconds * time_scale
        )
    thinking = 0 if response.usage is None else response.usage.reasoning
    silent = performance.first_token_seconds + thinking / performance.tokens_per_second
    encoder = _encoder(address, request, stamp)
    frames = [encoder.encode([event]) for event in stream_events(response)]
    if address.azure:
        frames.insert(0, b"data: " + msgspec.json.encode(_AZURE_FIRST) + b"\n\n")
    return Delivery(
        headers=(stream_type(format) if address.events else JSON, SIMULATED),
        pieces=tuple(frame for frame in frames if frame),
        stream=True,
        before_seconds=silent * time_scale,
        gap_seconds=PIECE_TOKENS / performance.tokens_per_second * time_scale,
    )


def _encoder(address: Address, request: ModelRequest, stamp: Stamp) -> StreamEncoder:
    codec = CODECS[address.format]
    if isinstance(codec, Gemini) and not address.events:
        return codec.array_encoder(request, stamp)
    return codec.stream_encoder(request, stamp)


def stream_events(response: ModelResponse) -> Iterator[StreamEvent]:
    """The answer as a stream's events, long texts in the pieces in which they would come."""
    logprobs = [] if not response.choices else _entries(response.choices[0].logprobs)
    for event in unfold(response):
        if isinstance(event, TextDelta) and logprobs:
            if event.text:  # the entries come with the text, so not once more after it
                yield from _with_logprobs(event, logprobs)
        elif isinstance(event, TextDelta | ArgumentsDelta | ReasoningDelta) and len(event.text) > PIECE_CHARS:
            yield from _in_pieces(event)
        else:
            yield event


def _in_pieces(event: TextDelta | ArgumentsDelta | ReasoningDelta) -> Iterator[StreamEvent]:
    """What seals a text or a block of thinking comes with its last piece."""
    starts = range(0, len(event.text), PIECE_CHARS)
    pieces = [event.text[start : start + PIECE_CHARS] for start in starts]
    for text in pieces[:-1]:
        if isinstance(event, ReasoningDelta):
            yield ReasoningDelta(id=event.id, text=text, source=event.source, choice=event.choice)
        elif isinstance(event, TextDelta):
            yield TextDelta(text=text, choice=event.choice)
        else:
            yield msgspec.structs.replace(event, text=text)
    yield msgspec.structs.replace(event, text=pieces[-1])


def _with_logprobs(event: TextDelta, entries: Sequence[Json]) -> Iterator[StreamEvent]:
    for start in range(0, len(entries), PIECE_TOKENS):
        some = list(entries[start : start + PIECE_TOKENS])
        text = "".join(entry["token"] for entry in some)
        last = start + PIECE_TOKENS >= len(entries)
        yield TextDelta(
            text=text,
            choice=event.choice,
            logprobs={"content": some},
            extra=event.extra if last else {},
        )


def _entries(logprobs: Json) -> list[Json]:
    entries = logprobs.get("content") if isinstance(logprobs, dict) else None
    return entries if isinstance(entries, list) else []
