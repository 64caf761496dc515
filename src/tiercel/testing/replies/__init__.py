"""Answers as a provider of each format sends them, written out by hand and in no codec's words.

So a codec is never tested only against itself. Pure. The lab, which must be right rather than independent, uses the
codecs instead.
"""

from collections.abc import Callable

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.domain.request import Format
from tiercel.testing.delivery import Delivery
from tiercel.testing.replies import anthropic, gemini, ollama, openai_chat, openai_responses
from tiercel.testing.replies.said import Called, Said, SayFinish

JSON = ("content-type", "application/json")
EVENT_STREAM = ("content-type", "text/event-stream")
LINES = ("content-type", "application/x-ndjson")

_BODIES: dict[Format, Callable[[Said], JsonObject]] = {
    "openai_chat": openai_chat.body,
    "openai_responses": openai_responses.body,
    "anthropic": anthropic.body,
    "gemini": gemini.body,
    "ollama": ollama.body,
}
_STREAMS: dict[Format, Callable[[Said], tuple[bytes, ...]]] = {
    "openai_responses": openai_responses.stream,
    "anthropic": anthropic.stream,
    "gemini": gemini.stream,
    "ollama": ollama.stream,
}


def asks_for_stream(format: Format, path: str, request: JsonObject) -> bool:
    """Whether a call wants a stream: Gemini says so in the path, Ollama streams unless told not to."""
    if format == "gemini":
        return ":streamGenerateContent" in path
    if format == "ollama":
        return request.get("stream") is not False
    return bool(request.get("stream"))


def stream_type(format: Format) -> tuple[str, str]:
    """The header that says what a stream of this format is made of."""
    return LINES if format == "ollama" else EVENT_STREAM


def delivery_of(said: Said, format: Format, request: JsonObject, path: str = "") -> Delivery:
    """The answer in `format`: a stream where the request, or its path, asked for one, else one JSON body."""
    if not asks_for_stream(format, path, request):
        return Delivery(headers=(JSON,), pieces=(msgspec.json.encode(_BODIES[format](said)),))
    if format == "openai_chat":
        options = request.get("stream_options") or {}
        pieces = openai_chat.stream(said, with_usage=bool(options.get("include_usage")))
    elif format == "gemini" and "alt=sse" not in path:
        pieces = gemini.array(said)
        return Delivery(headers=(JSON,), pieces=pieces, stream=True)
    else:
        pieces = _STREAMS[format](said)
    return Delivery(headers=(stream_type(format),), pieces=pieces, stream=True)


def good_answer(said: Said, format: Format, *, stream: bool) -> Delivery:
    """The answer in `format`, as a stream with usage or whole."""
    path = ":streamGenerateContent?alt=sse" if stream else ""
    return delivery_of(said, format, {"stream": stream, "stream_options": {"include_usage": True}}, path)


__all__ = ["Called", "Said", "SayFinish", "asks_for_stream", "delivery_of", "good_answer", "stream_type"]
