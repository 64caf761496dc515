"""Recorded Responses answers and streams of real providers: read, and written again for a client."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.wire.cases import RECORDED, decode_all, folded, frames
from tests.wire.responses_cases import CODEC, STAMP, request_of, responses_target
from tests.wire.test_openai_responses_stream_encoder import check_lifecycle
from tiercel.domain.events import Broken, End, StreamEvent, unfold
from tiercel.domain.request import Opaque
from tiercel.domain.response import ModelResponse, Usage
from tiercel.wire.codec import UpstreamReplyError

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded provider traffic is not beside the checkout"
)

FOLDERS = ("openai/responses", "open-responses/responses", "xai/responses")
ERRORS = ("openai-error", "reasoning-model-temperature-error")
CUT_IN_RECORDING = "parallel-tool-call-wrapper"
"""Two of its recorded events lack their last brace."""


def files(ending: str) -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted((RECORDED / folder).glob(f"*{ending}"))]
    azure = [
        path
        for path in sorted((RECORDED / "azure").glob(f"*{ending}"))
        if path.name.startswith(("azure-code-interpreter", "azure-image-generation"))
    ]
    return [*found, *azure]


def name_of(path: Path) -> str:
    return path.name


def is_error(path: Path) -> bool:
    return path.name.startswith(ERRORS)


def streams(path: Path) -> list[bytes]:
    """The streams in a recording: one may hold several answers, one after the other."""
    found: list[bytes] = []
    for line in path.read_bytes().split(b"\n"):
        if line.strip():
            kind = line.partition(b'"type":"')[2].partition(b'"')[0]
            if kind == b"response.created":
                found.append(b"")
            found[-1] += b"event: " + kind + b"\ndata: " + line + b"\n\n"
    return found


def make_sense(answer: ModelResponse) -> None:
    [choice] = answer.choices
    assert answer.id
    assert answer.model
    assert choice.finish.reason == ("tool_calls" if choice.tool_calls else "stop")
    assert choice.text or choice.tool_calls or any(isinstance(part, Opaque) for part in choice.parts)
    for call in choice.tool_calls:
        assert isinstance(json.loads(call.arguments), dict)
    assert answer.usage is not None
    assert answer.usage.uncached > 0
    assert answer.usage.visible > 0


def without_cost(usage: Usage | None) -> Usage | None:
    """What a provider charges us is not told to the client."""
    return usage and msgspec.structs.replace(usage, reported_cost_nano=None)


def read(data: bytes) -> list[StreamEvent]:
    return decode_all(CODEC.stream_decoder(responses_target()), [data])


def written_again(events: list[StreamEvent]) -> bytes:
    return CODEC.stream_encoder(request_of(stream=True), STAMP).encode(events)


@pytest.mark.parametrize("path", [path for path in files(".json") if not is_error(path)], ids=name_of)
def test_answers(path: Path) -> None:
    answer = CODEC.decode_response(path.read_bytes(), responses_target())
    make_sense(answer)
    assert answer.usage is not None
    assert answer.usage.output + answer.usage.input == json.loads(path.read_text())["usage"]["total_tokens"]
    again = CODEC.decode_response(CODEC.encode_response(answer, STAMP), responses_target())
    assert (again.choices, again.usage) == (answer.choices, without_cost(answer.usage))
    assert answer.created > 1_000_000_000
    # what the server said of its request is said to the client; what it left out, clients need all the same
    own, given = answer.extra["openai_responses"], again.extra["openai_responses"]
    assert {key: given[key] for key in own} == own


@pytest.mark.parametrize("path", [path for path in files(".json") if not is_error(path)], ids=name_of)
def test_answers_streamed_from_the_whole(path: Path) -> None:
    events = unfold(CODEC.decode_response(path.read_bytes(), responses_target()))
    written = written_again(events)
    check_lifecycle(frames(written))
    again = folded(read(written))
    assert again.choices == folded(events).choices


@pytest.mark.parametrize("path", [path for path in files(".json") if not is_error(path)], ids=name_of)
def test_the_items_a_client_gets_are_those_the_provider_made(path: Path) -> None:
    """T32: nothing of an item is lost on the way through, in their order."""
    original = json.loads(path.read_bytes())["output"]
    answer = CODEC.decode_response(path.read_bytes(), responses_target())
    given = json.loads(CODEC.encode_response(answer, STAMP))["output"]
    assert [plain(item) for item in given] == [plain(item) for item in original if not is_blank(item)]


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item without what says nothing: states, empty lists and nulls, and where in a message logprobs stand."""
    kept = {k: v for k, v in item.items() if k not in ("status", "phase") and v not in (None, [])}
    if item["type"] == "message":
        kept["content"] = [
            {key: value for key, value in part.items() if key != "logprobs" and value}
            for part in item["content"]
        ]
    return kept


def is_blank(item: dict[str, Any]) -> bool:
    return item["type"] == "message" and not any(part.get("text") for part in item["content"])


@pytest.mark.parametrize("path", files(".chunks.txt"), ids=name_of)
def test_streams(path: Path) -> None:
    if path.name.startswith((CUT_IN_RECORDING, *ERRORS)):
        pytest.skip("no good stream; read in a test of its own")
    for data in streams(path):
        events = read(data)
        assert events[-1] == End()
        answer = folded(events)
        make_sense(answer)
        written = written_again(events)
        check_lifecycle(frames(written))
        again = folded(read(written))
        assert (again.choices, again.usage) == (answer.choices, without_cost(answer.usage))


@pytest.mark.parametrize("path", files(".chunks.txt"), ids=name_of)
@pytest.mark.parametrize("size", [7, 1000])
def test_streams_read_the_same_however_they_are_cut(path: Path, size: int) -> None:
    """T24."""
    for data in streams(path):
        if len(data) > 400_000:
            continue
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert decode_all(CODEC.stream_decoder(responses_target()), pieces) == read(data)


def test_a_stream_and_the_whole_answer_at_its_end_say_the_same() -> None:
    """The final event of a stream holds the answer whole."""
    for path in files(".chunks.txt"):
        for data in streams(path):
            final = data.rstrip().rpartition(b"\n")[2].removeprefix(b"data: ")
            if b'"type":"response.completed"' not in final or path.name.startswith(CUT_IN_RECORDING):
                continue
            whole = CODEC.decode_response(
                msgspec.json.encode(json.loads(final)["response"]), responses_target()
            )
            streamed = folded(read(data))
            assert streamed.text == whole.text
            assert streamed.choices[0].reasoning == whole.choices[0].reasoning
            assert streamed.choices[0].tool_calls == whole.choices[0].tool_calls
            assert streamed.usage == whole.usage


def test_an_error_inside_a_recorded_stream() -> None:
    """T07."""
    [data] = streams(RECORDED / "openai/responses/openai-error.1.chunks.txt")
    [*_, broken] = read(data)
    assert isinstance(broken, Broken)
    assert broken.failure.code == "insufficient_quota"


def test_a_recording_with_half_an_event_breaks() -> None:
    for data in streams(RECORDED / f"openai/responses/{CUT_IN_RECORDING}.1.chunks.txt"):
        broken = read(data)[-1]
        assert isinstance(broken, Broken)
        assert broken.failure.kind == "bad_response"


@pytest.mark.parametrize("path", [path for path in files(".json") if is_error(path)], ids=name_of)
def test_error_bodies(path: Path) -> None:
    facts = CODEC.decode_error(400, {}, path.read_bytes())
    assert facts.message
    assert facts.type
    with pytest.raises(UpstreamReplyError):
        CODEC.decode_response(path.read_bytes(), responses_target())
