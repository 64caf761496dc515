"""What the gateway does when more is asked of it than it can do: open loop at one, two and five times its capacity.

Capacity is what 32 connections get that ask as fast as they are answered. Goodput is answers a second; how many answers
a second of the gateway's own processor time yields stands beside it, which holds on a busy machine as well.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import msgspec

from bench.figures import markdown
from bench.load import send
from bench.open_loop import Asked, Spread
from bench.rig import TOOLS, BenchError, Rig, run_load, set_up
from bench.subjects import Serving, gateway, mock_upstream

TIMES_CAPACITY = (1.0, 2.0, 5.0)
CONNECTIONS = "32"
WARM_SECONDS = "1"
CAPACITY_SECONDS = "3"
GOODPUT_SHARE = 0.9
REFUSED_WITHIN_SECONDS = 0.05
HEALTHY_WITHIN_SECONDS = 0.1


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement. `cpu_seconds` is the gateway's."""

    times_capacity: float
    asked: Asked
    cpu_seconds: float

    @property
    def answers_per_cpu_second(self) -> float:
        return self.asked.answered.n / self.cpu_seconds


def ask_often(rig: Rig, serving: Serving, rate: float, seconds: float) -> Asked:
    command = [sys.executable, "-m", "bench.open_loop", "--port", str(serving.port)]
    command += ["--rate", str(rate), "--seconds", str(seconds)]
    return msgspec.json.decode(run_load(command, rig.load_core), type=Asked)


def measure(rig: Rig, rounds: int, seconds: float) -> tuple[float, list[Overload]]:
    """The capacity in requests a second, and the rounds one after another."""
    with (
        mock_upstream(rig) as upstream,
        gateway(rig, upstream.port, defer_ingest=True) as (serving, _),
    ):
        send(rig, serving.port, "--conns", CONNECTIONS, "--seconds", WARM_SECONDS)
        found = []
        capacity = send(rig, serving.port, "--conns", CONNECTIONS, "--seconds", CAPACITY_SECONDS).rps
        for times in TIMES_CAPACITY * rounds:
            before = serving.cpu_seconds()
            asked = ask_often(rig, serving, capacity * times, seconds)
            cpu_seconds = serving.cpu_seconds() - before
            found.append(Overload(times_capacity=times, asked=asked, cpu_seconds=cpu_seconds))
    return capacity, found


def table(capacity: float, found: list[Overload]) -> str:
    """A row for each measurement, and what is reached of the aims."""
    rows = [
        [
            "asked, times capacity",
            "goodput, 1/s",
            "answers per CPU second",
            "refused",
            "refused in, ms (p50 / p99)",
            "answered in, ms (p50 / p99)",
            "health in, ms (p50 / p99)",
            "generator late, ms (p99)",
            "neither",
        ]
    ]
    for one in found:
        asked = one.asked
        neither = asked.sent - asked.answered.n - asked.refused.n
        rows.append(
            [
                f"{one.times_capacity:g}",
                f"{asked.goodput:,.0f}",
                f"{one.answers_per_cpu_second:,.0f}",
                f"{asked.refused.n:,}",
                *(milliseconds(spread) for spread in (asked.refused, asked.answered, asked.health)),
                f"{asked.generator.p99 * 1e3:.1f}",
                f"{neither:,}",
            ]
        )
    return "\n".join([markdown(rows), "", f"capacity: {capacity:,.0f} requests/s", *aims(found)])


def aims(found: list[Overload]) -> list[str]:
    peak = max(one.asked.goodput for one in found)
    over = [one for one in found if one.times_capacity > 1]
    worst = min(one.asked.goodput for one in over) / peak
    refused = max(one.asked.refused.p99 for one in over)
    health = max(one.asked.health.p99 for one in over)
    unnamed = sum(one.asked.without_retry_after for one in over)
    return [
        f"goodput under overload: {worst:.0%} of its peak (aim: {GOODPUT_SHARE:.0%}, {met(worst >= GOODPUT_SHARE)})",
        f"refusals, p99: {refused * 1e3:.0f} ms (aim: {REFUSED_WITHIN_SECONDS * 1e3:.0f} ms,"
        f" {met(refused <= REFUSED_WITHIN_SECONDS)}); without Retry-After: {unnamed}",
        f"health, p99: {health * 1e3:.0f} ms (aim: {HEALTHY_WITHIN_SECONDS * 1e3:.0f} ms,"
        f" {met(health <= HEALTHY_WITHIN_SECONDS)})",
    ]


def met(is_met: bool) -> str:
    return "met" if is_met else "missed"


def milliseconds(spread: Spread) -> str:
    return f"{spread.p50 * 1e3:.1f} / {spread.p99 * 1e3:.1f}" if spread.n else "–"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, default=TOOLS, help="folder of mock.c and lg.c")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--json", type=Path, help="write every figure to this file as well")
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            capacity, found = measure(set_up(args.tools, Path(folder)), args.rounds, args.seconds)
    except BenchError as error:
        print(f"overload: {error}", file=sys.stderr)
        return 2
    print(table(capacity, found))
    if args.json is not None:
        figures = {"capacity": capacity, "found": msgspec.to_builtins(found)}
        args.json.write_text(json.dumps(figures, indent=2), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
