"""What the gateway does when more is asked of it than it can do: open loop at one, two and five times its capacity.

Capacity is what 32 connections get that ask as fast as they are answered. Goodput is answers a second; how many answers
a second of the gateway's own processor time yields stands beside it, which holds on a busy machine as well. The same
load on a server that does nothing but refuse says how cheap a refusal could be at best.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec

from bench.figures import markdown
from bench.load import send
from bench.open_loop import Asked, Spread
from bench.rig import TOOLS, BenchError, Rig, free_port, process, run_load, set_up
from bench.subjects import Serving, gateway, mock_upstream

TIMES_CAPACITY = (1.0, 2.0, 5.0)
CONNECTIONS = "32"
WARM_SECONDS = "1"
CAPACITY_SECONDS = "3"
GOODPUT_SHARE = 0.9
REFUSED_WITHIN_SECONDS = 0.05
HEALTHY_WITHIN_SECONDS = 0.1
COMPETITOR = "while True: pass"


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement. `cpu_seconds` is the gateway's."""

    times_capacity: float
    asked: Asked
    cpu_seconds: float

    @property
    def answers_per_cpu_second(self) -> float:
        return self.asked.answered.n / self.cpu_seconds


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Everything measured. `floor_seconds` is the processor time of a refusal by a server that does nothing else."""

    capacity: float
    overloads: list[Overload]
    floor_seconds: float

    def of(self, times_capacity: float) -> list[Overload]:
        return [one for one in self.overloads if one.times_capacity == times_capacity]


def ask_often(rig: Rig, serving: Serving, rate: float, seconds: float) -> Asked:
    command = [sys.executable, "-m", "bench.open_loop", "--port", str(serving.port)]
    command += ["--rate", str(rate), "--seconds", str(seconds)]
    return msgspec.json.decode(run_load(command, rig.load_core), type=Asked)


@contextmanager
def competitor(rig: Rig) -> Iterator[None]:
    """Somebody else on the gateway's core, who would take all of it."""
    with process([sys.executable, "-c", COMPETITOR], rig.server_core, folder=rig.folder):
        yield


def measure(rig: Rig, rounds: int, seconds: float, *, has_competitor: bool) -> Found:
    """The capacity in requests a second of a core of its own, and the rounds one after another."""
    with (
        mock_upstream(rig) as upstream,
        gateway(rig, upstream.port, defer_ingest=True) as (serving, _),
    ):
        send(rig, serving.port, "--conns", CONNECTIONS, "--seconds", WARM_SECONDS)
        found = []
        capacity = send(rig, serving.port, "--conns", CONNECTIONS, "--seconds", CAPACITY_SECONDS).rps
        with competitor(rig) if has_competitor else nullcontext():
            for times in TIMES_CAPACITY * rounds:
                before = serving.cpu_seconds()
                asked = ask_often(rig, serving, capacity * times, seconds)
                cpu_seconds = serving.cpu_seconds() - before
                found.append(Overload(times_capacity=times, asked=asked, cpu_seconds=cpu_seconds))
    floor = measure_floor(rig, capacity * TIMES_CAPACITY[-1], seconds)
    return Found(capacity=capacity, overloads=found, floor_seconds=floor)


def measure_floor(rig: Rig, rate: float, seconds: float) -> float:
    """Processor time of a refusal by the server that does nothing else, at this rate."""
    port = free_port()
    command = [sys.executable, "-m", "bench.refuser", "--port", str(port)]
    with process(command, rig.server_core, folder=rig.folder) as child:
        serving = Serving(port=port, pid=child.pid, ready_seconds=0.0)
        ask_often(rig, serving, rate / 10, 1.0)
        before = serving.cpu_seconds()
        asked = ask_often(rig, serving, rate, seconds)
        return (serving.cpu_seconds() - before) / asked.refused.n


