"""Two versions in turns: `python -m bench.versions PYTHON CHECKOUT` measures another checkout beside this one.

Needs Linux, a C compiler and nginx. Processor time of a request with ingest put off, of nginx, of the other checkout,
run by its own PYTHON with its own packages, and of this one; medians over `--rounds`, and of the ratios in each round.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from bench.load import send
from bench.rig import ROOT, TOOLS, BenchError, Rig, free_port, process, seconds_until_ready, set_up
from bench.subjects import NO_KEY, Control, Serving, issue_key, mock_upstream, nginx, own_folder

WARM_UP = "1000"
FILES = ("--config", "tiercel.toml", "--policy", "policy.toml")


@contextmanager
def version(rig: Rig, upstream: int, python: str, checkout: Path, *, keyed: bool) -> Iterator[Serving]:
    """The gateway of that checkout, with this one's settings, and a key of this one's store."""
    port = free_port()
    with own_folder(rig, upstream) as folder:
        key = issue_key(folder) if keyed else NO_KEY
        paths = os.pathsep.join([str(checkout / "src"), str(checkout)])
        command = ["env", f"PYTHONPATH={paths}", python, "-m", "bench.serve", "--port", str(port), *FILES]
        since = time.perf_counter()
        with process(
            [*command, "--defer-ingest"], rig.server_core, folder=folder, log=folder / "log", controlled=True
        ) as child:
            Control(child, folder / "log").hear()
            ready_seconds = seconds_until_ready(child, port, since)
            yield Serving(port=port, pid=child.pid, ready_seconds=ready_seconds, key=key)


def measure(rig: Rig, args: argparse.Namespace) -> dict[str, list[float]]:
    """Microseconds of processor time for a request, of each subject in each round."""
    if rig.nginx is None:
        raise BenchError("nginx is not installed, and everything here is measured by it")
    with ExitStack() as stack:
        upstream = stack.enter_context(mock_upstream(rig)).port
        subjects = {
            "nginx": nginx(rig, upstream),
            "the other": version(rig, upstream, args.python, args.checkout.resolve(), keyed=args.keys),
            "this one": version(rig, upstream, sys.executable, ROOT, keyed=args.keys),
        }
        serving = {name: stack.enter_context(subject) for name, subject in subjects.items()}
        for one in serving.values():
            send(rig, one.port, "--auth", one.key, "--requests", WARM_UP, "--conns", "4")
        found: dict[str, list[float]] = {name: [] for name in serving}
        load = ["--requests", str(args.requests), "--conns", str(args.connections)]
        for _ in range(args.rounds):
            for name, one in serving.items():
                before = one.cpu_seconds()
                loaded = send(rig, one.port, "--auth", one.key, *load)
                found[name].append((one.cpu_seconds() - before) * 1e6 / loaded.ok)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.versions", description=__doc__)
    parser.add_argument("python", metavar="PYTHON", help="the other's interpreter, with its packages")
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT", help="the other version")
    parser.add_argument("--keys", action="store_true", help="with a key that has every limit and budget")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--tools", type=Path, default=TOOLS, metavar="DIR")
    args = parser.parse_args()
    if os.sep in args.python:
        args.python = os.path.abspath(args.python)  # and not what it links to: an environment's is a link
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as folder:
        try:
            found = measure(set_up(args.tools, Path(folder)), args)
        except BenchError as error:
            print(f"versions: {error}", file=sys.stderr)
            return 2
    print("| processor time of a request | µs | times nginx | times the other |\n|---|---:|---:|---:|")
    for name, each in found.items():
        ratios = [
            median([one / base for one, base in zip(each, found[of], strict=True)])
            for of in ("nginx", "the other")
        ]
        spread = f"{median(each):.0f} ({min(each):.0f}–{max(each):.0f})"
        print(f"| {name} | {spread} | {ratios[0]:.1f} | {ratios[1]:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
