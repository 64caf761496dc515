"""Recorded answers of real providers: each is read, whole or streamed, into an answer that makes sense."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.wire.cases import (
    RECORDED,
    STAMP,
    anthropic_target,
    body_of,
    chat_target,
    decode_all,
    folded,
    frames,
)
from tests.wire.test_anthropic_response import check_blocks
from tiercel.domain.catalog import Target
from tiercel.domain.events import Broken, End, StreamEvent
from tiercel.domain.response import ModelResponse
from tiercel.wire.codec import Codec
from tiercel.wire.registry import CODECS

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded provider traffic is not beside the checkout"
)

CHAT_FOLDERS = (
    "openai/chat",
    "groq",
    "deepseek/chat",
    "mistral",
    "xai",
    "alibaba",
    "azure",
    "openai-compatible/chat",
    "perplexity",
    "moonshotai",
)
OTHER_FORMATS = ("transcription", "azure-code-interpreter", "azure-image-generation")
STARTED_OVER = "spliced-message-start"


def files(folders: tuple[str, ...], ending: str) -> list[Path]:
    found = (path for folder in folders for path in sorted((RECORDED / folder).glob(f"*{ending}")))
    return [
        path for path in found if not path.name.startswith(OTHER_FORMATS) and "transcription" not in path.name
    ]


def name_of(path: Path) -> str:
    return path.name


def chat_bytes(path: Path) -> bytes:
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    return b"".join(b"data: " + line + b"\n\n" for line in lines) + b"data: [DONE]\n\n"


def messages_bytes(path: Path) -> bytes:
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    return b"".join(
        b"event: " + json.loads(line)["type"].encode() + b"\ndata: " + line + b"\n\n" for line in lines
    )


def make_sense(answer: ModelResponse) -> None:
    [choice] = answer.choices
    assert answer.id
    assert answer.model
    assert choice.finish.reason in ("stop", "tool_calls", "length", "content_filter")
    assert (choice.finish.reason == "tool_calls") == bool(choice.tool_calls)
    assert choice.text or choice.tool_calls or choice.finish.reason == "content_filter"
    for call in choice.tool_calls:
        assert isinstance(json.loads(call.arguments), dict)
    assert answer.usage is not None
    assert answer.usage.uncached + answer.usage.cached > 0
    assert answer.usage.visible > 0


def reported_total(path: Path) -> Any:
    return json.loads(path.read_text())["usage"]["total_tokens"]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def streams_alike(codec: Codec, target: Target, data: bytes) -> list[StreamEvent]:
    """The events, the same however the bytes are cut."""
    events = decode_all(codec.stream_decoder(target), [data])
    for size in (7, 1000):
        assert decode_all(codec.stream_decoder(target), cut(data, size)) == events
    return events


@pytest.mark.parametrize("path", files(CHAT_FOLDERS, ".json"), ids=name_of)
def test_chat_answers(path: Path) -> None:
    answer = CODECS["openai_chat"].decode_response(path.read_bytes(), chat_target())
    make_sense(answer)
    assert answer.usage is not None
    assert answer.usage.input + answer.usage.output == reported_total(path)
    plain = msgspec.structs.replace(
        answer, extra={}
    )  # a provider's own fields may hold what OpenAI's never do
    ChatCompletion.model_validate_json(CODECS["openai_chat"].encode_response(plain, STAMP))


@pytest.mark.parametrize("path", files(CHAT_FOLDERS, ".chunks.txt"), ids=name_of)
def test_chat_streams(path: Path) -> None:
    codec = CODECS["openai_chat"]
    events = streams_alike(codec, chat_target(), chat_bytes(path))
    assert events[-1] == End()
    answer = folded(events)
    make_sense(answer)
    request = codec.decode_request(body_of(stream=True, stream_options={"include_usage": True}))
    written = codec.stream_encoder(request, STAMP).encode(events)
    for chunk in frames(written):
        ChatCompletionChunk.model_validate(chunk)
    again = folded(decode_all(codec.stream_decoder(chat_target()), [written]))
    assert (again.choices, again.usage) == (answer.choices, answer.usage)


@pytest.mark.parametrize("path", files(("anthropic",), ".json"), ids=name_of)
def test_messages_answers(path: Path) -> None:
    codec = CODECS["anthropic"]
    answer = codec.decode_response(path.read_bytes(), anthropic_target())
    make_sense(answer)
    again = codec.decode_response(codec.encode_response(answer, STAMP), anthropic_target())
    assert (again.choices, again.usage) == (answer.choices, answer.usage)


@pytest.mark.parametrize("path", files(("anthropic",), ".chunks.txt"), ids=name_of)
def test_messages_streams(path: Path) -> None:
    codec = CODECS["anthropic"]
    events = streams_alike(codec, anthropic_target(), messages_bytes(path))
    if path.name.startswith(STARTED_OVER):
        assert isinstance(events[-1], Broken)
        return
    assert events[-1] == End()
    answer = folded(events)
    make_sense(answer)
    request = codec.decode_request(body_of(stream=True, max_tokens=9))
    written = codec.stream_encoder(request, STAMP).encode(events)
    check_blocks(frames(written))
    again = folded(decode_all(codec.stream_decoder(anthropic_target()), [written]))
    assert (again.choices, again.usage) == (answer.choices, answer.usage)


def test_googles_wait_is_read() -> None:
    body = (RECORDED / "google" / "google-429-retry-info.json").read_bytes()
    assert CODECS["openai_chat"].decode_error(429, {}, body).retry_after_seconds == 34.4
