"""Recorded outcomes as questions with the answers that real models gave: a table of outcomes, or GSM8K's solutions.

Nothing is decided here. Where a table lacks an answer's text, the recorded prediction stands in its place, in the form
that was asked for.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tiercel.domain.catalog import Prices
from tiercel.domain.money import nano_from_usd
from tiercel.testing.lab.recorded import read_recorded, usage_of
from tiercel.testing.lab.setup import ASSUMED_USD_PER_MILLION

COLUMNS = ("query_id", "category", "prompt", "model", "score", "cost_usd")
PERHAPS = ("response", "pred", "truncated", "json_ok_raw", "split")


class RowsError(Exception):
    """The file is not of the form that is read here; the message says what is missing."""


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """What a model once answered: its text, whether that was right (0 to 1), what the call cost.

    `text` is "" where nothing readable was recorded. `predicted` says that the text is made from the prediction.
    """

    text: str
    score: float
    nano: int
    cut: bool = False
    predicted: bool = False


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question and what each model answered."""

    id: str
    task: str
    prompt: str
    calls: dict[str, RecordedCall]


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The questions of one split that all of the models answered. `left_out` were not answered by all."""

    split: str
    queries: tuple[Query, ...]
    left_out: int = 0
    asks_json: bool = False
    """Whether the models were asked for JSON."""
    prices: str = "recorded"

    def predicted(self, models: Sequence[str]) -> dict[str, int]:
        """For how many questions each model's text is made from its prediction."""
        counts = Counter(m for query in self.queries for m in models if query.calls[m].predicted)
        return {model: counts[model] for model in models}


def read_rows(path: Path, models: Sequence[str], split: str | None = None) -> Rows:
    """The questions of `split` that all `models` answered at a known cost.

    Without a split: `val` where the table has it, else all rows. Raises `RowsError`.
    """
    rows, asks_json = _table(path, models)
    present = {str(row.get("split")) for row in rows}
    if split is None and "val" in present:
        split = "val"
    if split not in (None, "all"):
        rows = [row for row in rows if row.get("split") == split]
    by_query: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        if row["cost_usd"] is not None and not math.isnan(row["cost_usd"]):
            by_query[row["query_id"]][row["model"]] = row
    queries = tuple(
        _query(answers, asks_json) for answers in by_query.values() if len(answers) == len(models)
    )
    if not queries:
        raise RowsError(
            f"{path}: no question of split {split or 'all'} that {', '.join(models)} all answered"
        )
    return Rows(
        split=split or "all",
        queries=queries,
        left_out=len({row["query_id"] for row in rows}) - len(queries),
        asks_json=asks_json,
    )


def models_in(path: Path, split: str) -> dict[str, tuple[int, float]]:
    """How many questions of a split each model answered at a known cost, and its mean cost in dollars."""
    import pyarrow.parquet as pq

    costs: dict[str, list[float]] = defaultdict(list)
    table = pq.read_table(path, columns=["model", "cost_usd"], filters=[("split", "==", split)])
    for row in table.to_pylist():
        if row["cost_usd"] is not None and not math.isnan(row["cost_usd"]):
            costs[row["model"]].append(row["cost_usd"])
    return {model: (len(found), sum(found) / len(found)) for model, found in costs.items()}


def read_gsm8k(path: Path) -> tuple[Rows, tuple[str, ...]]:
    """GSM8K's recorded solutions, with the models in the order of their sizes.

    Tokens are estimated from the texts, prices are assumed: nobody published any.
    """
    recorded = read_recorded(path)
    prices = {
        model: Prices(input=nano_from_usd(usd), output=nano_from_usd(usd), source="assumed")
        for model, usd in zip(recorded.models, ASSUMED_USD_PER_MILLION, strict=True)
    }
    calls: dict[str, dict[str, RecordedCall]] = defaultdict(dict)
    for answer in recorded.answers:
        nano = prices[answer.model].cost(usage_of(answer))
        assert nano is not None, "both prices are given"
        calls[answer.prompt][answer.model] = RecordedCall(
            text=answer.answer, score=float(bool(answer.right)), nano=nano
        )
    queries = tuple(
        Query(id=str(place), task="gsm8k", prompt=prompt, calls=answers)
        for place, (prompt, answers) in enumerate(calls.items())
        if len(answers) == len(recorded.models)
    )
    rows = Rows(split="all", queries=queries, left_out=len(calls) - len(queries), prices="assumed")
    return rows, recorded.models


def _table(path: Path, models: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
    """The rows of these models, and whether the table says how well answers were JSON."""
    import pyarrow
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
        missing = [name for name in COLUMNS if name not in names]
        if missing or not {"response", "pred"} & set(names):
            raise RowsError(f"{path}: no column {', '.join(missing) or 'response or pred'}")
        columns = [*COLUMNS, *(name for name in PERHAPS if name in names)]
        table = pq.read_table(path, columns=columns, filters=[("model", "in", list(models))])
    except (OSError, pyarrow.ArrowException) as error:
        raise RowsError(f"{path}: cannot be read: {error}") from error
    return table.to_pylist(), "json_ok_raw" in names


def _query(rows: dict[str, dict[str, Any]], asks_json: bool) -> Query:
    first = next(iter(rows.values()))
    return Query(
        id=first["query_id"],
        task=first["category"],
        prompt=first["prompt"],
        calls={model: _call(row, asks_json) for model, row in rows.items()},
    )


def _call(row: dict[str, Any], asks_json: bool) -> RecordedCall:
    response = row.get("response")
    return RecordedCall(
        text=_as_text(row.get("pred"), asks_json) if response is None else response,
        score=row["score"],
        nano=nano_from_usd(Decimal(repr(row["cost_usd"]))),
        cut=bool(row.get("truncated")),
        predicted=response is None,
    )


def _as_text(predicted: object, asks_json: bool) -> str:
    """An answer that says what was predicted, in the form that was asked for."""
    if predicted is None:
        return ""
    return json.dumps({"reasoning": "", "answer": str(predicted)}) if asks_json else str(predicted)
