"""Fills a data folder with records as months of traffic leave them, and times reports: `python bench/synthesise.py`.

Rows are written as ingest writes them, past the journal, from one model record that is varied: `--records` requests
evenly over `--days` days until now, of five tasks and four models, every hundredth with two calls, and feedback on
every thousandth. With `--report` it then times `tiercel report` on the folder, which is a new process each time.
"""

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tiercel.domain.climb import Verdict
from tiercel.domain.record import AttemptRecord, Feedback, JournalEntry, Record
from tiercel.domain.response import Usage
from tiercel.records.database import database_path
from tiercel.records.store import Store

MODELS = ("gpt-5.4-mini", "claude-haiku-4-5", "gemini-3.5-flash", "deepseek-v4-flash")
TASKS = ("simple_chat", "coding", "extraction", "reasoning", "summarisation")
BATCH = 5_000
DAY_SECONDS = 86_400
QUESTIONS = (
    (),
    ("--by", "task"),
    ("--by", "model"),
    ("--checks",),
    ("--checks", "--since", "36h"),
    ("--since", "7d"),
    ("--since", "36h", "--by", "tier"),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--report", action="store_true", help="time reports afterwards")
    args = parser.parse_args()
    if args.records:
        fill(args.folder, args.records, args.days)
    print(f"{database_path(args.folder).stat().st_size / 1e9:.2f} GB")
    if args.report:
        for question in QUESTIONS:
            print(f"report {' '.join(question):24} {median_seconds(args.folder, question):6.2f} s")
    return 0


def fill(folder: Path, n: int, days: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder)
    began = time.monotonic()
    batch: list[JournalEntry] = []
    for done, entry in enumerate(entries(n, days), 1):
        batch.append(entry)
        if len(batch) >= BATCH:
            store.insert(batch, "synthesised", done)
            batch = []
            if done % 500_000 < BATCH:
                print(f"{done:,} entries, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    store.insert(batch, "synthesised", n)
    store.close()


def entries(n: int, days: int) -> Iterator[JournalEntry]:
    """In the order of their start. The values vary by a table of a thousand: making them must not take the time."""
    chance = random.Random(7)
    latencies = [chance.lognormvariate(0.3, 0.8) for _ in range(1_000)]
    first = time.time() - days * DAY_SECONDS
    for i in range(n):
        seconds = latencies[i % 997]
        model = MODELS[i % 4]
        calls: tuple[AttemptRecord, ...] = (called(1, model, seconds),)
        if i % 100 == 0:
            calls += (called(2, MODELS[(i + 1) % 4], seconds),)
        yield Record(
            id=f"rec_{i:012x}",
            started_at=first + i * days * DAY_SECONDS / n,
            seconds=seconds * len(calls) + 0.001,
            outcome="marked" if i % 50 == 0 else "passed",
            model_requested="auto",
            task=TASKS[i % 5],
            rule=TASKS[i % 5],
            ladder=("fast", "balanced"),
            why="first matching rule",
            policy_hash="0123456789ab",
            attempts=calls,
            delivered=len(calls),
            verified=i % 3 == 0,
            ttft_seconds=seconds / 4,
            project=("search", "support")[i % 2],
        )
        if i % 1_000 == 0:
            verdict = "rejected" if i % 3_000 == 0 else "accepted"
            yield msgspec.convert(
                {
                    "type": "feedback",
                    "id": f"f{i}",
                    "record_id": f"rec_{i:012x}",
                    "at": first,
                    "verdict": verdict,
                },
                Feedback,
            )


def called(number: int, model: str, seconds: float) -> AttemptRecord:
    return AttemptRecord(
        number=number,
        why="first" if number == 1 else "escalation",
        rung=model,
        deployment=model,
        provider="synthetic",
        model=model,
        tier="fast" if number == 1 else "balanced",
        seconds=seconds,
        ttft_seconds=seconds / 4,
        usage=Usage(uncached=900, visible=240),
        cost_nano=1_230_000,
        finish_reason="stop",
        verdicts=(Verdict(check="finished", score=1.0, reason="ended by itself"),),
    )


def median_seconds(folder: Path, question: tuple[str, ...]) -> float:
    """Of five runs, each a process of its own, from its start to its end."""
    command = [sys.executable, "-m", "tiercel", "report", "--data", str(folder), *question]
    taken = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.monotonic() - began)
    return sorted(taken)[2]


if __name__ == "__main__":
    sys.exit(main())
