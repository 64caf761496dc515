"""Whatever shape a field has, in a client's request or a provider's answer: an error of ours, or an answer, never a
crash.

`full_bodies.json` holds nearly everything that each format has. Every value there is replaced by others, one at a time.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.wire.cases import STAMP, anthropic_target, chat_target, decode_all, folded
from tests.wire.gemini_cases import gemini_target
from tests.wire.ollama_cases import ollama_target
from tests.wire.responses_cases import responses_target
from tiercel.domain.catalog import Target
from tiercel.domain.errors import CallerError, UpstreamDataError
from tiercel.domain.events import Broken, End, unfold
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.request import Format, Hints, ModelRequest
from tiercel.routing.facts import read_facts
from tiercel.wire.openai_chat import OpenAIChat
from tiercel.wire.provenance import seals_in, without_foreign_seals
from tiercel.wire.registry import CODECS
from tiercel.wire.tool_fit import fit_tools

BODIES = json.loads(Path(__file__).with_name("full_bodies.json").read_bytes())
REQUESTS: dict[Format, JsonObject] = BODIES["requests"]
ANSWERS: dict[Format, JsonObject] = BODIES["answers"]
STREAMS: dict[Format, list[JsonObject]] = BODIES["streams"]
"""The answers as events, where these have a shape of their own."""
ODD: tuple[Json, ...] = (None, True, "x", [5], {"type": []})
TARGETS: dict[Format, Target] = {
    "openai_chat": chat_target("openrouter"),
    "openai_responses": responses_target(),
    "anthropic": anthropic_target(),
    "gemini": gemini_target(),
    "ollama": ollama_target(),
}
ASKS: dict[Format, JsonObject] = {
    "openai_chat": {
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "x"}],
    },
    "openai_responses": {"input": "x"},
    "anthropic": {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
}


def as_body(value: Json) -> bytes:
    return json.dumps(value).encode()


def places(value: Json, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is a value, by keys and indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from places(inner, (*place, key))


def damaged(whole: Json) -> Iterator[Json]:
    """The value with one of its own replaced, in every place and by every odd value."""
    for place in list(places(whole)):
        for odd in ODD:
            copy = deepcopy(whole)
            inner = copy
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = odd
            yield copy


def client_request(format: Format) -> ModelRequest:
    return CODECS[format].decode_request(as_body({"model": "auto", "stream": True, **ASKS[format]}))


def send_everywhere(request: ModelRequest) -> None:
    """Read it as the gateway does, and write it for every kind of provider."""
    read_facts(request, Hints())
    for format, target in TARGETS.items():
        readable, _ = without_foreign_seals(request, format, lambda seal: None)
        if format != request.format:
            readable, _ = fit_tools(readable, format, takes_custom=format.startswith("openai"))
        CODECS[format].encode_request(readable, target)


def as_events(format: Format, sources: list[Json]) -> bytes:
    if format == "ollama":
        return b"".join(as_body(source) + b"\n" for source in sources)
    return b"".join(b"data: " + as_body(source) + b"\n\n" for source in sources)


def streamed(format: Format) -> list[JsonObject]:
    """The full answer as a stream, some of it twice, so that there is something to add to."""
    answer = ANSWERS[format]
    if format == "openai_chat":
        choice = dict(answer["choices"][0])
        delta = choice.pop("message")
        chunks = [{**choice, "delta": delta, "finish_reason": finish} for finish in (None, "stop")]
        return [{**answer, "choices": [chunk]} for chunk in chunks]
    if format == "ollama":
        return [{**answer, "done": False}, answer]
    return STREAMS.get(format) or [answer, answer]


@pytest.mark.parametrize("format", sorted(REQUESTS))
def test_a_request_of_any_shape_is_sent_or_refused(format: Format) -> None:
    for body in damaged(REQUESTS[format]):
        try:
            request = CODECS[format].decode_request(as_body(body))
        except CallerError:
            continue
        try:
            send_everywhere(request)
        except CallerError:
            continue


@pytest.mark.parametrize("format", sorted(ANSWERS))
def test_an_answer_of_any_shape_is_delivered_or_bad(format: Format) -> None:
    for body in damaged(ANSWERS[format]):
        try:
            answer = CODECS[format].decode_response(as_body(body), TARGETS[format])
        except UpstreamDataError:
            continue
        list(seals_in(answer))
        for client in ASKS:
            CODECS[client].encode_response(answer, STAMP)


@pytest.mark.parametrize("format", sorted(ANSWERS))
def test_a_stream_of_any_shape_ends_or_breaks(format: Format) -> None:
    sources = streamed(format)
    asked = {client: client_request(client) for client in ASKS}
    for at, source in enumerate(sources):
        for odd in damaged(source):
            data = as_events(format, [*sources[:at], odd, *sources[at + 1 :]])
            events = decode_all(CODECS[format].stream_decoder(TARGETS[format]), [data])
            assert isinstance(events[-1], End | Broken)
            folded(events)
            for client, request in asked.items():
                CODECS[client].stream_encoder(request, STAMP).encode(events)


@pytest.mark.parametrize("client", sorted(ASKS))
def test_the_full_answers_go_out_as_streams(client: Format) -> None:
    """The bodies are what they are meant to be: read whole, and written with something in them."""
    for format, body in ANSWERS.items():
        answer = CODECS[format].decode_response(as_body(body), TARGETS[format])
        assert CODECS[client].stream_encoder(client_request(client), STAMP).encode(unfold(answer))


def test_thinking_goes_on_from_a_piece_that_is_no_text() -> None:
    detail = {"type": "reasoning.encrypted", "format": "anthropic-claude-v1", "index": 0}
    deltas: list[Json] = [{"reasoning_details": [{**detail, "data": data}]} for data in (["x"], "seal")]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    decoder = OpenAIChat().stream_decoder(TARGETS["openai_chat"])
    answer = folded(decode_all(decoder, [as_events("openai_chat", [*chunks, end])]))
    assert list(seals_in(answer)) == [("seal", "anthropic")]
