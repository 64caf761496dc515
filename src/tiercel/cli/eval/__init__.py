"""`tiercel eval`: which model is better on your own prompts, and may the cheap one take over?

Each subcommand is a module of this package with `add_parser` and `run`. None imports `tiercel.evals` before it runs:
`tiercel serve` must not load it, and `--help` be quick.
"""

import argparse
from types import ModuleType
from typing import Any

from tiercel.cli.eval import (
    capture,
    compare,
    export,
    import_files,
    init,
    judge_check,
    label,
    plan,
    report,
    run,
    schedule,
    suites,
)

COMMANDS: tuple[ModuleType, ...] = (
    init,
    suites,
    capture,
    import_files,
    plan,
    run,
    label,
    judge_check,
    compare,
    report,
    schedule,
    export,
)
"""In the order in which a newcomer meets them."""


def add_parser(subparsers: Any) -> None:
    """Register the command and its subcommands."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "eval", help="which model is better on your own prompts", description=__doc__.partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="eval_command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
