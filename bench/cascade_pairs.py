"""Which two models to ask: `python -m bench.cascade_pairs` ranks pairs of cheap recorded models on the split `train`.

All pairs are measured on the same questions, those that every model of the pool answered. The best of many pairs looks
better than it is, so what it is worth must be read on another split.
"""

import argparse
import asyncio
import sys
from itertools import combinations
from pathlib import Path

from bench.cascade import CHEAP, DATA, STRONG
from bench.cascade_curve import LEVELS, Sample, figures, mixing
from bench.cascade_rows import Rows, RowsError, models_in, read_rows
from bench.cascade_strategies import Ladder, two_opinion_ways
from bench.figures import markdown


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="Parquet of recorded outcomes")
    parser.add_argument(
        "--at-most",
        type=float,
        default=0.06,
        metavar="SHARE",
        help="what a model of the pool may cost, as a share of the strong one's (default: %(default)s)",
    )
    parser.add_argument(
        "--answered",
        type=float,
        default=0.7,
        metavar="SHARE",
        help="which share of the strong one's questions it must have answered (default: %(default)s)",
    )
    return parser


def main() -> int:
    """Print the pairs, best first; 2 where the data is not there."""
    options = parser().parse_args()
    try:
        return asyncio.run(_rank(options.data, options.at_most, options.answered))
    except RowsError as error:
        print(f"cascade_pairs: {error}", file=sys.stderr)
        return 2


async def _rank(data: Path, at_most: float, answered: float) -> int:
    pool = _pool(data, at_most, answered)
    rows = read_rows(data, (CHEAP, STRONG, *pool), "train")
    ranked: list[tuple[list[float], str]] = []
    for pair in combinations(pool, 2):
        costs = await _costs(rows, Ladder(cheap=CHEAP, strong=STRONG, opinions=pair))
        ranked.append((costs, ", ".join(pair)))
    ranked.sort(key=lambda row: row[0][LEVELS.index(99)])
    heading = ["pair", *(f"cost at {level} %" for level in LEVELS)]
    print(f"train, n = {len(rows.queries)} questions, {len(ranked)} pairs; {CHEAP} → {STRONG}\n")
    print(markdown([heading, *([pair, *(f"{cost:.1%}" for cost in costs)] for costs, pair in ranked)]))
    return 0


def _pool(data: Path, at_most: float, answered: float) -> list[str]:
    """The models that are cheap enough and answered enough."""
    found = models_in(data, "train")
    questions, dear = found[STRONG]
    return sorted(
        model
        for model, (count, cost) in found.items()
        if model not in (CHEAP, STRONG) and cost <= at_most * dear and count >= answered * questions
    )


async def _costs(rows: Rows, ladder: Ladder) -> list[float]:
    cheap, ways, strong = await two_opinion_ways(rows, ladder)
    sample = Sample(range(len(rows.queries)))
    found = figures(mixing([cheap, *ways, strong])(sample), sample.point(strong))
    return [cost for cost in found.cost_at if cost is not None]


if __name__ == "__main__":
    sys.exit(main())
