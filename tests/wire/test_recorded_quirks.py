"""Recorded traffic read with the recording server's own entry: what an entry says holds for what was seen."""

from pathlib import Path

import pytest

from tests.wire.cases import RECORDED, chat_target, decode_all, folded
from tests.wire.test_recorded import chat_bytes, files, make_sense, reported_total
from tiercel.domain.events import End, UsageUpdate
from tiercel.wire.openai_chat import OpenAIChat

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded provider traffic is not beside the checkout"
)

CODEC = OpenAIChat()
FOLDERS = {
    "groq": "groq",
    "mistral": "mistral",
    "deepseek/chat": "deepseek",
    "xai": "xai",
    "openai-compatible/chat": "xai",
    "moonshotai": "moonshot",
    "azure": "azure",
    "openai/chat": "azure",
}


def recorded(ending: str) -> list[tuple[str, Path]]:
    return [(entry, path) for folder, entry in FOLDERS.items() for path in files((folder,), ending)]


@pytest.mark.parametrize(
    ("entry", "path"), recorded(".json"), ids=lambda value: getattr(value, "name", value)
)
def test_recorded_answers_make_sense_with_their_servers_entry(entry: str, path: Path) -> None:
    answer = CODEC.decode_response(path.read_bytes(), chat_target(entry))
    make_sense(answer)
    assert answer.usage is not None
    assert answer.usage.input + answer.usage.output == reported_total(path)


@pytest.mark.parametrize(
    ("entry", "path"), recorded(".chunks.txt"), ids=lambda value: getattr(value, "name", value)
)
def test_recorded_streams_make_sense_with_their_servers_entry(entry: str, path: Path) -> None:
    """T06 for Groq, which says its usage twice."""
    events = decode_all(CODEC.stream_decoder(chat_target(entry)), [chat_bytes(path)])
    make_sense(folded(events))
    assert len([event for event in events if isinstance(event, UsageUpdate)]) == 1
    assert events[-1] == End()