def table(found: Found) -> str:
    """A row for each measurement, and what is reached of the aims."""
    rows = [
        [
            "asked, times capacity",
            "goodput, 1/s",
            "answers per CPU second",
            "core had",
            "refused",
            "refused in, ms (p50 / p99)",
            "on a new connection",
            "answered in, ms (p50 / p99)",
            "health in, ms (p50 / p99)",
            "generator late, ms (p99)",
            "neither",
        ]
    ]
    for one in found.overloads:
        asked = one.asked
        neither = asked.sent - asked.answered.n - asked.refused.n
        spreads = (asked.refused, asked.refused_at_first, asked.answered, asked.health)
        rows.append(
            [
                f"{one.times_capacity:g}",
                f"{asked.goodput:,.0f}",
                f"{one.answers_per_cpu_second:,.0f}",
                f"{one.cpu_seconds / asked.seconds:.0%}",
                f"{asked.refused.n:,}",
                *(milliseconds(spread) for spread in spreads),
                f"{asked.generator.p99 * 1e3:.1f}",
                f"{neither:,}",
            ]
        )
    return "\n".join([markdown(rows), "", f"capacity: {found.capacity:,.0f} requests/s", *aims(found)])


def aims(found: Found) -> list[str]:
    """What is reached of them: medians over the rounds."""
    peak = max(median(found.of(times), lambda one: one.asked.goodput) for times in TIMES_CAPACITY)
    lines = []
    for times in TIMES_CAPACITY[1:]:
        ones = found.of(times)
        goodput = median(ones, lambda one: one.asked.goodput) / peak
        refused = median(ones, lambda one: one.asked.refused.p99)
        at_first = median(ones, lambda one: one.asked.refused_at_first.p99)
        health = median(ones, lambda one: one.asked.health.p99)
        lines += [
            f"at {times:g} times the capacity, medians of {len(ones)}:",
            f"- goodput {goodput:.0%} of its peak (aim: {GOODPUT_SHARE:.0%}, {met(goodput >= GOODPUT_SHARE)})",
            f"- refusals, p99: {refused * 1e3:.0f} ms (aim: {REFUSED_WITHIN_SECONDS * 1e3:.0f} ms, "
            f"{met(refused <= REFUSED_WITHIN_SECONDS)}); on new connections {at_first * 1e3:.0f} ms",
            f"- health, p99: {health * 1e3:.0f} ms (aim: {HEALTHY_WITHIN_SECONDS * 1e3:.0f} ms, "
            f"{met(health <= HEALTHY_WITHIN_SECONDS)})",
            f"- a refusal's processor time: {refusal_seconds(found, times) * 1e6:.0f} µs; "
            f"of a server that does nothing else {found.floor_seconds * 1e6:.0f} µs",
        ]
    unnamed = sum(one.asked.without_retry_after for one in found.overloads)
    return [*lines, f"refusals without Retry-After: {unnamed}"]


def refusal_seconds(found: Found, times: float) -> float:
    """What is left of the gateway's processor time, at so many times its capacity, when answers cost what they do at
    their cheapest; opening connections and colder caches are part of it."""
    answer = 1 / max(median(found.of(one), lambda o: o.answers_per_cpu_second) for one in TIMES_CAPACITY)
    return median(
        found.of(times), lambda o: (o.cpu_seconds - o.asked.answered.n * answer) / o.asked.refused.n
    )


def median(ones: list[Overload], figure: Callable[[Overload], float]) -> float:
    return statistics.median(figure(one) for one in ones)


def met(is_met: bool) -> str:
    return "met" if is_met else "missed"


def milliseconds(spread: Spread) -> str:
    return f"{spread.p50 * 1e3:.1f} / {spread.p99 * 1e3:.1f}" if spread.n else "–"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, default=TOOLS, help="folder of mock.c and lg.c")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument(
        "--competitor", action="store_true", help="let another process want the gateway's core"
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file as well")
    args = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            rig = set_up(args.tools, Path(folder))
            found = measure(rig, args.rounds, args.seconds, has_competitor=args.competitor)
    except BenchError as error:
        print(f"overload: {error}", file=sys.stderr)
        return 2
    print(table(found))
    if args.json is not None:
        args.json.write_text(json.dumps(msgspec.to_builtins(found), indent=2), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
