"""`tiercel eval label`: a person says which answers are right, or which of two is better, without knowing whose.

Items come at random, so that a few labels stand for all. What was labelled is kept at once; start again to go on.
"""

import argparse
from pathlib import Path
from typing import Any

from tiercel.cli.eval.exits import PASSED
from tiercel.cli.eval.key_press import key_reader
from tiercel.domain.errors import ConfigError

DEFAULT_ITEMS = 60


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "label", help="say yourself which answers are right, or better", description=__doc__
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
        "--n",
        type=int,
        default=DEFAULT_ITEMS,
        metavar="N",
        help=f"so many items, drawn at random (default: {DEFAULT_ITEMS}); more later go on where these end",
    )
    parser.add_argument(
        "--labeller",
        default="",
        metavar="NAME",
        help="who labels (default: the name that this computer knows you by)",
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--pairs",
        type=_names,
        default=(),
        metavar="A,B",
        help="two candidates beside each other: which is the better one? (default: each answer by itself)",
    )
    whose.add_argument(
        "-m",
        "--models",
        type=_names,
        default=(),
        metavar="A,B",
        help="only these candidates' answers, each by itself (default: all)",
    )
    _add_json_arguments(parser)
    parser.set_defaults(func=run)


def _add_json_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the next sheet as JSON and ask nobody: for other programs",
    )
    parser.add_argument("--sheet", metavar="ID", help="with --json: this sheet, also where it is labelled")
    parser.add_argument(
        "--follow",
        action="store_true",
        help='with --json: read lines such as {"sheet": "ID", "say": "tie"} or {} and print a sheet after each',
    )
    parser.add_argument(
        "--say",
        choices=("first", "second", "tie", "both_bad", "right", "wrong"),
        help="with --json: label the --sheet so, and print the one that comes then",
    )


def run(args: argparse.Namespace) -> int:
    """Ask until all is labelled or the person leaves. Raises `ConfigError` for a run without answers to label."""
    if args.json:
        from tiercel.cli.eval.label_sheet import print_sheets

        if args.follow and (args.sheet or args.say):
            raise ConfigError("--sheet and --say: with --follow they stand in the lines")
        print_sheets(args)
        return PASSED
    if args.sheet or args.say or args.follow:
        raise ConfigError("--sheet, --say and --follow go with --json")
    # `tiercel serve` must not load evals, and --help be quick
    from tiercel.cli.eval.labelling import label_run

    label_run(args, key_reader())
    return PASSED


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))
