"""`tiercel bench`: known tasks put to models of your choice, or a server under load. It costs what the calls cost."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from tiercel.cli import bench_endpoint
from tiercel.cli.configuration import add_file_arguments

ABOUT_TASKS = """The five-task benchmark, or a suite of your own: scored by the checks that judge live answers.

It calls the models you name, which costs what they cost.
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    whole = subparsers.add_parser(
        "bench", help="compare models on known tasks, or load a server", description=__doc__
    )
    kinds = whole.add_subparsers(dest="kind", metavar="KIND", required=True)
    parser = kinds.add_parser("tasks", help="the five tasks, or a suite of your own", description=ABOUT_TASKS)
    parser.add_argument(
        "-m",
        "--models",
        default="",
        metavar="A,B,C",
        help="the models to ask, as a client would name them: also model@effort, a tier, or auto",
    )
    parser.add_argument(
        "--runs", type=int, default=2, metavar="N", help="how often each task is asked (default: %(default)s)"
    )
    parser.add_argument(
        "--suite", type=Path, metavar="FILE", help="a suite of your own (default: the five tasks)"
    )
    parser.add_argument(
        "--parallel",
        type=int,
        default=1,
        metavar="N",
        help="requests at a time; more than one may slow each down (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run, with its answer, as JSON")
    parser.add_argument(
        "--lab",
        action="store_true",
        help="ask simulated models, without a key: shows how it works, says nothing of any model",
    )
    add_file_arguments(parser)
    parser.set_defaults(func=run)
    bench_endpoint.add_parser(kinds)


def run(args: argparse.Namespace) -> int:
    """Run the suite and print both tables; 0 if it ran, whatever the models did."""
    from tiercel.cli.bench_run import run_bench  # `tiercel serve` must not load evals, and --help be quick

    return asyncio.run(run_bench(args))
