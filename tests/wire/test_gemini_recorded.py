"""Recorded answers of Google's, read into answers that make sense, and given on as they were or in other formats."""

import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import Message as AnthropicMessage
from google.genai import types
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.wire.cases import RECORDED, STAMP, body_of, decode_all, folded, frames
from tests.wire.gemini_cases import CODEC, decoded, gemini_target
from tests.wire.test_anthropic_response import check_blocks
from tests.wire.test_recorded import make_sense, name_of, streams_alike
from tiercel.domain.events import End
from tiercel.upstream.failures import classify_status
from tiercel.wire.registry import CODECS

FOLDER = RECORDED / "google"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the recorded provider traffic is not beside the checkout"
)


def answers() -> list[Path]:
    return [path for path in sorted(FOLDER.glob("*.json")) if "429" not in path.name]


def streams() -> list[Path]:
    return sorted(FOLDER.glob("*.chunks.txt"))


def stream_bytes(path: Path) -> bytes:
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    return b"".join(b"data: " + line + b"\r\n\r\n" for line in lines)


def without_made_ids(body: dict[str, Any]) -> dict[str, Any]:
    """An answer but for what is ours in it: its id and name, and the ids of calls that came without one."""
    for part in body["candidates"][0]["content"]["parts"]:
        if "functionCall" in part:
            part["functionCall"].pop("id", None)
    return {key: value for key, value in body.items() if key not in ("responseId", "modelVersion")}


@pytest.mark.parametrize("path", answers(), ids=name_of)
def test_an_answer_is_given_on_as_it_was(path: Path) -> None:
    answer = CODEC.decode_response(path.read_bytes(), gemini_target())
    make_sense(answer)
    written = CODEC.encode_response(answer, STAMP)
    types.GenerateContentResponse.model_validate_json(written)
    assert without_made_ids(json.loads(written)) == without_made_ids(json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", answers(), ids=name_of)
def test_an_answer_is_given_on_to_other_clients(path: Path) -> None:
    answer = CODEC.decode_response(path.read_bytes(), gemini_target())
    [choice] = answer.choices
    chat = ChatCompletion.model_validate_json(CODECS["openai_chat"].encode_response(answer, STAMP))
    assert (chat.choices[0].message.content or "") == choice.text
    assert chat.choices[0].finish_reason == choice.finish.reason
    assert chat.usage is not None
    assert chat.usage.total_tokens == json.loads(path.read_bytes())["usageMetadata"]["totalTokenCount"]
    message = AnthropicMessage.model_validate_json(CODECS["anthropic"].encode_response(answer, STAMP))
    assert "".join(block.text for block in message.content if block.type == "text") == choice.text


@pytest.mark.parametrize("path", streams(), ids=name_of)
@pytest.mark.parametrize("as_array", [False, True])
def test_a_stream_is_read_and_given_on(path: Path, as_array: bool) -> None:
    events = streams_alike(CODEC, gemini_target(), stream_bytes(path))
    assert events[-1] == End()
    answer = folded(events)
    make_sense(answer)
    encoder = CODEC.array_encoder(decoded(), STAMP) if as_array else CODEC.stream_encoder(decoded(), STAMP)
    written = encoder.encode(events)
    chunks = json.loads(written) if as_array else frames(written)
    for chunk in chunks:
        types.GenerateContentResponse.model_validate(chunk)
    data = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    again = folded(decode_all(CODEC.stream_decoder(gemini_target()), [data]))
    assert (again.choices, again.usage) == (answer.choices, answer.usage)


@pytest.mark.parametrize("path", streams(), ids=name_of)
def test_a_stream_is_given_on_to_other_clients(path: Path) -> None:
    events = decode_all(CODEC.stream_decoder(gemini_target()), [stream_bytes(path)])
    answer = folded(events)
    chat = CODECS["openai_chat"]
    request = chat.decode_request(body_of(stream=True, stream_options={"include_usage": True}))
    chunks = frames(chat.stream_encoder(request, STAMP).encode(events))
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == answer.text
    messages = CODECS["anthropic"]
    request = messages.decode_request(body_of(stream=True, max_tokens=9))
    check_blocks(frames(messages.stream_encoder(request, STAMP).encode(events)))


def test_arguments_in_pieces_are_the_arguments() -> None:
    path = FOLDER / "google-vertex-stream-tool-call-arguments-nested.1.chunks.txt"
    answer = folded(decode_all(CODEC.stream_decoder(gemini_target()), [stream_bytes(path)]))
    recipe = json.loads(answer.choices[0].tool_calls[0].arguments)["recipe"]
    assert recipe["ingredients"][0] == {"amount": "16 oz", "name": "Lasagna noodles"}
    assert all(isinstance(step, str) and step for step in recipe["steps"])


def test_a_wait_is_a_rate_limit() -> None:
    facts = CODEC.decode_error(429, {}, (FOLDER / "google-429-retry-info.json").read_bytes())
    assert facts.retry_after_seconds == 34.4
    assert classify_status(429, facts).kind == "rate_limited"
