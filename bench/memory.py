"""Memory, open files and tasks over many mixed requests: whole answers, streams, errors, clients that leave.

Ingest runs as it does in service. Each point is taken when nothing is under way and all records are in the store.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bench.figures import Point, grown_in_each, growth, markdown
from bench.load import send
from bench.processes import open_files
from bench.rig import Rig, run_load
from bench.rounds import Say
from bench.subjects import Control, Serving, gateway, mock_upstream

REQUESTS = 300_000
WARM_UP = 50_000
"""Sent before the first point: caches fill, pools open, the allocator finds its size."""

STEP = 25_000
PER = 100_000
AIM_BYTES = 1_000_000
SETTLED_AFTER_SECONDS = 2.0


def measure_memory(rig: Rig, requests: int, say: Say) -> list[Point]:
    """A point after the warm-up and after every step."""
    outcomes: Counter[str] = Counter()
    with (
        mock_upstream(rig) as upstream,
        gateway(rig, upstream.port, defer_ingest=False) as (serving, control),
    ):
        send_mixed(rig, serving.port, WARM_UP)
        points = [take_point(serving, control, 0)]
        while points[-1].requests < requests:
            step = min(STEP, requests - points[-1].requests)
            outcomes += send_mixed(rig, serving.port, step)
            points.append(take_point(serving, control, points[-1].requests + step))
            say(f"{points[-1].requests:,} requests: {points[-1].resident_bytes / 1e6:.1f} MB")
    say(f"among them: {', '.join(f'{count:,} {name}' for name, count in sorted(outcomes.items()))}")
    return points


def send_mixed(rig: Rig, port: int, requests: int) -> Counter[str]:
    """Seven tenths whole answers, two tenths streams of twenty chunks, the rest errors and clients that leave."""
    whole, streams = requests * 7 // 10, requests * 2 // 10
    unpleasant = requests - whole - streams
    command = [sys.executable, "-m", "bench.mixed", "--port", str(port), "--requests", str(unpleasant)]
    with ThreadPoolExecutor() as pool:
        pending = (
            pool.submit(send, rig, port, "--conns", "24", "--requests", str(whole)),
            pool.submit(
                send,
                rig,
                port,
                *("--stream", "--conns", "16", "--requests", str(streams)),
                *("--seed", "0", "--max-tokens", "20"),
            ),
        )
        others = pool.submit(run_load, command, rig.load_core)
        answered = Counter({"whole": pending[0].result().ok, "streams": pending[1].result().ok})
        return answered + Counter(msgspec.json.decode(others.result(), type=dict[str, int]))


def take_point(serving: Serving, control: Control, requests: int) -> Point:
    """What the gateway holds once it has come to rest."""
    while control.status().behind_bytes:
        time.sleep(0.2)
    time.sleep(SETTLED_AFTER_SECONDS)
    status = control.status()
    return Point(
        requests=requests,
        resident_bytes=serving.resident_bytes(),
        open_files=open_files(serving.pid),
        tasks=status.tasks,
        threads=status.threads,
    )


def memory_table(points: list[Point]) -> str:
    """The points, and the growth of the line through them."""
    rows = [["requests", "memory, MB", "open files", "tasks", "threads"]]
    rows += [
        [
            f"{point.requests:,}",
            f"{point.resident_bytes / 1e6:.1f}",
            *(str(count) for count in (point.open_files, point.tasks, point.threads)),
        ]
        for point in points
    ]
    grown = growth(points) * PER
    verdict = "met" if grown <= AIM_BYTES else "missed"
    return "\n".join(
        [
            markdown(rows),
            "",
            f"growth per {PER:,} requests: {grown / 1e6:.2f} MB, by the line through {len(points)} points "
            f"(aim: at most {AIM_BYTES / 1e6:g} MB, {verdict}); {WARM_UP:,} requests to warm up went before",
            f"in each {PER:,}: {', '.join(f'{size / 1e6:+.2f} MB' for size in grown_in_each(points, PER))}",
            f"open files: {steady([point.open_files for point in points])}, "
            f"tasks: {steady([point.tasks for point in points])}",
        ]
    )


def steady(counts: Sequence[int]) -> str:
    """Whether a count stayed as it was."""
    return "constant" if len(set(counts)) == 1 else f"between {min(counts)} and {max(counts)}"


def memory_json(points: list[Point]) -> dict[str, object]:
    """The same for a machine to read."""
    return {"points": points, "growth_bytes_per_request": growth(points), "warm_up_requests": WARM_UP}
