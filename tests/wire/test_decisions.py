"""Calls for decisions are those that OpenAI's own package makes, and its own types of answers are read."""

import msgspec
import openai
import pytest
from openai.types import Decision

from tiercel.domain.errors import UpstreamDataError
from tiercel.testing.scripted import Fails, ScriptedProvider
from tiercel.wire.codec import UpstreamReplyError
from tiercel.wire.decisions import decode_decision, encode_decision

USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 105,
}


def answer(**fields: object) -> bytes:
    """An answer as the official types describe it."""
    whole = {"model": "sage", "usage": USAGE, "answers": [fields]}
    return Decision.model_validate(whole).to_json().encode()


async def test_the_call_is_the_official_clients() -> None:
    async with ScriptedProvider(Fails(status=400)) as provider:
        async with openai.AsyncOpenAI(base_url=provider.base_url, api_key="k", max_retries=0) as client:
            with pytest.raises(openai.BadRequestError):
                await client.decisions.create(
                    model="sage",
                    input="2 + 2 = 4",
                    questions=[{"type": "predicate", "name": "right", "instructions": "It is right."}],
                )
        (seen,) = provider.requests
        ours = encode_decision(provider.deployment("sage"), "It is right.", "2 + 2 = 4")
    assert seen.path == f"/v1{ours.path}"
    assert seen.json == msgspec.json.decode(ours.body)


def test_a_probability_is_read_with_what_was_used() -> None:
    found = decode_decision(answer(type="predicate", name="right", probability=0.25))
    assert found.probability == 0.25
    assert found.usage is not None
    usage = found.usage
    assert (usage.uncached, usage.cached, usage.written) == (50, 20, 30)
    assert (usage.visible, usage.reasoning) == (1, 4)


def test_a_refusal_has_no_probability() -> None:
    assert decode_decision(answer(type="refusal", name=None)).probability is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"answers": []}',
        b'{"answers": [{"type": "predicate"}]}',
        b'{"answers": [{"type": "predicate", "probability": 2}]}',
        b'{"answers": [{"type": "predicate", "probability": "0.5"}]}',
        b'{"answers": [{"type": "score", "score": 1, "probability": 0.5}]}',
        b'{"answers": [{"type": "predicate", "probability": 0.5}, {"type": "predicate", "probability": 0.5}]}',
        b'{"answers": [{"type": "predicate", "probability": 0.5}], "usage": {"input_tokens": -1}}',
    ],
)
def test_what_is_no_answer_to_one_statement_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamDataError):
        decode_decision(body)


def test_an_error_in_a_200_is_one() -> None:
    with pytest.raises(UpstreamReplyError) as caught:
        decode_decision(b'{"error": {"message": "no such model", "code": "model_not_found"}}')
    assert caught.value.facts.code == "model_not_found"
