"""`tiercel eval judge-check`: how far a run's judges may be trusted, by people's labels and by themselves.

Asks nobody: the verdicts are those of the run, the labels those of `tiercel eval label`.
"""

import argparse
from pathlib import Path
from typing import Any

from tiercel.cli.eval.exits import PASSED
from tiercel.cli.eval.extra import without_extra


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "judge-check", help="how far judges agree with people, and with themselves", description=__doc__
    )
    parser.add_argument(
        "run",
        type=Path,
        nargs="?",
        default=Path("."),
        metavar="RUN",
        help="a run's folder, or an eval.yaml for its latest run (default: the latest run here)",
    )
    parser.add_argument(
        "judge", nargs="?", metavar="JUDGE", help="one judge of the evaluation (default: each of them)"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """0 whatever is found. Raises `ConfigError` for a run without such a judge."""
    try:
        from tiercel.cli.eval.judge_check_show import show_checks
    except ModuleNotFoundError as error:
        return without_extra(error)
    show_checks(args)
    return PASSED
