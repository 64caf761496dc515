"""How often recorded answers agree, and how often they are right when they do: `python -m bench.agreement --data FILE`.

FILE is a table of recorded outcomes with real answer texts (columns prompt, model, response, score, query_id, split).
Nothing is trained; the truth is used only to count.
"""

import argparse
import statistics
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tiercel.checks.comparing.compare import Outcome, Tally, tally
from tiercel.domain.request import Message, ModelRequest, Text
from tiercel.domain.response import Choice, Finish

DATA = Path(__file__).parents[1] / ".." / "shared/data/outcomes/zeroeval.parquet"
COLUMNS = ["query_id", "prompt", "model", "response", "score", "split"]
CHEAP = ("gpt-4o-mini-2024-07-18", "gemini-1.5-flash", "deepseek-v2.5-0908")
STRONG = "gpt-4o-2024-08-06"
OUTCOMES: tuple[Outcome, ...] = ("unanimous", "majority", "split")

Rows = dict[str, Any]


def main() -> None:
    """Print a table for each split."""
    arguments = _arguments()
    models = tuple(arguments.models.split(","))
    by_split: dict[str, list[tuple[Tally, dict[str, Rows]]]] = defaultdict(list)
    seconds: list[float] = []
    for answers in _queries(arguments.data, (*models, arguments.strong)):
        first = answers[models[0]]
        started = time.process_time()
        found = tally(_asked(first["prompt"]), [_said(answers[model]["response"]) for model in models])
        seconds.append(time.process_time() - started)
        by_split[first["split"]].append((found, answers))
    for split, tallied in sorted(by_split.items()):
        _show(split, tallied, models, arguments.strong)
    print(f"\n{statistics.median(seconds) * 1e6:.0f} µs of CPU to compare {len(models)} answers (median)")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="Parquet file of recorded outcomes")
    parser.add_argument("--models", default=",".join(CHEAP), help="whose answers are compared")
    parser.add_argument("--strong", default=STRONG, help="whose score stands beside")
    return parser.parse_args()


def _queries(path: Path, models: tuple[str, ...]) -> list[dict[str, Rows]]:
    """Of each query the rows of these models, where all of them answered."""
    table = pq.read_table(path, columns=COLUMNS, filters=[("model", "in", list(models))])
    queries: dict[str, dict[str, Rows]] = defaultdict(dict)
    for row in table.to_pylist():
        if row["response"] is not None:
            queries[row["query_id"]][row["model"]] = row
    return [rows for rows in queries.values() if len(rows) == len(models)]


def _asked(prompt: str) -> ModelRequest:
    message = Message(role="user", parts=(Text(text=prompt),))
    return ModelRequest(format="openai_chat", model="auto", messages=(message,))


def _said(text: str) -> Choice:
    return Choice(parts=(Text(text=text),), finish=Finish(reason="stop"))


def _show(
    split: str, tallied: list[tuple[Tally, dict[str, Rows]]], models: tuple[str, ...], strong: str
) -> None:
    kinds = Counter(found.kind for found, _ in tallied)
    print(f"\n{split}: {len(tallied)} queries, compared as {dict(kinds)}")
    print("| outcome | queries | share | the leading answer is right | the strong model is right |")
    print("|---|---|---|---|---|")
    for outcome in OUTCOMES:
        of_it = [(found, answers) for found, answers in tallied if found.outcome == outcome]
        if not of_it:
            continue
        led = [answers[models[found.leaders[0]]]["score"] for found, answers in of_it if found.leaders]
        right = f"{statistics.fmean(led):.1%}" if led else "none leads"
        beside = statistics.fmean(answers[strong]["score"] for _, answers in of_it)
        print(f"| {outcome} | {len(of_it)} | {len(of_it) / len(tallied):.1%} | {right} | {beside:.1%} |")


if __name__ == "__main__":
    main()
