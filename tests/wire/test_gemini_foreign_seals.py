"""Another maker's seals on their way through a client of Gemini's format, and back."""

import json
from typing import Any

import pytest

from tests.wire.cases import STAMP
from tests.wire.gemini_cases import CODEC
from tests.wire.test_gemini_stream import chunks_for, parts_in
from tiercel.domain.events import End, Finished, ReasoningDelta, Start, TextDelta
from tiercel.domain.request import Part, Reasoning, Text
from tiercel.domain.response import Choice, Finish, ModelResponse
from tiercel.wire.foreign_seal import opened
from tiercel.wire.provenance import without_foreign_seals

THOUGHTS = (
    Reasoning(text="one two", signature="c2Vh+/bA==", source="anthropic"),
    Reasoning(redacted="never-shown_", source="anthropic"),
    Reasoning(signature="gAAAA-_x", source="openai_responses"),
)
NAMES = ["signature", "redacted", "encrypted"]


def given_back(parts: list[dict[str, Any]]) -> tuple[Part, ...]:
    """The model's turn as it goes on when a client sends these parts back, in the alphabet of Google's SDK."""
    for part in parts:
        if "thoughtSignature" in part:
            part["thoughtSignature"] = part["thoughtSignature"].translate(str.maketrans("+/", "-_"))
    turns = [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": parts}]
    asked = CODEC.decode_request(json.dumps({"model": "auto", "contents": turns}).encode())
    sent, _ = without_foreign_seals(asked, "anybody", lambda seal: None)
    return sent.messages[1].parts


@pytest.mark.parametrize("thought", THOUGHTS, ids=NAMES)
def test_a_seal_comes_back_as_it_was(thought: Reasoning) -> None:
    choice = Choice(parts=(thought, Text(text="a")), finish=Finish(reason="stop"))
    body = json.loads(CODEC.encode_response(ModelResponse(choices=(choice,)), STAMP))
    assert given_back(body["candidates"][0]["content"]["parts"]) == (thought, Text(text="a"))


def test_a_streamed_thought_comes_back_in_one_piece_under_its_seal() -> None:
    """Anthropic's signature is of the whole text, which the client was given in pieces."""
    chunks = chunks_for(
        Start(),
        ReasoningDelta(text="one ", source="anthropic"),
        ReasoningDelta(text="two", source="anthropic"),
        ReasoningDelta(signature="c2Vh+/bA==", source="anthropic"),
        TextDelta(text="a"),
        Finished(finish=Finish(reason="stop")),
        End(),
    )
    parts = [part for part in parts_in(chunks) if part != {"text": ""}]
    assert given_back(parts) == (THOUGHTS[0], Text(text="a"))


def test_a_redacted_thought_reaches_the_client_of_a_stream() -> None:
    chunks = chunks_for(
        Start(),
        ReasoningDelta(redacted="never-shown_", source="anthropic"),
        TextDelta(text="a"),
        Finished(finish=Finish(reason="stop")),
        End(),
    )
    parts = [part for part in parts_in(chunks) if part != {"text": ""}]
    assert given_back(parts) == (THOUGHTS[1], Text(text="a"))


@pytest.mark.parametrize(
    "signature", ["c2ln", "no base64 at all", "dGllcmNlbC1zZWFsOnNvbWU6c2VhbGVkOng=", "w6k="]
)
def test_any_other_signature_is_googles(signature: str) -> None:
    thought = Reasoning(signature=signature, source="gemini")
    assert opened(thought) is thought
