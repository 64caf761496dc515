"""`tiercel demo`: the whole thing on this machine, without a key: simulated providers, a gateway, tasks, the report."""

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any

DEFAULT_LIMIT = 200
"""How many recorded prompts are sent unless told otherwise."""

EFFORT_MODELS = (
    "gemini-3.5-flash",
    "step-3.7-flash",
    "claude-haiku-4-5",
    "claude-sonnet-4-5",
    "claude-opus-4-8",
)


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "demo", help="try everything with simulated models, without a key", description=__doc__
    )
    parser.add_argument("--serve", action="store_true", help="keep lab and gateway running afterwards")
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="play recorded answers from this JSONL file"
    )
    parser.add_argument(
        "--limit",
        type=count,
        metavar="N",
        help=f"send only the first N (0: all; default: all tasks, or {DEFAULT_LIMIT} recorded prompts)",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--efforts",
        nargs="?",
        const=EFFORT_MODELS[0],
        choices=EFFORT_MODELS,
        metavar="MODEL",
        help="instead: what low and high effort of one simulated model cost, and what a mix of both saves: "
        f"{', '.join(EFFORT_MODELS)} (default: the first)",
    )
    instead.add_argument(
        "--modes",
        nargs="?",
        const=f"{EFFORT_MODELS[-1]}@low",
        choices=[f"{EFFORT_MODELS[-1]}@low", EFFORT_MODELS[-1]],
        metavar="MODEL",
        help="instead: what holds, a review, an advisor, a split and a shadow cost beside one simulated model alone; "
        "who reviews and advises: claude-opus-4-8@low (default) or claude-opus-4-8",
    )
    parser.add_argument("--port", type=int, default=0, help="port of the gateway (default: any free one)")
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed, other answers (default: %(default)s)"
    )
    parser.set_defaults(func=run)


def count(text: str) -> int:
    """A number of things, not negative. Raises `argparse.ArgumentTypeError`."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Run the demo; 1 where something went as it should not have."""
    from tiercel.cli.demo_show import Wishes, show  # after the arguments, so that --help is quick

    standard = 0 if args.answers is None else DEFAULT_LIMIT
    wishes = Wishes(
        answers=args.answers,
        limit=(standard if args.limit is None else args.limit) or None,
        port=args.port,
        seed=args.seed,
        serve=args.serve,
        efforts=args.efforts,
        modes=args.modes,
    )
    with tempfile.TemporaryDirectory(prefix="tiercel-demo-") as folder:
        return asyncio.run(show(wishes, folder))
