"""What a sample of an Inspect log came to, as our rows of results."""

from math import isfinite

from tiercel.domain.json import Json, JsonObject
from tiercel.evals.results import Kind, Result, Score

VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's letters: correct, partial, incorrect, no answer."""
FINISHES = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


def scorer_names(samples: list[JsonObject]) -> list[str]:
    """Every scorer that measured one of them, in order of appearance."""
    names: dict[str, None] = {}
    for sample in samples:
        names.update(dict.fromkeys(_scores(sample)))
    return list(names)


def result_of(sample: JsonObject, model: str, names: list[str], at: float) -> Result:
    """One sample in one epoch. Its `seconds` are those of the model's last call, where the log has them."""
    output = sample["output"] if isinstance(sample.get("output"), dict) else {}
    measured = _scores(sample)
    scores = tuple(_score(name, measured.get(name)) for name in names)
    broken = _failure(sample)
    counted = [score for score in scores if score.unmeasured is None]
    passed = bool(counted) and len(counted) == len(scores) and all(score.met for score in counted)
    kind: Kind = "ok" if passed else "expectation"
    if broken is None and len(counted) < len(scores):
        broken, kind = "; ".join(score.unmeasured or "" for score in scores if score.unmeasured), "scorer"
    elif broken is not None:
        kind = "provider"
    usage = _usage(sample)
    return Result(
        item=str(sample.get("id")),
        candidate=model,
        repeat=_count(sample.get("epoch")) or 1,
        state="error" if broken is not None else "passed" if passed else "failed",
        kind=kind,
        reason=broken or "; ".join(score.reason for score in scores if score.reason and not score.met)[:500],
        output=_completion(output),
        score=sum(score.value for score in counted) / len(counted) if counted else 0.0,
        scores=scores,
        seconds=_seconds(output.get("time")),
        input_tokens=usage[0],
        output_tokens=usage[1],
        finish=_finish(output),
        model_returned=output["model"] if isinstance(output.get("model"), str) else "",
        at=at,
    )


def _scores(sample: JsonObject) -> JsonObject:
    scores = sample.get("scores")
    if isinstance(scores, dict):
        return scores
    score = sample.get("score")  # logs of old
    return {"score": score} if isinstance(score, dict) else {}


def _score(name: str, given: Json) -> Score:
    if not isinstance(given, dict):
        return Score(name=name, unmeasured="the log has no score")
    value = given.get("value")
    reason = given["explanation"] if isinstance(given.get("explanation"), str) else ""
    number = VALUES.get(value) if isinstance(value, str) else None
    if isinstance(value, bool | int | float) and isfinite(value) and 0 <= value <= 1:
        number = float(value)
    if number is None:
        return Score(name=name, reason=reason, unmeasured=f"{str(value)[:60]!r} is no score from 0 to 1")
    return Score(name=name, value=number, met=number >= 1, reason=reason)


def _failure(sample: JsonObject) -> str | None:
    error = sample.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or "the sample failed")
    return str(error) if error else None


def _completion(output: JsonObject) -> str:
    if isinstance(output.get("completion"), str):
        return str(output["completion"])
    choices = output.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = first.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return "".join(
            str(part.get("text", ""))
            for part in content
            if isinstance(part, dict) and part.get("type") == "text"
        )
    return content if isinstance(content, str) else ""


def _finish(output: JsonObject) -> str | None:
    choices = output.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    reason = first.get("stop_reason")
    return FINISHES.get(reason, "unknown") if isinstance(reason, str) else None


def _usage(sample: JsonObject) -> tuple[int | None, int | None]:
    """Tokens of all its models' calls: what went in (cached counted), and what came out."""
    usage = sample.get("model_usage")
    rows = [row for row in usage.values() if isinstance(row, dict)] if isinstance(usage, dict) else []
    if not rows:
        return None, None
    into = sum(
        _count(row.get(key)) or 0
        for row in rows
        for key in ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
    )
    return into, sum(_count(row.get("output_tokens")) or 0 for row in rows)


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _seconds(value: Json) -> float | None:
    is_time = (
        isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0
    )
    return float(value) if is_time else None
