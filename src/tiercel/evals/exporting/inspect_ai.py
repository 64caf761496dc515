"""A candidate's answers as a log of Inspect AI (`.json`), by its documented schema: one model, one log."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tiercel.domain.json import Json, JsonObject
from tiercel.evals.evaluation import Candidate, Item
from tiercel.evals.results import Result, Score
from tiercel.evals.run_folder import Manifest

LOG_VERSION = 2
STOPS = {
    "stop": "stop",
    "length": "max_tokens",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


def inspect_log(manifest: Manifest, candidate: Candidate, results: Sequence[Result]) -> JsonObject:
    """The log. What Inspect has no place for (TTFT, money, what was repaired) stands in the samples' metadata."""
    evaluation = manifest.evaluation
    items = {item.id: item for item in evaluation.items}
    model = _model(candidate.address)
    measured = [one for one in results if one.state != "error"]
    started = _time(manifest.started_at)
    return {
        "version": LOG_VERSION,
        "status": "success" if manifest.finished_at is not None else "cancelled",
        "eval": {
            "eval_id": f"{manifest.id}-{candidate.id}",
            "run_id": manifest.id,
            "task_id": evaluation.hash or manifest.id,
            "created": started,
            "task": evaluation.name,
            "task_version": 0,
            "dataset": {"name": evaluation.name, "samples": len(items)},
            "model": model,
            "model_args": {},
            "config": {"epochs": evaluation.run.repeats},
            "packages": {"tiercel": manifest.tiercel},
            "metadata": {
                "candidate": candidate.id,
                "address": candidate.address,
                "simulated": manifest.simulated,
            },
        },
        "plan": {"name": "plan", "steps": [], "config": {}},
        "results": {
            "total_samples": len(results),
            "completed_samples": len(measured),
            "scores": [_accuracy(measured)],
        },
        "stats": {
            "started_at": started,
            "completed_at": _time(manifest.finished_at or manifest.started_at),
            "model_usage": {model: _usage(results)},
        },
        "samples": [_sample(one, items.get(one.item), model) for one in results],
    }


def _sample(result: Result, item: Item | None, model: str) -> JsonObject:
    messages = item.body.get("messages", []) if item else []
    answer: JsonObject = {"role": "assistant", "content": result.output, "source": "generate", "model": model}
    sample: JsonObject = {
        "id": result.item,
        "epoch": result.repeat,
        "input": [_message(one) for one in messages],
        "choices": list(item.choices) if item and item.choices else None,
        "target": list(item.target) if item else [],
        "messages": [*(_message(one) for one in messages), answer],
        "output": {
            "model": result.model_returned or model,
            "choices": [{"message": answer, "stop_reason": STOPS.get(result.finish or "", "unknown")}],
            "completion": result.output,
            "usage": _usage([result]),
            "time": result.seconds,
        },
        "scores": {"tiercel": _overall(result)} | {score.name: _score(score) for score in result.scores},
        "metadata": {**(item.metadata if item else {}), "tiercel": _more(result)},
        "store": {},
        "events": [],
        "model_usage": {model: _usage([result])},
        "total_time": result.seconds,
        "attachments": {},
    }
    if result.state == "error":
        sample["error"] = {"message": result.reason, "traceback": "", "traceback_ansi": ""}
    return sample


def _overall(result: Result) -> JsonObject:
    value = "C" if result.state == "passed" else "N" if result.state == "error" else "I"
    return {"value": value, "answer": result.output, "explanation": result.reason or None}


def _score(score: Score) -> JsonObject:
    if score.unmeasured is not None:
        return {"value": "N", "explanation": score.unmeasured}
    return {"value": score.value, "explanation": score.reason or None, "metadata": {"met": score.met}}


def _accuracy(measured: Sequence[Result]) -> JsonObject:
    passed = sum(one.state == "passed" for one in measured)
    accuracy = passed / len(measured) if measured else 0.0
    return {
        "name": "tiercel",
        "scorer": "tiercel",
        "params": {},
        "metrics": {"accuracy": {"name": "accuracy", "value": accuracy, "params": {}}},
    }


def _message(message: JsonObject) -> JsonObject:
    """A message; parts that Inspect writes otherwise are put in its form."""
    content = message.get("content")
    role = message.get("role")
    row: JsonObject = {"role": "system" if role == "developer" else role, "source": "input"}
    if isinstance(content, list):
        return {**row, "content": [_part(part) for part in content if isinstance(part, dict)]}
    return {**row, "content": content or ""}


def _part(part: JsonObject) -> JsonObject:
    image: Json = part.get("image_url")
    if part.get("type") == "image_url" and isinstance(image, dict):
        return {"type": "image", "image": image.get("url", ""), "detail": "auto"}
    return part


def _more(result: Result) -> JsonObject:
    return {
        "kind": result.kind,
        "cost_nano": result.cost_nano,
        "ttft_seconds": result.ttft_seconds,
        "ttfa_seconds": result.ttfa_seconds,
        "cached": result.cached,
        "repaired": [score.name for score in result.scores if score.repaired],
    }


def _usage(results: Sequence[Result]) -> JsonObject:
    into = sum(one.input_tokens or 0 for one in results)
    out = sum(one.output_tokens or 0 for one in results)
    return {"input_tokens": into, "output_tokens": out, "total_tokens": into + out}


def _model(address: str) -> str:
    """Inspect's names begin with a provider."""
    return address if "/" in address else f"tiercel/{address}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
