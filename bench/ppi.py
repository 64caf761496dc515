"""Does an interval from a judge cover what people say: `python -m bench.ppi --draws N`.

Recorded verdicts of judges that saw each pair of answers in one fixed order, beside people's preferences (LLMBar's
processed MT-Bench, FairEval and LLMEval^2). The share of pairs in which people prefer the first answer is known; each
draw takes items with replacement and asks how often the nominal 95 % interval holds it: from judged items alone, from
human labels alone, and from both by PPI++.
"""

import argparse
import csv
import gzip
import json
import statistics
import sys
from pathlib import Path

import numpy as np

from tiercel.evals.statistics.prediction_powered import prediction_powered_mean
from tiercel.evals.statistics.score import score
from tiercel.evals.statistics.values import Array

DATA = Path(__file__).parents[1] / ".." / "shared/data/evalsets/judge/llmbar_verdicts.csv.gz"
JUDGES = ("GPT-4", "ChatGPT", "LLaMA2", "PaLM2")
STRATEGY = "Metrics_Reference"
JUDGED = 1_000


def main() -> None:
    """Print the table, or with --json one object; exit 2 where the data is absent."""
    arguments = _arguments()
    if not arguments.data.exists():
        print(f"skipped: {arguments.data} is not there", file=sys.stderr)
        raise SystemExit(2)
    found = measure(arguments.data, draws=arguments.draws, labels=arguments.labels, seed=arguments.seed)
    print(json.dumps(found, indent=2) if arguments.json else _table(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--labels", type=int, default=40, help="human labels in each draw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(data: Path, *, draws: int, labels: int, seed: int) -> dict[str, dict[str, float]]:
    """For each judge the coverage of each kind of interval."""
    preferred = human_preferences(data)
    return {judge: _coverage(preferred[judge], draws, labels, seed) for judge in JUDGES}


def human_preferences(data: Path) -> dict[str, tuple[Array, Array]]:
    """For each judge: 1 where people prefer the first answer, and 1 where the judge did, in one fixed order.

    Only the pairs on which GPT-4 gave a verdict in both orders count; another judge's invalid verdict is half a win.
    """
    with gzip.open(data, "rt", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["subset"].startswith("Processed/") and row["strategy"] == STRATEGY
        ]
    valid = {
        (row["subset"], row["item"])
        for row in rows
        if row["judge"] == JUDGES[0] and row["verdict_ab"] and row["verdict_ba"]
    }
    wins = {"1": 1.0, "2": 0.0, "": 0.5}
    by_judge: dict[str, tuple[Array, Array]] = {}
    for judge in JUDGES:
        kept = [row for row in rows if row["judge"] == judge and (row["subset"], row["item"]) in valid]
        human = np.array([wins[row["label"]] for row in kept])
        by_judge[judge] = human, np.array([wins[row["verdict_ab"]] for row in kept])
    return by_judge


def _coverage(outcomes: tuple[Array, Array], draws: int, labels: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    human, judge = outcomes
    truth = float(human.mean())
    covered = {"ppi": 0, "labels_only": 0, "judge_only": 0}
    worth = []
    for _ in range(draws):
        labelled = rng.integers(len(human), size=labels)
        others = judge[rng.integers(len(human), size=JUDGED)]
        found = prediction_powered_mean(human[labelled], judge[labelled], others)
        covered["ppi"] += found.interval.holds(truth)
        covered["labels_only"] += found.labels_only.holds(truth)
        covered["judge_only"] += score(others).interval.holds(truth)
        worth.append(found.worth)
    return {
        "pairs": len(human),
        "human_truth": truth,
        **{f"{kind}_coverage": count / draws for kind, count in covered.items()},
        "labels_worth": statistics.median(worth),
    }


def _table(found: dict[str, dict[str, float]]) -> str:
    lines = [f"{'judge':10}{'pairs':>6}{'truth':>8}{'PPI++':>8}{'labels':>8}{'judge':>8}{'worth':>8}"]
    for judge, row in found.items():
        coverage = "".join(f"{row[f'{kind}_coverage']:8.3f}" for kind in ("ppi", "labels_only", "judge_only"))
        lines.append(
            f"{judge:10}{row['pairs']:6.0f}{row['human_truth']:8.3f}{coverage}{row['labels_worth']:7.2f}x"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
