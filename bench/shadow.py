"""What copies for a candidate cost live requests: `python -m bench.shadow`. Needs Linux and a C compiler.

Two gateways, one whose rules have no candidate and one that copies `--share` of all requests, take the same load in
turns: `--rate` requests a second, each sent when it is due, for `--seconds`, in `--rounds` rounds of which the first
does not count. Reported are the medians over the rounds of the live latency, and of the gateway's processor time for
each live request, which has everything in it that the copies take off the path: calls, checks, pairs, ingest.
"""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from urllib.request import ProxyHandler, build_opener

import msgspec

from bench.load import send
from bench.rig import TOOLS, BenchError, Rig, free_port, process, seconds_until_ready, set_up
from bench.subjects import Serving, mock_upstream, own_folder

TABLE = 'shadow = {{ candidates = ["bench-deep"], share = {share}, budget_usd_per_day = 100_000 }}'
COPIES = re.compile(r"^tiercel_shadow_copies_total\{.*\} (\d+)$", re.MULTILINE)
SKIPPED = re.compile(r"^tiercel_shadow_skipped_total\{.*\} (\d+)$", re.MULTILINE)
WARM_UP = "500"


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of one gateway: microseconds."""

    p50: float
    p99: float
    cpu: float
    requests: int


@contextmanager
def copying(rig: Rig, upstream_port: int, share: float) -> Iterator[Serving]:
    """`tiercel serve`, with a candidate on every rule unless `share` is 0."""
    port = free_port()
    with own_folder(rig, upstream_port) as folder:
        policy = folder / "policy.toml"
        if share:
            text = policy.read_text("utf-8")
            table = TABLE.format(share=share)
            policy.write_text(re.sub(r"(?m)^\[\[rules\]\]$", f"[[rules]]\n{table}", text), "utf-8")
        command = [sys.executable, "-m", "tiercel", "serve", "--log-level", "warning", "--port", str(port)]
        since = time.perf_counter()
        with process(command, rig.server_core, folder=folder, log=folder / "log") as child:
            ready_seconds = seconds_until_ready(child, port, since)
            yield Serving(port=port, pid=child.pid, ready_seconds=ready_seconds)


def take_turn(rig: Rig, serving: Serving, rate: int, seconds: float) -> Turn:
    before = serving.cpu_seconds()
    loaded = send(rig, serving.port, "--rate", str(rate), "--seconds", str(seconds), "--conns", "64")
    time.sleep(1.0)  # the copies that are still under way, and ingest, belong to this turn
    cpu = (serving.cpu_seconds() - before) * 1e6 / loaded.ok
    return Turn(p50=loaded.lat_us.p50, p99=loaded.lat_us.p99, cpu=cpu, requests=loaded.ok)


def counted(serving: Serving) -> tuple[int, int]:
    """How many copies were answered, and how many were not made."""
    opener = build_opener(ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{serving.port}/metrics") as answer:
        page = answer.read().decode()
    return sum(map(int, COPIES.findall(page))), sum(map(int, SKIPPED.findall(page)))


def measure(rig: Rig, args: argparse.Namespace) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(mock_upstream(rig))
        plain = stack.enter_context(copying(rig, upstream.port, 0.0))
        copied = stack.enter_context(copying(rig, upstream.port, args.share))
        for serving in (plain, copied):
            send(rig, serving.port, "--requests", WARM_UP, "--conns", "4")
        turns: dict[str, list[Turn]] = {"without": [], "with": []}
        for number in range(args.rounds + 1):
            order = (("without", plain), ("with", copied))
            for name, serving in order if number % 2 else reversed(order):
                turn = take_turn(rig, serving, args.rate, args.seconds)
                if number:
                    turns[name].append(turn)
        copies, skipped = counted(copied)
        report(turns, args, copies, skipped)


def report(turns: dict[str, list[Turn]], args: argparse.Namespace, copies: int, skipped: int) -> None:
    without, with_copies = turns["without"], turns["with"]
    print(f"{args.rate} requests a second, {args.rounds} rounds of {args.seconds:g} s; medians of the rounds")
    print(
        f"{'':24}{'without':>12}{f'{args.share:.0%} copied':>14}{'ratio of a round':>20}{'half of them':>16}"
    )
    for label, name in (("latency p50, us", "p50"), ("latency p99, us", "p99"), ("CPU a request, us", "cpu")):
        first = [getattr(turn, name) for turn in without]
        second = [getattr(turn, name) for turn in with_copies]
        ratios = [b / a for a, b in zip(first, second, strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        middling = f"{low:.2f} to {high:.2f}"
        print(f"{label:24}{median(first):>12.0f}{median(second):>14.0f}{middle:>20.2f}{middling:>16}")
    extra = [(b.cpu - a.cpu) / args.share for a, b in zip(without, with_copies, strict=True)]
    low, middle, high = quantiles(extra, n=4)
    print(
        f"CPU for each copy, all of it off the path: {middle:.0f} us, in half of the rounds {low:.0f} to {high:.0f}"
    )
    print(f"{copies} copies answered, {skipped} not made")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--rate", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--tools", type=Path, default=TOOLS)
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(set_up(args.tools, Path(folder)), args)
    except BenchError as error:
        print(f"bench.shadow: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
