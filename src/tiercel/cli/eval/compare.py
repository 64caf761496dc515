"""`tiercel eval compare`: may a candidate take the baseline's place, or did a change make things worse?

Of one run it compares its candidates with its baseline; of two, each candidate of the second with itself in the first.
"""

import argparse
import sys
from typing import Any

from tiercel.cli.eval.exits import OF_OUTCOME, USAGE
from tiercel.cli.eval.extra import without_extra
from tiercel.cli.eval.judging_arguments import add_run_arguments


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "compare", help="verdicts on a run, or on a run against an earlier one", description=__doc__
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--fail-on",
        choices=("worse", "undecided", "never"),
        default="worse",
        help="what fails the gate: a candidate that is worse or broke a guardrail, also one that cannot be told, "
        "nothing (default: worse)",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """The exit codes are those of `exits`. Raises `ConfigError` for runs that cannot be read or compared."""
    try:
        from tiercel.cli.eval.compare_show import show_comparison
    except ModuleNotFoundError as error:
        return without_extra(error)
    outcome = show_comparison(args)
    if outcome is None:
        print(
            "tiercel: nothing to compare: the run has no baseline beside a candidate, and no guardrail; name either in "
            "eval.yaml (baseline: …), or give two runs",
            file=sys.stderr,
        )
        return USAGE
    return OF_OUTCOME[outcome]
