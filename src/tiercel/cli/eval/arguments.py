"""Arguments that several commands of `tiercel eval` take, read alike by each."""

import argparse
from pathlib import Path

from tiercel.cli.configuration import add_file_arguments

DEFAULT_FILE = Path("eval.yaml")


def add_narrowing_arguments(parser: argparse.ArgumentParser) -> None:
    """What of an evaluation is asked, of whom, and how often: alike for `plan` and `run`."""
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        default=DEFAULT_FILE,
        metavar="FILE",
        help="the evaluation, or a suite's name (default: eval.yaml)",
    )
    parser.add_argument(
        "-m",
        "--models",
        default="",
        metavar="A,B",
        help="ask only these: targets of the file, or models by name",
    )
    parser.add_argument(
        "--repeat", type=int, metavar="N", help="ask every item so often (default: as the file says)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N items")
    parser.add_argument(
        "--sample", type=int, metavar="N", help="N items at random, the same for the same seed"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="for --sample (default: as the file says)")
    parser.add_argument(
        "--drop-losers",
        action="store_true",
        help="ask a target no more once it is shown to be worse than the baseline by more than the margin",
    )
    parser.add_argument(
        "--lab",
        action="store_true",
        help="ask simulated models, without a key: shows how it works, nothing more",
    )
    add_file_arguments(parser)
