"""A gate on the probabilities of an answer's tokens: asked for on its behalf, and kept from who did not ask."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.house import USER, House, house, two_tiers
from tiercel.domain.policy import Gate
from tiercel.testing.scripted import Raw, Says, ScriptedProvider

CONFIDENCE = Gate(check="confidence", at_least=0.5, on_error="closed")


def sure(text: str, *logprobs: float) -> Raw:
    """A whole answer whose words have these log probabilities."""
    words = text.split()
    content: list[dict[str, Any]] = [
        {"token": word, "logprob": value, "bytes": None, "top_logprobs": []}
        for word, value in zip(words, logprobs, strict=True)
    ]
    body = msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "cheap",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                    "logprobs": {"content": content, "refusal": None},
                }
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": len(words), "total_tokens": 5 + len(words)},
        }
    )
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return Raw(data=head.encode() + body)


async def ask(here: House, **more: Any) -> Any:
    raw = await here.client.chat.completions.with_raw_response.create(model="auto", messages=USER, **more)
    return raw.parse(), here.record(raw.headers["x-tiercel-record"])


@pytest.mark.parametrize(
    ("logprobs", "delivered"), [((-0.1, -0.1, -0.1), "cheap"), ((-0.1, -3.0, -0.1), "dear")]
)
async def test_who_is_unsure_of_a_word_is_not_believed(
    tmp_path: Path, logprobs: tuple[float, ...], delivered: str
) -> None:
    async with (
        ScriptedProvider(sure("It is Paris", *logprobs), name="at-cheap") as cheap,
        ScriptedProvider(sure("It is Rome", -0.1, -0.1, -0.1), name="at-dear") as dear,
        house(
            tmp_path,
            cheap.deployment("cheap"),
            dear.deployment("dear"),
            policy=two_tiers(gates=(Gate(check="finished"), CONFIDENCE)),
        ) as here,
    ):
        answer, record = await ask(here)
        assert msgspec.json.decode(cheap.requests[0].body)["logprobs"] is True
    assert record.answer is not None
    assert record.answer.model == delivered
    assert answer.choices[0].logprobs is None
    assert record.answer.lost == ()


async def test_who_asks_for_them_gets_them(tmp_path: Path) -> None:
    async with (
        ScriptedProvider(sure("Paris", -0.1), name="at-cheap") as cheap,
        ScriptedProvider(name="at-dear") as dear,
        house(
            tmp_path,
            cheap.deployment("cheap"),
            dear.deployment("dear"),
            policy=two_tiers(gates=(Gate(check="finished"), CONFIDENCE)),
        ) as here,
    ):
        answer, _ = await ask(here, logprobs=True)
    assert answer.choices[0].logprobs.content[0].logprob == -0.1


async def test_a_provider_that_cannot_give_them_is_no_error_and_nothing_is_lost(tmp_path: Path) -> None:
    """The gate decides, open or closed; the client, who asked for none, is not told of any."""
    gate = msgspec.structs.replace(CONFIDENCE, on_error="open")
    async with (
        ScriptedProvider(Says(text="Paris"), name="at-cheap", format="anthropic") as cheap,
        ScriptedProvider(name="at-dear") as dear,
        house(
            tmp_path,
            cheap.deployment("cheap"),
            dear.deployment("dear"),
            policy=two_tiers(gates=(Gate(check="finished"), gate)),
        ) as here,
    ):
        answer, record = await ask(here)
    assert answer.choices[0].message.content == "Paris"
    (verdict,) = [v for v in record.attempts[0].verdicts if v.check == "confidence"]
    assert verdict.error == "no logprobs"
    assert record.attempts[0].lost == ()
