"""From which cosine on do two free texts say the same? `python -m bench.meaning --url URL --model NAME`.

URL is where an OpenAI-compatible server embeds. Two sets of pairs, compared by the code of the check `agreement`:

- worked solutions of one problem by three models (GSM8K in ZeroEval, the text of the reasoning alone): the same where
  their results are the same;
- LLMBar's good and bad answers to one instruction: what is called the same there is called so wrongly.
"""

import argparse
import itertools
import json
import os
import random
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import openai
import pyarrow.parquet as pq

from tiercel.checks.comparing.compare import tally
from tiercel.checks.comparing.meaning import Meaning
from tiercel.domain.embedding import Vector
from tiercel.domain.request import ModelRequest, Text
from tiercel.domain.response import Choice, Finish

DATA = Path(__file__).parents[1] / ".." / "shared/data"
MODELS = ("gpt-4o-mini-2024-07-18", "gemini-1.5-flash", "Meta-Llama-3.1-8B-Instruct")
THRESHOLDS = (0.8, 0.85, 0.9, 0.92, 0.95, 0.97)
REASONING = re.compile(r'"reasoning"\s*:\s*("(?:[^"\\]|\\.)*")', re.DOTALL)
REQUEST = ModelRequest(format="openai_chat", model="auto", messages=())
BATCH = 64


class Pair(NamedTuple):
    """Two texts, and whether they come to the same."""

    a: str
    b: str
    same: bool


def main() -> None:
    """Print a table."""
    arguments = _arguments()
    solutions = _solutions(arguments.data, arguments.problems)
    answers = _judged(arguments.data)
    vectors = _embedded([text for pair in (*solutions, *answers) for text in pair[:2]], arguments)
    truly = sum(pair.same for pair in solutions)
    print(f"{arguments.model}: {len(solutions)} pairs of solutions, {truly} with the same result; ", end="")
    print(f"{len(answers)} pairs of a good and a bad answer\n")
    print("| the same from | solutions called the same | of these rightly | good and bad called the same |")
    print("|---|---|---|---|")
    for threshold in (None, *THRESHOLDS):
        found = [pair for pair in solutions if _agree(pair, vectors, threshold)]
        wrong = sum(_agree(pair, vectors, threshold) for pair in answers)
        right = sum(pair.same for pair in found)
        print(
            f"| {'words, 0.8' if threshold is None else threshold} | {len(found) / len(solutions):.1%} "
            f"| {right} of {len(found)} | {wrong} of {len(answers)} |"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="where an OpenAI-compatible API begins")
    parser.add_argument("--model", required=True, help="who embeds; the key is read from OPENAI_API_KEY")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with outcomes and evalsets")
    parser.add_argument("--problems", type=int, default=300, help="how many, drawn with seed 1 from train")
    return parser.parse_args()


def _solutions(data: Path, problems: int) -> list[Pair]:
    filters = [("split", "=", "train"), ("category", "=", "gsm"), ("model", "in", list(MODELS))]
    table = pq.read_table(data / "outcomes/zeroeval.parquet", filters=filters)
    by_query: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in table.to_pylist():
        found = REASONING.search(row["response"] or "")
        if found is not None:
            by_query[row["query_id"]].append((_unquoted(found[1]), row["pred"]))
    whole = sorted(query for query, said in by_query.items() if len(said) == len(MODELS))
    drawn = random.Random(1).sample(whole, min(problems, len(whole)))
    return [
        Pair(a=a, b=b, same=result == other)
        for query in drawn
        for (a, result), (b, other) in itertools.combinations(by_query[query], 2)
    ]


def _unquoted(quoted: str) -> str:
    try:
        return str(json.loads(quoted, strict=False))
    except ValueError:  # LaTeX in it, say
        return quoted[1:-1]


def _judged(data: Path) -> list[Pair]:
    rows = [
        row
        for path in sorted((data / "evalsets/judge").glob("LLMBar_*.json"))
        for row in json.loads(path.read_text("utf-8"))
    ]
    return [Pair(a=row["output_1"], b=row["output_2"], same=False) for row in rows]


def _embedded(texts: list[str], arguments: argparse.Namespace) -> dict[str, Vector]:
    """Each text once, in batches."""
    client = openai.OpenAI(base_url=arguments.url, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    distinct = [text for text in dict.fromkeys(texts) if text.strip()]
    vectors: dict[str, Vector] = {}
    for start in range(0, len(distinct), BATCH):
        batch = distinct[start : start + BATCH]
        answer = client.embeddings.create(model=arguments.model, input=batch, encoding_format="float")
        vectors |= {text: tuple(row.embedding) for text, row in zip(batch, answer.data, strict=True)}
    return vectors


def _agree(pair: Pair, vectors: dict[str, Vector], threshold: float | None) -> bool:
    """As the check says; without a threshold by the words alone."""
    choices = [Choice(parts=(Text(text=text),), finish=Finish(reason="stop")) for text in pair[:2]]
    found = {place: vectors[text] for place, text in enumerate(pair[:2]) if text in vectors}
    meaning = None if threshold is None else Meaning(vectors=found, same=threshold)
    return tally(REQUEST, choices, kind="text", meaning=meaning).outcome == "unanimous"


if __name__ == "__main__":
    main()
