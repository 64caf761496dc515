"""OpenAI's calls for decisions: a statement about a text in, the probability that it is true out. Pure.

After the types of OpenAI's own Python package (`openai.types.decision_create_params`, `openai.types.decision`), version
3.52.0, read on 2026-11-21. Only the kind of question called `predicate` is asked.
"""

from typing import Annotated

import msgspec

from tiercel.domain.catalog import Deployment
from tiercel.domain.errors import UpstreamDataError
from tiercel.domain.json import Json
from tiercel.domain.response import Usage
from tiercel.wire.codec import EncodedCall, UpstreamReplyError
from tiercel.wire.error_facts import facts_of
from tiercel.wire.quirks import call_path

QUESTION = "right"
"""Our name for the one question."""


_Count = Annotated[int, msgspec.Meta(ge=0)]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The probability of the statement, `None` where the model declined to say; and what was used, if counted."""

    probability: float | None
    usage: Usage | None = None


class _Answer(msgspec.Struct, frozen=True):
    type: str
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count = 0
    cache_write_tokens: _Count = 0


class _OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: _Count = 0


class _Counts(msgspec.Struct, frozen=True):
    input_tokens: _Count
    output_tokens: _Count = 0
    input_tokens_details: _InputDetails = _InputDetails()
    output_tokens_details: _OutputDetails = _OutputDetails()


class _Body(msgspec.Struct, frozen=True):
    answers: list[_Answer] = []
    usage: _Counts | None = None
    error: Json = None


def encode_decision(deployment: Deployment, statement: str, about: str) -> EncodedCall:
    """The call that asks how likely it is that `statement` is true of the text `about`."""
    question = {"type": "predicate", "name": QUESTION, "instructions": statement}
    body = {"model": deployment.upstream_name, "input": about, "questions": [question]}
    return EncodedCall(path=call_path(deployment, "/decisions"), body=msgspec.json.encode(body))


def decode_decision(body: bytes) -> Decision:
    """Raises `UpstreamReplyError` for an error in a 200, `UpstreamDataError` for what is no answer to one predicate."""
    try:
        answer = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamDataError("the upstream's answer holds no decision") from None
    if answer.error:
        raise UpstreamReplyError(facts_of(answer.error))
    usage = None if answer.usage is None else _usage(answer.usage)
    match answer.answers:
        case [_Answer(type="predicate", probability=float() as probability)]:
            return Decision(probability=probability, usage=usage)
        case [_Answer(type="refusal")]:
            return Decision(probability=None, usage=usage)
        case _:
            raise UpstreamDataError("the upstream's answer holds no decision on the one question")


def _usage(counts: _Counts) -> Usage:
    cached, written = (
        counts.input_tokens_details.cached_tokens,
        counts.input_tokens_details.cache_write_tokens,
    )
    reasoning = min(counts.output_tokens, counts.output_tokens_details.reasoning_tokens)
    return Usage(
        uncached=max(0, counts.input_tokens - cached - written),
        cached=cached,
        written=written,
        visible=counts.output_tokens - reasoning,
        reasoning=reasoning,
    )
