"""`tiercel eval plan`: what a run would ask, what it would cost, and what it could show. Nobody is asked."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from tiercel.cli.eval.arguments import add_narrowing_arguments
from tiercel.cli.eval.suites import find_evaluation


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("plan", help="calls, cost, and what they can show", description=__doc__)
    add_narrowing_arguments(parser)
    parser.add_argument(
        "--discordance",
        type=float,
        metavar="SHARE",
        help="on which share of the items two targets differ (default: as an earlier run shows, else 0.16 is assumed)",
    )
    parser.add_argument(
        "--from",
        dest="earlier",
        type=Path,
        metavar="RUN",
        help="the earlier run to learn it, and costs, from",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print the plan; 0 if the evaluation can be run."""
    find_evaluation(args)
    from tiercel.cli.eval.planning import plan  # `tiercel serve` must not load evals, and --help be quick

    return asyncio.run(plan(args))
