"""The arguments that say what of a run, or of two, is to be decided and by what."""

import argparse
from pathlib import Path


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Which runs, and what is decided otherwise than as they were to."""
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="RUN",
        help="a run's folder, or an eval.yaml for its latest run (default: the latest here); two to hold the second "
        "against the first, item by item",
    )
    parser.add_argument(
        "--metric", choices=("pass", "score"), help="what decides: answers that pass, or their mean score"
    )
    parser.add_argument(
        "--margin",
        type=share,
        metavar="SHARE",
        help="how much worse is put up with, 0.03 for 3 points (default: as eval.yaml says)",
    )
    parser.add_argument(
        "--alpha",
        type=share,
        metavar="SHARE",
        help="how often a verdict may be wrong (default: as eval.yaml says)",
    )
    parser.add_argument(
        "--cluster",
        metavar="KEY",
        help="items whose metadata agree in KEY, such as conversation, are no independent evidence",
    )
    parser.add_argument(
        "--slice",
        action="append",
        default=[],
        dest="slices",
        metavar="KEY",
        help="show the difference by this key of the metadata; may be given again (default: task)",
    )
    parser.add_argument(
        "--github",
        action="store_true",
        help="also print annotations for GitHub Actions and write the step's summary",
    )


def share(text: str) -> float:
    """A number between 0 and 1, both excluded."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; give one between 0 and 1, such as 0.03")
    return found
