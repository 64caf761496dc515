"""`tiercel bench endpoint`: how fast a server answers under load, by clocks that run from when a request was due.

Any server of the chat completions format, Tiercel's own among them. It pays for what it asks.
"""

import argparse
import os
import re
from pathlib import Path
from typing import Any

from tiercel.cli.argument import argument
from tiercel.cli.eval.extra import without_extra
from tiercel.domain.errors import ConfigError

MOST_CALLS = 100_000
MOST_CONCURRENCY = 1_024
RATE = re.compile(r"(\d+(?:\.\d+)?)(?:/(s|m))?\Z")


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser("endpoint", help="how fast a server is", description=__doc__)
    parser.add_argument(
        "url", metavar="URL", help="where a client would begin, such as http://localhost:8080/v1"
    )
    parser.add_argument("-m", "--model", required=True, metavar="M", help="what to ask for as model")
    parser.add_argument(
        "--profile",
        default="1k-300",
        metavar="IN-OUT",
        help="about so many tokens in, at most so many out (default: %(default)s)",
    )
    parser.add_argument(
        "--concurrency",
        type=argument(_counts),
        default=(1, 4),
        metavar="A,B",
        help="the most calls under way, one load for each (default: 1,4)",
    )
    parser.add_argument(
        "--rate",
        type=argument(_rate),
        metavar="N/s",
        help="calls are due at this rate, whatever the server does (default: each as a place is free)",
    )
    parser.add_argument(
        "--n",
        type=argument(_calls),
        default=50,
        metavar="N",
        help="calls of each load (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=argument(_seconds),
        default=120.0,
        metavar="SECONDS",
        help="for one call (default: 120)",
    )
    parser.add_argument("--key-env", metavar="NAME", help="the environment variable that holds the key")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the prompts (default: 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures and calls as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """0 if every call was answered, 4 where some failed: their number stands beside every figure."""
    from tiercel.cli.serve import run_async

    try:
        from tiercel.cli.bench_endpoint_run import bench
    except ModuleNotFoundError as error:
        return without_extra(error)
    return run_async(bench(args, _key(args.key_env)))


def _key(name: str | None) -> str:
    if name is None:
        return ""
    key = os.environ.get(name, "")
    if not key:
        raise ConfigError(f"--key-env {name}: not set in the environment")
    return key


def _counts(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= MOST_CONCURRENCY for part in parts):
        raise ConfigError(f"{text!r}: give numbers from 1 to {MOST_CONCURRENCY:,}, such as 1,4,16")
    return tuple(dict.fromkeys(map(int, parts)))


def _calls(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_CALLS:
        raise ConfigError(f"{text!r}: give a number from 1 to {MOST_CALLS:,}")
    return int(text)


def _rate(text: str) -> float:
    form = RATE.match(text)
    rate = float(form[1]) / (60 if form[2] == "m" else 1) if form is not None else 0.0
    if not 0 < rate <= 10_000:
        raise ConfigError(f"{text!r}: give a rate such as 2/s or 30/m")
    return rate


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise ConfigError(f"{text!r}: give seconds above 0, up to 3600")
    return seconds
