"""Recorded answers and streams of every provider, written for the clients of all four formats and read by each SDK.

What the official parser makes of it, and its own stream helper adds up, is what was decoded: text, calls, why it
ended, and what was used.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from tests.wire import test_gemini_recorded as gemini_files
from tests.wire import test_openai_responses_recorded as responses_files
from tests.wire import test_recorded as chat_files
from tests.wire.cases import RECORDED, STAMP, anthropic_target, chat_target, decode_all, folded
from tests.wire.gemini_cases import gemini_target
from tests.wire.responses_cases import responses_target
from tiercel.domain.catalog import Target
from tiercel.domain.events import End, StreamEvent
from tiercel.domain.request import Format
from tiercel.domain.response import FinishReason, ModelResponse
from tiercel.wire.registry import CODECS

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded provider traffic is not beside the checkout"
)

CLIENTS: tuple[Format, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini")
TARGETS: dict[Format, Callable[[], Target]] = {
    "openai_chat": chat_target,
    "openai_responses": responses_target,
    "anthropic": anthropic_target,
    "gemini": gemini_target,
}
LARGE_BYTES = 130_000
"""Streams beyond this say the same thing for longer."""

ASKS: dict[Format, bytes] = {
    "openai_chat": b'{"model":"auto","stream":true,"stream_options":{"include_usage":true},'
    b'"messages":[{"role":"user","content":"hi"}]}',
    "openai_responses": b'{"model":"auto","stream":true,"input":"hi"}',
    "anthropic": b'{"model":"auto","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
    "gemini": b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
}


class Read(NamedTuple):
    """What a client has in its hands: the calls as names with their arguments, tokens as input, cached and output."""

    text: str
    calls: list[tuple[str, Any]]
    finish: str
    usage: tuple[int, int, int]


# ── The recordings ──────────────────────────────────────────────────────────────────────────────────────────────────


def whole_files() -> list[tuple[Format, Path]]:
    found: dict[Format, list[Path]] = {
        "openai_chat": chat_files.files(chat_files.CHAT_FOLDERS, ".json"),
        "openai_responses": [
            path for path in responses_files.files(".json") if not responses_files.is_error(path)
        ],
        "anthropic": chat_files.files(("anthropic",), ".json"),
        "gemini": gemini_files.answers(),
    }
    return [(format, path) for format, paths in found.items() for path in paths]


def stream_files() -> list[tuple[Format, Path]]:
    no_stream = (responses_files.CUT_IN_RECORDING, *responses_files.ERRORS, chat_files.STARTED_OVER)
    found: dict[Format, list[Path]] = {
        "openai_chat": chat_files.files(chat_files.CHAT_FOLDERS, ".chunks.txt"),
        "openai_responses": responses_files.files(".chunks.txt"),
        "anthropic": chat_files.files(("anthropic",), ".chunks.txt"),
        "gemini": gemini_files.streams(),
    }
    return [
        (format, path)
        for format, paths in found.items()
        for path in paths
        if not path.name.startswith(no_stream) and path.stat().st_size <= LARGE_BYTES
    ]


@cache
def answer_in(format: Format, path: Path) -> ModelResponse:
    return CODECS[format].decode_response(path.read_bytes(), TARGETS[format]())


@cache
def events_in(format: Format, path: Path) -> list[StreamEvent]:
    match format:
        case "openai_chat":
            data = chat_files.chat_bytes(path)
        case "openai_responses":
            data = responses_files.streams(path)[0]
        case "anthropic":
            data = chat_files.messages_bytes(path)
        case _:
            data = gemini_files.stream_bytes(path)
    events = decode_all(CODECS[format].stream_decoder(TARGETS[format]()), [data])
    assert events[-1] == End()
    return events


# ── What must arrive ────────────────────────────────────────────────────────────────────────────────────────────────

FINISHES: dict[Format, dict[FinishReason, str]] = {
    "openai_chat": {},
    "openai_responses": {
        "stop": "completed",
        "tool_calls": "completed",
        "length": "max_output_tokens",
        "content_filter": "content_filter",
    },
    "anthropic": {
        "stop": "end_turn",
        "tool_calls": "tool_use",
        "length": "max_tokens",
        "content_filter": "refusal",
    },
    "gemini": {
        "stop": "STOP",
        "tool_calls": "STOP",
        "length": "MAX_TOKENS",
        "content_filter": "SAFETY",
    },
}


def expected(answer: ModelResponse, client: Format) -> Read:
    """What was decoded, in this client's words."""
    [choice] = answer.choices
    assert answer.usage is not None
    reason = choice.finish.reason
    finish = FINISHES[client].get(reason, reason)
    return Read(
        text=choice.text + choice.refusal,
        calls=[(call.name, arguments(call.arguments)) for call in choice.tool_calls],
        finish=finish,
        usage=(answer.usage.input, answer.usage.cached, answer.usage.output),
    )


