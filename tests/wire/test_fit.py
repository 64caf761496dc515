"""What every target is told alike, whichever format it speaks."""

from typing import Any

import pytest

from tests.wire.cases import chat_target
from tiercel.domain.request import Message, ModelRequest, ResponseFormat, Text
from tiercel.wire.registry import CODECS


@pytest.mark.parametrize(
    ("format", "said", "named"),
    [
        ("gemini", "List three fruits", True),
        ("gemini", "List three fruits as JSON", False),
        ("ollama", "List three fruits", True),
        ("openai_chat", "List three fruits", False),
    ],
)
@pytest.mark.parametrize("codec", ["openai_chat", "openai_responses"])
def test_openai_is_told_in_words_that_json_is_wanted(codec: Any, format: Any, said: str, named: bool) -> None:
    """OpenAI refuses `json_object` where no message says json; other formats' clients need not say it."""
    asked = ModelRequest(
        format=format,
        model="m",
        messages=(Message(role="user", parts=(Text(text=said),)),),
        response_format=ResponseFormat(kind="json_object"),
    )
    body = CODECS[codec].encode_request(asked, chat_target("openai")).body
    assert (b"Answer with a single JSON object" in body) is named
