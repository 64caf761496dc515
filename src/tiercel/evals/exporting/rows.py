"""One flat row for each answer: what tables of every kind have in common.

Of several rows of one item, candidate and repeat the last counts, as everywhere. Money is in dollars. Pictures are told
in words: no cell of a table holds one, and `run.json` has them.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.domain.money import usd_from_nano
from tiercel.evals.evaluation import Item
from tiercel.evals.results import Result
from tiercel.evals.run_folder import RunFolder
from tiercel.measure.message_words import without_pictures

Kind: TypeAlias = Literal["text", "integer", "number", "boolean", "json"]

COLUMNS: dict[str, Kind] = {
    "run": "text",
    "item": "text",
    "candidate": "text",
    "address": "text",
    "repeat": "integer",
    "state": "text",
    "kind": "text",
    "reason": "text",
    "score": "number",
    "output": "text",
    "tool_calls": "text",
    "seconds": "number",
    "ttft_seconds": "number",
    "ttfa_seconds": "number",
    "queue_seconds": "number",
    "tokens_per_second": "number",
    "input_tokens": "integer",
    "output_tokens": "integer",
    "cost_usd": "number",
    "judges_cost_usd": "number",
    "finish": "text",
    "calls": "integer",
    "cached": "boolean",
    "simulated": "boolean",
    "model_returned": "text",
    "record": "text",
    "at": "number",
    "messages": "json",
    "target": "json",
    "metadata": "json",
    "weight": "number",
    "cluster": "text",
    "scores": "json",
}
"""The columns of every table, in their order."""


def flat_rows(run: RunFolder) -> Iterator[JsonObject]:
    """Each answer with its item, under the names of `COLUMNS`. Raises `ConfigError` for a damaged file."""
    items = {item.id: item for item in run.manifest.evaluation.items}
    addresses = {one.id: one.address for one in run.manifest.evaluation.candidates}
    for result in run.results().values():
        yield _row(result, items.get(result.item), addresses.get(result.candidate, ""), run.manifest.id)


def usd(nano: int | None) -> float | None:
    """Dollars; an unknown price stays unknown."""
    return None if nano is None else float(usd_from_nano(nano))


def as_json(value: Json) -> str:
    """A value that a cell cannot hold otherwise."""
    return msgspec.json.encode(value).decode()


def _row(result: Result, item: Item | None, address: str, run: str) -> JsonObject:
    return {
        "run": run,
        "item": result.item,
        "candidate": result.candidate,
        "address": address,
        "repeat": result.repeat,
        "state": result.state,
        "kind": result.kind,
        "reason": result.reason,
        "score": result.score,
        "output": result.output,
        "tool_calls": "\n".join(result.tool_calls),
        "seconds": result.seconds,
        "ttft_seconds": result.ttft_seconds,
        "ttfa_seconds": result.ttfa_seconds,
        "queue_seconds": result.queue_seconds,
        "tokens_per_second": result.tokens_per_second,
        "input_tokens": result.input_tokens,
        "output_tokens": result.output_tokens,
        "cost_usd": usd(result.cost_nano),
        "judges_cost_usd": None if result.judges_unpriced_calls else usd(result.judges_nano),
        "finish": result.finish,
        "calls": len(result.calls),
        "cached": result.cached,
        "simulated": result.simulated,
        "model_returned": result.model_returned,
        "record": result.record,
        "at": result.at,
        "messages": without_pictures(item.body.get("messages", [])) if item else [],
        "target": list(item.target) if item else [],
        "metadata": item.metadata if item else {},
        "weight": item.weight if item else 1.0,
        "cluster": item.cluster if item else None,
        "scores": [
            {
                "name": score.name,
                "value": None if score.unmeasured else score.value,
                "met": None if score.unmeasured else score.met,
                "weight": score.weight,
                "reason": score.unmeasured or score.reason,
                "repaired": score.repaired,
                "by": score.by,
                "cost_usd": usd(score.full_cost_nano),
            }
            for score in result.scores
        ],
    }
