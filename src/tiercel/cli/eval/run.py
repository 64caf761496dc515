"""`tiercel eval run`: asks every target every item, measures the answers, and says whether the gates are passed.

What was answered is kept as it comes: a run that ends early, for whatever reason, is gone on with by --resume.
"""

import argparse
import sys
from decimal import Decimal, InvalidOperation
from typing import Any

from tiercel.cli.eval.arguments import add_narrowing_arguments
from tiercel.cli.eval.exits import USAGE
from tiercel.cli.eval.suites import find_evaluation
from tiercel.cli.serve import run_async


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("run", help="ask, measure, and keep every answer", description=__doc__)
    add_narrowing_arguments(parser)
    parser.add_argument(
        "-j",
        "--concurrency",
        type=int,
        metavar="N",
        help="most requests at a time (default: as the file says, else 8)",
    )
    parser.add_argument(
        "--budget", type=_dollars, metavar="USD", help="stop before more than this is spent, judges included"
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="go on with this run, or with the latest unfinished one: what has an answer is not asked again",
    )
    parser.add_argument(
        "--retry-errors",
        action="store_true",
        help="with --resume: also ask again what ended in an error that asking again may change",
    )
    parser.add_argument("--no-cache", action="store_true", help="take no answer from earlier runs")
    parser.add_argument(
        "--fail-on",
        choices=("worse", "undecided", "never"),
        default="worse",
        help="what fails the gate: a target that is worse, also one that cannot be told, nothing (default: worse)",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """The exit codes are those of `exits`; 130 after Ctrl-C."""
    if args.retry_errors and args.resume is None:
        print("tiercel: --retry-errors goes with --resume: name the run, or take the latest", file=sys.stderr)
        return USAGE
    find_evaluation(args)
    from tiercel.cli.eval.sitting import sit  # `tiercel serve` must not load evals, and --help be quick

    return run_async(sit(args))


def _dollars(text: str) -> Decimal:
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no amount of dollars: give one such as 5 or 0.50"
        ) from None
    if not amount.is_finite() or amount <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: give more than 0 dollars")
    return amount
