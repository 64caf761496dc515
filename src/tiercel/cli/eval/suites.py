"""`tiercel eval suites`: the suites that come with Tiercel, a line each.

`tiercel eval run NAME` writes one into a folder of its name and runs it; `tiercel eval init --suite NAME` only writes.
"""

import argparse
from pathlib import Path
from typing import Any

from tiercel.cli.eval.init import write_evaluation
from tiercel.cli.eval.writing import EVALUATION
from tiercel.domain.errors import ConfigError
from tiercel.policy.problems import nearest


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("suites", help="the suites that come with Tiercel", description=__doc__)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """List them."""
    from tiercel.evals.suites import suite_abouts

    abouts = suite_abouts()
    width = max(map(len, abouts))
    for name, about in abouts.items():
        print(f"{name:{width}}  {about}")
    print("\ntiercel eval run NAME [--lab]")
    return 0


def find_evaluation(args: argparse.Namespace) -> None:
    """Let `args.file` be a folder, which means the `eval.yaml` in it, or the name of a shipped suite, which is written
    into a folder of that name where there is none yet. Raises `ConfigError`."""
    from tiercel.evals.suites import NAMES

    named: Path = args.file
    if named.is_dir():
        args.file = named / EVALUATION
    elif str(named) in NAMES:
        args.file = write_evaluation(args, named, str(named))
    elif not named.exists() and (meant := nearest(str(named), NAMES)):
        raise ConfigError(f"{named}: no such file or suite{meant}")
