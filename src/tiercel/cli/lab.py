"""`tiercel lab`: simulated providers to point a gateway or client at, without a key and without leaving the machine."""

import argparse
import asyncio
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from tiercel.cli.lab_faults import add_arguments, fault_script, kinds_text, told
from tiercel.testing.lab.models import FORMATS, simulated_models
from tiercel.testing.lab.recorded import read_recorded
from tiercel.testing.lab.server import DEFAULT_PORT, Lab
from tiercel.testing.lab.setup import KEY_VARIABLE, settings_text


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "lab",
        help="run simulated providers",
        description=__doc__,
        epilog=kinds_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="serve recorded answers from this JSONL file"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed, other answers (default: %(default)s)"
    )
    parser.add_argument(
        "--time-scale",
        type=time_scale,
        default=1.0,
        metavar="X",
        help="how long a simulated second takes: 1 is the models' published pace (default), 0 does not wait",
    )
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="take requests that the real provider would refuse, instead of refusing them as it would",
    )
    add_arguments(parser)
    parser.set_defaults(func=run)


def time_scale(text: str) -> float:
    """A factor that is not negative. Raises `argparse.ArgumentTypeError`."""
    try:
        factor = float(text)
    except ValueError:
        factor = -1.0
    if not 0 <= factor <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 100")
    return factor


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    asyncio.run(_serve(args))
    return 0


async def _serve(args: argparse.Namespace) -> None:
    recorded = None if args.answers is None else read_recorded(args.answers)
    names = (model.name for model in simulated_models()) if recorded is None else recorded.models
    lab = Lab(
        seed=args.seed,
        time_scale=args.time_scale,
        recorded=recorded,
        faults=fault_script(args.faults or (), dict.fromkeys(names), args.seed),
        port=args.port,
        strict=not args.lenient,
        tell=partial(print, flush=True),
    )
    async with lab:
        print(banner(lab), flush=True)
        print("Ctrl-C stops it.", file=sys.stderr, flush=True)
        await until_stopped()


async def until_stopped() -> None:
    """Return at Ctrl-C or SIGTERM, so that what is open gets closed."""
    stopped = asyncio.Event()
    if sys.platform != "win32":  # there, Ctrl-C cancels this task, which closes everything as well
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


def banner(lab: Lab) -> str:
    """Where everything is, and a configuration that uses it."""
    lines = [f"Simulated providers at {lab.root_url} (no real model answers here)", ""]
    for provider, formats in FORMATS.items():
        names = [model.upstream_name for model in simulated_models() if model.provider == provider]
        if provider == "recorded":
            names = [] if lab.recorded is None else list(lab.recorded.models)
        if names:
            lines += [f"  {lab.base_url(provider, format)}  ({format})" for format in formats]
            lines += [f"      {name}" for name in names]
    text = settings_text(lab.root_url, "tiercel-data", lab.recorded)
    lines += ["", "A tiercel.toml for it:", "", *(f"    {line}".rstrip() for line in text.splitlines()), ""]
    lines += [
        "Then, in another terminal:",
        "",
        f"    export {KEY_VARIABLE}=anything",
        "    tiercel serve",
        "",
    ]
    if lab.faults.chances:
        lines += ["What goes wrong, and for whom (each call that meets a fault is told):", ""]
        lines += [*told(lab.faults), ""]
    return "\n".join(lines)
