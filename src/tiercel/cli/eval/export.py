"""`tiercel eval export`: a run's answers and scores for other programs: a table, or the log of Inspect or promptfoo.

JUnit, GitHub annotations, HTML and Markdown are reports: see `tiercel eval report`.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from tiercel.domain.errors import ConfigError

FORMATS = ("jsonl", "csv", "parquet", "inspect-json", "promptfoo-json")


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("export", help="a run's answers for other programs", description=__doc__)
    parser.add_argument(
        "run",
        type=Path,
        nargs="?",
        default=Path("."),
        metavar="RUN",
        help="a run's folder, or an eval.yaml for its latest run (default: the latest run here)",
    )
    parser.add_argument(
        "--to",
        choices=FORMATS,
        default="jsonl",
        metavar="FORM",
        help=f"{', '.join(FORMATS)} (default: jsonl)",
    )
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="where to; standard output where left out"
    )
    parser.add_argument(
        "--candidate", metavar="NAME", help="whose answers, for inspect-json: such a log is of one model"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write it. Raises `ConfigError` where no run lies there."""
    from tiercel.cli.eval.finding import find_run
    from tiercel.evals.exporting import export_run, pieces

    found = find_run(args.run)
    if args.out is not None:
        export_run(found, args.to, args.out, candidate=args.candidate)
        print(f"wrote {args.out}, of {found.path}")
        return 0
    if args.to == "parquet":
        raise ConfigError("--to parquet needs -o FILE")
    sys.stdout.buffer.writelines(pieces(found, args.to, candidate=args.candidate))
    sys.stdout.buffer.flush()
    return 0
