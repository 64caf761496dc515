"""`tiercel eval report`: a run, or a run against an earlier one, as a file for people or for a pipeline.

The ending says which: .html (one file, nothing loaded from elsewhere), .md, .json, .csv, .xml (JUnit).
"""

import argparse
from pathlib import Path
from typing import Any

from tiercel.cli.eval.exits import PASSED
from tiercel.cli.eval.extra import without_extra
from tiercel.cli.eval.judging_arguments import add_run_arguments

ENDINGS = (".html", ".md", ".json", ".csv", ".xml")


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "report", help="a run as HTML, Markdown, JSON, CSV or JUnit", description=__doc__
    )
    add_run_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        type=_output,
        metavar="FILE",
        help="where to; may be given again for another format (default: report.html)",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write each file and say so; 0 whatever stands in it. Raises `ConfigError`."""
    try:
        from tiercel.cli.eval.report_write import write_reports
    except ModuleNotFoundError as error:
        return without_extra(error)
    write_reports(args, args.output or [Path("report.html")])
    return PASSED


def _output(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in ENDINGS:
        raise argparse.ArgumentTypeError(f"{text!r}: end the name in one of {', '.join(ENDINGS)}")
    return path