def arguments(text: str) -> Any:
    """Arguments as a value; a custom tool's free text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


# ── The clients ─────────────────────────────────────────────────────────────────────────────────────────────────────


def canned(data: bytes, kind: str) -> httpx2.Client:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": kind}, content=data)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def openai_client(data: bytes, kind: str) -> openai.OpenAI:
    http = canned(data, kind)
    return openai.OpenAI(api_key="k", base_url="http://gateway.test/v1", max_retries=0, http_client=http)


def read_chat(data: bytes, kind: str, stream: bool) -> Read:
    client = openai_client(data, kind)
    asked: Any = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            with suppress(openai.ContentFilterFinishReasonError):  # the helper's way to say so
                events.until_done()
            answer: Any = events.current_completion_snapshot
    else:
        answer = client.chat.completions.create(**asked)
    [choice] = answer.choices
    calls = [
        (call.function.name, arguments(call.function.arguments))
        if call.type == "function"
        else (call.custom.name, call.custom.input)
        for call in choice.message.tool_calls or ()
    ]
    usage = answer.usage
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return Read(
        text=(choice.message.content or "") + (choice.message.refusal or ""),
        calls=calls,
        finish=choice.finish_reason,
        usage=(usage.prompt_tokens, cached, usage.completion_tokens),
    )


def read_responses(data: bytes, kind: str, stream: bool) -> Read:
    client = openai_client(data, kind)
    if stream:
        with client.responses.stream(model="auto", input="hi") as events:
            ends: list[Any] = list(events)[-1:]
        answer: Any = ends[0].response  # by itself the helper has those of completed ones only
    else:
        answer = client.responses.create(model="auto", input="hi")
    texts = [
        part.text if part.type == "output_text" else part.refusal
        for item in answer.output
        if item.type == "message"
        for part in item.content
    ]
    calls = [
        (item.name, arguments(item.arguments if item.type == "function_call" else item.input))
        for item in answer.output
        if item.type in ("function_call", "custom_tool_call")
    ]
    details = answer.incomplete_details
    usage = answer.usage
    return Read(
        text="".join(texts),
        calls=calls,
        finish=answer.status if details is None else details.reason,
        usage=(usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens),
    )


def read_messages(data: bytes, kind: str, stream: bool) -> Read:
    http = canned(data, kind)
    client = anthropic.Anthropic(api_key="k", base_url="http://gateway.test", max_retries=0, http_client=http)
    asked: Any = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    if stream:
        with client.messages.stream(**asked) as events:
            answer: Any = events.get_final_message()
    else:
        answer = client.messages.create(**asked)
    usage = answer.usage
    cached = usage.cache_read_input_tokens or 0
    refusal = answer.stop_details.explanation if answer.stop_details else None
    return Read(
        text="".join(block.text for block in answer.content if block.type == "text") + (refusal or ""),
        calls=[(block.name, block.input) for block in answer.content if block.type == "tool_use"],
        finish=answer.stop_reason,
        usage=(
            usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
            cached,
            usage.output_tokens,
        ),
    )


def read_gemini(data: bytes, kind: str, stream: bool) -> Read:
    options = types.HttpOptions(base_url="http://gateway.test", httpx_client=canned(data, kind))
    with genai.Client(api_key="k", vertexai=False, http_options=options) as client:
        if stream:
            chunks = list(client.models.generate_content_stream(model="auto", contents="hi"))
        else:
            chunks = [client.models.generate_content(model="auto", contents="hi")]
    candidates = [chunk.candidates[0] for chunk in chunks if chunk.candidates]
    parts = [part for one in candidates for part in ((one.content and one.content.parts) or ())]
    [finish] = [one.finish_reason.value for one in candidates if one.finish_reason]
    usage = next(chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata)
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return Read(
        text="".join(part.text for part in parts if part.text and not part.thought),
        calls=[
            (part.function_call.name or "", part.function_call.args) for part in parts if part.function_call
        ],
        finish=finish,
        usage=(usage.prompt_token_count or 0, usage.cached_content_token_count or 0, output),
    )


READERS: dict[Format, Callable[[bytes, str, bool], Read]] = {
    "openai_chat": read_chat,
    "openai_responses": read_responses,
    "anthropic": read_messages,
    "gemini": read_gemini,
}


# ── The promises ────────────────────────────────────────────────────────────────────────────────────────────────────


def name_of(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("format", "path"), whole_files(), ids=name_of)
def test_a_recorded_answer_arrives_in_every_client(format: Format, path: Path, client: Format) -> None:
    answer = answer_in(format, path)
    data = CODECS[client].encode_response(answer, STAMP)
    assert READERS[client](data, "application/json", False) == expected(answer, client)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("format", "path"), stream_files(), ids=name_of)
def test_a_recorded_stream_adds_up_in_every_client(format: Format, path: Path, client: Format) -> None:
    events = events_in(format, path)
    codec = CODECS[client]
    data = codec.stream_encoder(codec.decode_request(ASKS[client]), STAMP).encode(events)
    assert READERS[client](data, "text/event-stream", True) == expected(folded(events), client)
