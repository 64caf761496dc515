"""From what came back to a row of the results: how it ended, in a word; its clocks, its calls, its scores."""

import time

import msgspec

from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import ModelResponse
from tiercel.evals.asked import Asked
from tiercel.evals.results import CallMade, Kind, Result
from tiercel.evals.running.answer_cache import KeptAnswer
from tiercel.evals.running.failures import Failed
from tiercel.evals.running.schedule import Unit
from tiercel.evals.scorers.run import Measured

NEVER_AGAIN = "never_again"
"""In a result's `extra`: asking the same again would give the same error."""
MIN_TOKENS = 16
"""Shorter answers say nothing about speed."""


def unanswered(unit: Unit, failed: Failed, asked: Asked) -> Result:
    """The row of an item that nobody answered, or that the candidate answered with nothing."""
    final = failed.then == "never" and not failed.is_own
    extra = {"failure": failed.failure} if failed.failure else {}
    return msgspec.structs.replace(
        _begun(unit, asked.record),
        state="failed" if failed.is_own else "error",
        kind=failed.kind,
        reason=failed.reason,
        extra={**extra, "tries": unit.tries, **({NEVER_AGAIN: True} if final else {})},
    )


def answered(unit: Unit, asked: Asked, response: ModelResponse, queue_seconds: float) -> Result:
    """The row of an answer, before it is measured. Clocks run from when the request was due."""
    result = _begun(unit, asked.record)
    return msgspec.structs.replace(
        result,
        output=response.text,
        tool_calls=_calls_of(response),
        seconds=_later(asked.seconds, queue_seconds),
        ttft_seconds=_later(asked.ttft_seconds, queue_seconds),
        ttfa_seconds=_later(asked.ttfa_seconds, queue_seconds),
        tokens_per_second=_speed(asked),
        queue_seconds=queue_seconds,
        finish=_finish(response),
    )


def from_cache(unit: Unit, kept: KeptAnswer) -> Result:
    """The row of an answer that was given before: with what it cost then, and no latency."""
    last = kept.calls[-1] if kept.calls else None
    return Result(
        item=unit.item.id,
        candidate=unit.candidate.id,
        repeat=unit.repeat,
        state="error",
        kind="scorer",
        output=kept.response.text,
        tool_calls=_calls_of(kept.response),
        input_tokens=None if last is None else last.input_tokens,
        output_tokens=None if last is None else last.output_tokens,
        cost_nano=kept.cost_nano,
        finish=_finish(kept.response),
        calls=kept.calls,
        lost=kept.lost,
        cached=True,
        simulated=kept.simulated,
        model_returned=kept.version,
        at=time.time(),
    )


def to_keep(result: Result, response: ModelResponse) -> KeptAnswer:
    """What the cache keeps of it."""
    return KeptAnswer(
        response=msgspec.structs.replace(response, extra={}),
        calls=result.calls,
        cost_nano=result.cost_nano,
        lost=result.lost,
        version=result.model_returned,
        simulated=result.simulated,
    )


def measured(result: Result, scores: Measured, threshold: float | None, response: ModelResponse) -> Result:
    """The row with its scores and what they come to. `threshold` is the item's own: its score decides then."""
    scored = msgspec.structs.replace(result, scores=scores.scores)
    if (why := scores.unmeasured) is not None:
        return msgspec.structs.replace(
            scored, state="error", kind="scorer", reason=f"could not be measured: {why}"
        )
    score = scores.score
    passed = scores.passed if threshold is None else score >= threshold - 1e-9
    kind = "ok" if passed else _miss(scores, response)
    reason = "" if passed else scores.misses
    return msgspec.structs.replace(
        scored, state="passed" if passed else "failed", kind=kind, score=score, reason=reason
    )


def _calls_of(response: ModelResponse) -> tuple[str, ...]:
    return tuple(
        f"{call.name}({call.arguments})" for choice in response.choices for call in choice.tool_calls
    )


def _begun(unit: Unit, record: Record | None) -> Result:
    """What is known of every row. Its state is yet to be said."""
    result = Result(
        item=unit.item.id,
        candidate=unit.candidate.id,
        repeat=unit.repeat,
        state="error",
        kind="scorer",
        at=time.time(),
    )
    if record is None:
        return result
    told = record.answer or (record.attempts[-1] if record.attempts else None)
    usage = None if told is None else told.usage
    return msgspec.structs.replace(
        result,
        input_tokens=None if usage is None else usage.input,
        output_tokens=None if usage is None else usage.output,
        cost_nano=record.cost_nano if record.cost_known else None,
        calls=tuple(map(_call, record.attempts)),
        lost=() if told is None else told.lost,
        simulated=record.simulated,
        model_returned="" if told is None else told.version or told.model,
        record=record.id,
    )


def _call(attempt: AttemptRecord) -> CallMade:
    usage = attempt.usage
    return CallMade(
        model=attempt.model,
        deployment=attempt.deployment,
        effort=attempt.effort,
        why=attempt.why,
        failure=attempt.failure.kind if attempt.failure is not None else None,
        finish=attempt.finish_reason,
        seconds=attempt.seconds,
        ttft_seconds=attempt.ttft_seconds,
        ttfa_seconds=attempt.ttfa_seconds,
        input_tokens=None if usage is None else usage.input,
        output_tokens=None if usage is None else usage.output,
        reasoning_tokens=None if usage is None else usage.reasoning,
        cost_nano=attempt.cost_nano,
    )


def _miss(scores: Measured, response: ModelResponse) -> Kind:
    """The one word for a miss: how the answer ended tells more than what was missed because of it."""
    choice = response.choices[0] if response.choices else None
    if choice is None or choice.is_empty:
        return "empty"
    if choice.refusal or choice.finish.reason == "content_filter":
        return "refused"
    if choice.finish.reason == "length":
        return "length"
    if "invalid_json" in scores.flaws:
        return "invalid_json"
    return "schema" if "schema" in scores.flaws else "expectation"


def _later(seconds: float | None, by: float) -> float | None:
    return None if seconds is None else seconds + by


def _speed(asked: Asked) -> float | None:
    """Tokens a second after the first, as its stream showed them. Thoughts that the stream did not show were thought
    before it began."""
    usage = (
        asked.record.answer.usage if asked.record is not None and asked.record.answer is not None else None
    )
    if asked.seconds is None or asked.ttft_seconds is None or usage is None:
        return None
    shown = asked.ttft_seconds != asked.ttfa_seconds
    tokens = usage.output if shown else usage.visible
    if tokens < MIN_TOKENS:
        return None
    passed = asked.seconds - asked.ttft_seconds
    return (tokens - 1) / passed if passed > 0 else None


def _finish(response: ModelResponse) -> str | None:
    return response.choices[0].finish.reason if response.choices else None
