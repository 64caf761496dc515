"""Ladders over recorded real answers: `python bench/cascade.py --data FILE [--json]`.

What a share of the strong model's quality costs with zero, one and two second opinions, beside what needs no ladder.
docs/benchmarks.md says how it is measured. Nothing is trained.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, from anywhere

from bench.cascade_report import Report, as_facts, tables
from bench.cascade_rows import Query, Rows, RowsError, read_gsm8k, read_rows
from bench.cascade_strategies import Ladder, measure, ways_of
from tiercel.domain.errors import ConfigError

DATA = Path(__file__).parents[1] / ".." / "shared/data/outcomes/zeroeval.parquet"
CHEAP = "gpt-4o-mini-2024-07-18"
STRONG = "gpt-4o-2024-08-06"
OPINIONS = ("gemini-1.5-flash-exp-0827", "deepseek-v2-coder-0724")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=DATA, help="Parquet of recorded outcomes, or GSM8K's solutions (.jsonl)"
    )
    parser.add_argument("--split", help="which rows (default: val where there is such a split, else all)")
    parser.add_argument("--cheap", default=CHEAP, metavar="MODEL", help="who answers first")
    parser.add_argument(
        "--strong", default=STRONG, metavar="MODEL", help="who is asked when that was not enough"
    )
    parser.add_argument(
        "--opinions",
        type=two_models,
        default=OPINIONS,
        metavar="A,B",
        help="whom the ladders ask beside the first: A with one opinion, both with two",
    )
    parser.add_argument(
        "--strict-json",
        action="store_true",
        help="as if clients had asked for JSON by response_format: answers that are none go up",
    )
    parser.add_argument(
        "--replicates", type=int, default=2_000, help="bootstrap samples (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of tables")
    return parser


def two_models(text: str) -> tuple[str, ...]:
    """Two names. Raises `argparse.ArgumentTypeError`."""
    names = tuple(text.split(","))
    if len(names) != 2 or not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} are not two names with a comma between them")
    return names


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 2 where the data is not there or not of the form that is read."""
    options = parser().parse_args(arguments)
    try:
        report = asyncio.run(_report(options))
    except (RowsError, ConfigError) as error:
        print(f"cascade: {error}", file=sys.stderr)
        return 2
    print(json.dumps(as_facts(report), indent=1) if options.json else tables(report))
    return 0


async def _report(options: argparse.Namespace) -> Report:
    trained: Rows | None = None
    if options.data.suffix == ".jsonl":
        rows, (cheap, *between, strong) = read_gsm8k(options.data)
        opinions = tuple(between)
    else:
        cheap, strong, opinions = options.cheap, options.strong, options.opinions
        models = (cheap, strong, *opinions)
        rows = read_rows(options.data, models, options.split)
        if rows.split == "val":
            trained = _train(options.data, models)
    ladder = Ladder(cheap=cheap, strong=strong, opinions=opinions, strict_json=options.strict_json)
    ways = await ways_of(rows, ladder)
    chosen_on = None if trained is None else await ways_of(trained, ladder)
    measured = measure(
        ways, _tasks(rows.queries), replicates=options.replicates, seed=options.seed, chosen_on=chosen_on
    )
    return Report(
        data=options.data.name,
        rows=rows,
        ladder=ladder,
        replicates=options.replicates,
        seed=options.seed,
        measured=measured,
    )


def _train(data: Path, models: Sequence[str]) -> Rows | None:
    """The rows on which a mixture can be chosen, where there are any."""
    try:
        return read_rows(data, models, "train")
    except RowsError:
        return None


def _tasks(queries: Sequence[Query]) -> list[str]:
    return [query.task for query in queries]


if __name__ == "__main__":
    sys.exit(main())
