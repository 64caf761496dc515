"""How near to nginx a gateway in Python can come: `python -m bench.floor`. Needs Linux, a C compiler and nginx.

Processor time of a request, in turns in one run, of: nginx as a plain reverse proxy; a forwarder in Python that reads
nothing; one that reads both bodies and does nothing with them (bench/forwarder.py); Tiercel; and Tiercel with a key
that has every limit and budget. Medians over `--rounds`, and ratios to nginx of the same round.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from bench.load import send
from bench.rig import TOOLS, BenchError, Rig, free_port, process, seconds_until_ready, set_up
from bench.subjects import Serving, mock_upstream, nginx, served

WARM_UP = "1000"


@contextmanager
def forwarder(rig: Rig, upstream_port: int, *, reads: bool) -> Iterator[Serving]:
    port = free_port()
    command = [sys.executable, "-m", "bench.forwarder", "--port", str(port), "--upstream", str(upstream_port)]
    command += ["--reads"] if reads else []
    since = time.perf_counter()
    with process(command, rig.server_core, folder=rig.folder) as child:
        yield Serving(port=port, pid=child.pid, ready_seconds=seconds_until_ready(child, port, since))


def measure(rig: Rig, args: argparse.Namespace) -> dict[str, list[float]]:
    """Microseconds of processor time for a request, of each subject in each round."""
    if rig.nginx is None:
        raise BenchError("nginx is not installed, and everything here is measured by it")
    with ExitStack() as stack:
        upstream = stack.enter_context(mock_upstream(rig)).port
        subjects = {
            "nginx": nginx(rig, upstream),
            "a forwarder that reads nothing": forwarder(rig, upstream, reads=False),
            "a forwarder that reads both bodies": forwarder(rig, upstream, reads=True),
            "Tiercel": served(rig, upstream),
            "Tiercel with keys and budgets": served(rig, upstream, keyed=True),
        }
        serving = {name: stack.enter_context(subject) for name, subject in subjects.items()}
        for one in serving.values():
            send(rig, one.port, "--auth", one.key, "--requests", WARM_UP, "--conns", "4")
        found: dict[str, list[float]] = {name: [] for name in serving}
        for _ in range(args.rounds):
            for name, one in serving.items():
                before = one.cpu_seconds()
                loaded = send(
                    rig, one.port, "--auth", one.key, "--requests", str(args.requests), "--conns", "12"
                )
                found[name].append((one.cpu_seconds() - before) * 1e6 / loaded.ok)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.floor", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--tools", type=Path, default=TOOLS, metavar="DIR")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as folder:
        try:
            found = measure(set_up(args.tools, Path(folder)), args)
        except BenchError as error:
            print(f"floor: {error}", file=sys.stderr)
            return 2
    print(f"n = {args.rounds} rounds of {args.requests:,} requests each, 12 connections\n")
    print("| processor time of a request | µs | times nginx |\n|---|---:|---:|")
    for name, each in found.items():
        times = median([one / base for one, base in zip(each, found["nginx"], strict=True)])
        print(f"| {name} | {median(each):.1f} ({min(each):.1f}–{max(each):.1f}) | {times:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
