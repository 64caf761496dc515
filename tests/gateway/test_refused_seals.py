"""T33: a conversation with thinking that its provider does not accept any more goes on without it, once and at once."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.gateway.house import house
from tiercel.domain.request import Format
from tiercel.testing.scripted import Fails, Says, ScriptedProvider

SEAL = "a-seal-that-nobody-knows-any-more"
ANTHROPIC_HISTORY: Any = {
    "model": "auto",
    "max_tokens": 4_096,
    "messages": [
        {"role": "user", "content": "What is 2 + 2?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Easy.", "signature": SEAL},
                {"type": "text", "text": "4"},
            ],
        },
        {"role": "user", "content": "Say hello"},
    ],
}
RESPONSES_HISTORY: Any = {
    "model": "auto",
    "store": False,
    "input": [
        {"role": "user", "content": "What is 2 + 2?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SEAL},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "Say hello"},
    ],
}
GEMINI_HISTORY: Any = {
    "contents": [
        {"role": "user", "parts": [{"text": "What is 2 + 2?"}]},
        {"role": "model", "parts": [{"text": "4", "thoughtSignature": SEAL}]},
        {"role": "user", "parts": [{"text": "Say hello"}]},
    ]
}
CASES: dict[Format, tuple[str, Any, Fails]] = {
    "anthropic": (
        "/v1/messages",
        ANTHROPIC_HISTORY,
        Fails(status=400, message="messages.1.content.0: Invalid `signature` in `thinking` block"),
    ),
    "openai_responses": (
        "/v1/responses",
        RESPONSES_HISTORY,
        Fails(
            status=400,
            code="invalid_encrypted_content",
            message="The encrypted content could not be verified.",
        ),
    ),
    "gemini": (
        "/v1beta/models/auto:generateContent",
        GEMINI_HISTORY,
        Fails(status=400, message="Thought signature is not valid."),
    ),
}


@pytest.mark.parametrize("format", CASES)
async def test_a_refused_seal_is_left_out_and_the_answer_comes(tmp_path: Path, format: Format) -> None:
    path, body, refusal = CASES[format]
    async with ScriptedProvider(refusal, Says(text="Hello!"), format=format) as provider:
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx2.AsyncClient() as client:
            answer = await client.post(here.url + path, json=body)
            record = here.record(answer.headers["x-tiercel-record"])
    assert (answer.status_code, "Hello!" in answer.text) == (200, True)
    sealed, unsealed = (request.body.decode() for request in provider.requests)
    assert SEAL in sealed
    assert SEAL not in unsealed
    assert "2 + 2" in unsealed
    assert [attempt.why for attempt in record.attempts] == ["first", "retry"]
    assert any(name.startswith("messages[1].") for name in record.attempts[1].lost)


async def test_a_seal_that_is_refused_without_there_being_one_is_told(tmp_path: Path) -> None:
    path, body, refusal = CASES["anthropic"]
    plain = {**body, "messages": body["messages"][-1:]}
    async with ScriptedProvider(format="anthropic") as provider:
        provider.default = refusal
        async with house(tmp_path, provider.deployment("cheap")) as here, httpx2.AsyncClient() as client:
            answer = await client.post(here.url + path, json=plain)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert len(provider.requests) == 2
