"""A run as promptfoo writes its results (`promptfoo eval -o results.json`), which its viewer imports."""

from datetime import UTC, datetime

import msgspec

from tiercel.domain.json import JsonObject
from tiercel.evals.evaluation import Evaluation, Expectation, Item
from tiercel.evals.exporting.rows import as_json, usd
from tiercel.evals.results import Result, Score
from tiercel.evals.run_folder import RunFolder

VERSION = 3
NO_FAILURE, ASSERT_FAILED, ERROR = 0, 1, 2
"""promptfoo's reasons of failure."""


def promptfoo_results(run: RunFolder) -> JsonObject:
    """The whole file. Items are its tests, candidates its providers; `{{messages}}`, a variable of each, its prompt."""
    manifest = run.manifest
    evaluation = manifest.evaluation
    places = {item.id: place for place, item in enumerate(evaluation.items)}
    columns = {candidate.id: place for place, candidate in enumerate(evaluation.candidates)}
    items = {item.id: item for item in evaluation.items}
    results = list(run.results().values())
    created = datetime.fromtimestamp(manifest.started_at, UTC).isoformat(timespec="milliseconds")
    addresses = {candidate.id: candidate.address for candidate in evaluation.candidates}
    rows = [
        {
            **_result(one, items.get(one.item), places.get(one.item, 0), columns.get(one.candidate, 0)),
            "provider": {"id": addresses.get(one.candidate, one.candidate), "label": one.candidate},
        }
        for one in results
    ]
    return {
        "evalId": manifest.id,
        "results": {
            "version": VERSION,
            "timestamp": created,
            "prompts": [_prompt(candidate.id, results) for candidate in evaluation.candidates],
            "results": rows,
            "stats": _stats(results),
        },
        "config": _config(evaluation),
        "shareableUrl": None,
        "metadata": {"exportedAt": created, "exportedBy": f"tiercel {manifest.tiercel}".strip()},
    }


def _result(result: Result, item: Item | None, place: int, column: int) -> JsonObject:
    test = _test(item) if item else {"vars": {}}
    raw = test["vars"].get("messages", "")
    return {
        "id": f"{result.item}/{result.candidate}/{result.repeat}",
        "testIdx": place,
        "promptIdx": column,
        "prompt": {"raw": raw, "label": "messages"},
        "promptId": "messages",
        "vars": test["vars"],
        "testCase": test,
        "response": {
            "output": result.output,
            "cached": result.cached,
            "tokenUsage": _tokens([result]),
            "finishReason": result.finish,
        },
        "success": result.state == "passed",
        "failureReason": {"passed": NO_FAILURE, "failed": ASSERT_FAILED, "error": ERROR}[result.state],
        "error": result.reason if result.state == "error" else None,
        "score": result.score,
        "namedScores": {score.name: score.value for score in result.scores if score.unmeasured is None},
        "latencyMs": None if result.seconds is None else round(result.seconds * 1_000),
        "cost": usd(result.cost_nano),
        "gradingResult": {
            "pass": result.state == "passed",
            "score": result.score,
            "reason": result.reason,
            "componentResults": [_component(score) for score in result.scores],
        },
        "metadata": {"kind": result.kind, "repeat": result.repeat, "simulated": result.simulated},
    }


def _component(score: Score) -> JsonObject:
    return {
        "pass": score.met and score.unmeasured is None,
        "score": score.value,
        "reason": score.unmeasured or score.reason,
        "assertion": {"type": score.name, "weight": score.weight},
    }


def _test(item: Item) -> JsonObject:
    test: JsonObject = {
        "vars": {**item.variables, "messages": as_json(item.body.get("messages", []))},
        "assert": [_assertion(one) for one in item.expectations],
        "metadata": {**item.metadata, "id": item.id},
    }
    return test if item.threshold is None else {**test, "threshold": item.threshold}


def _assertion(expectation: Expectation) -> JsonObject:
    row: JsonObject = {"type": ("not-" if expectation.negated else "") + expectation.scorer}
    given = {
        "value": expectation.value,
        "threshold": expectation.threshold,
        "weight": None if expectation.weight == 1 else expectation.weight,
        "metric": expectation.metric,
    }
    return row | {key: value for key, value in given.items() if value is not None}


def _prompt(candidate: str, results: list[Result]) -> JsonObject:
    own = [one for one in results if one.candidate == candidate]
    return {
        "raw": "{{messages}}",
        "label": "messages",
        "id": "messages",
        "provider": candidate,
        "metrics": {
            "score": sum(one.score for one in own),
            "testPassCount": sum(one.state == "passed" for one in own),
            "testFailCount": sum(one.state == "failed" for one in own),
            "testErrorCount": sum(one.state == "error" for one in own),
            "assertPassCount": sum(score.met for one in own for score in one.scores),
            "assertFailCount": sum(not score.met for one in own for score in one.scores),
            "totalLatencyMs": round(sum(one.seconds or 0 for one in own) * 1_000),
            "tokenUsage": _tokens(own),
            "namedScores": {},
            "namedScoresCount": {},
            "cost": sum(usd(one.cost_nano) or 0 for one in own),
        },
    }


def _stats(results: list[Result]) -> JsonObject:
    return {
        "successes": sum(one.state == "passed" for one in results),
        "failures": sum(one.state == "failed" for one in results),
        "errors": sum(one.state == "error" for one in results),
        "tokenUsage": _tokens(results),
    }


def _tokens(results: list[Result]) -> JsonObject:
    into = sum(one.input_tokens or 0 for one in results)
    out = sum(one.output_tokens or 0 for one in results)
    return {"prompt": into, "completion": out, "total": into + out, "numRequests": len(results)}


def _config(evaluation: Evaluation) -> JsonObject:
    return {
        "description": evaluation.description or evaluation.name,
        "prompts": ["{{messages}}"],
        "providers": [
            {"id": one.address, "label": one.id, "config": msgspec.to_builtins(one.fields)}
            for one in evaluation.candidates
        ],
        "tests": [_test(item) for item in evaluation.items],
    }
