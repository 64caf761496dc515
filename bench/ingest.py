"""How fast the journal is read into the store, and what a record takes there: `python bench/ingest.py`.

A child process, on one core where the system can bind it, reads a journal of requests into an empty database as the
server does. `--database sqlite` is one in a folder made for it; `--database postgres` needs TIERCEL_BENCH_DATABASE_URL,
the URL of an empty database on this machine whose tables may be dropped. Processor time is the child's alone; with
`--share` PostgreSQL is bound to the same core.
"""

import argparse
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from tiercel.domain.climb import Verdict
from tiercel.domain.record import AttemptRecord, JournalEntry, Record, Started
from tiercel.domain.response import Usage
from tiercel.domain.secret import Secret
from tiercel.domain.settings import Storage
from tiercel.gateway.ids import new_record_id
from tiercel.records.ingest import Ingestor
from tiercel.records.journal import Journal

URL_VARIABLE = "TIERCEL_BENCH_DATABASE_URL"
MODELS = ("gpt-5.4-mini", "claude-haiku-4-5", "gemini-3.5-flash", "deepseek-v4-flash")
TASKS = ("simple_chat", "coding", "extraction", "reasoning", "summarisation")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the child measured. `peak_bytes` is the most memory that was resident."""

    records: int
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    journal_bytes: int
    stored_bytes: int


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=0, help="so many take turns; 0: none")
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--share", action="store_true", help="bind PostgreSQL to the same core")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        print(msgspec.json.encode(measure(args.child, database_url(args))).decode())
        return 0
    with tempfile.TemporaryDirectory() as name:
        write_journal(Path(name), args.records, args.sessions)
        if args.share:
            bind_postgres(args.core)
        command = [sys.executable, __file__, "--child", name, "--database", args.database]
        done = subprocess.run(command, check=True, capture_output=True, preexec_fn=lambda: bind(args.core))
    show(msgspec.json.decode(done.stdout, type=Result))
    return 0


def database_url(args: argparse.Namespace) -> Secret | None:
    return Secret(os.environ[URL_VARIABLE]) if args.database == "postgres" else None


def bind(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})


def bind_postgres(core: int) -> None:
    """Its processes; those that it makes later inherit it."""
    for process in Path("/proc").glob("[0-9]*/comm"):
        if process.read_text().strip() == "postgres":
            os.sched_setaffinity(int(process.parent.name), {core})


def write_journal(folder: Path, count: int, sessions: int) -> None:
    """As a server that had `count` requests leaves it, all answered, one in ten by its second attempt."""
    journal = Journal.open(folder, Storage(folder=str(folder)))
    for number in range(count):
        for entry in request(number, f"session-{number % sessions:032x}" if sessions else None):
            journal.append(entry)
    journal.close()


def request(number: int, session: str | None) -> Iterator[JournalEntry]:
    key, now, model = new_record_id(), time.time(), MODELS[number % len(MODELS)]
    task = TASKS[number % len(TASKS)]
    yield Started(
        id=key, started_at=now, format="openai_chat", model_requested="auto", task=task, rule=task, rung=model
    )
    attempts = tuple(attempt(n, model, number) for n in range(1, 3 if number % 10 == 0 else 2))
    yield Record(
        id=key,
        started_at=now,
        seconds=0.8 + number % 1000 / 997,
        outcome="passed",
        model_requested="auto",
        task=task,
        session=session,
        tokens_estimated=100 + number % 5000,
        rule=task,
        ladder=("fast", "balanced", "deep"),
        why=f"rule '{task}': task is {task}; the shipped policy, until you measured your own",
        policy_hash="0123456789ab",
        attempts=attempts,
        delivered=len(attempts),
        verified=True,
        project="search" if number % 2 else "support",
        key_id="k7f3q9x2ab",
    )


def attempt(number: int, model: str, seed: int) -> AttemptRecord:
    verdicts = (
        Verdict(check="finished", score=1.0, reason="ended with stop", seconds=0.0000021),
        Verdict(check="json_schema", score=1.0, reason="valid", seconds=0.0000437),
    )
    return AttemptRecord(
        number=number,
        why="first" if number == 1 else "escalation",
        rung=model,
        deployment=model,
        provider="openrouter",
        model=model,
        tier="fast",
        seconds=0.7 + seed % 1000 / 991,
        ttft_seconds=0.2 + seed % 1000 / 3001,
        ttfa_seconds=0.2 + seed % 1000 / 3001,
        usage=Usage(uncached=100 + seed % 5000, visible=50 + seed % 700),
        cost_nano=3_000 + seed % 100_000,
        finish_reason="stop",
        finish_raw="stop",
        verdicts=verdicts,
        upstream_id=f"chatcmpl-{secrets.token_hex(12)}",
    )


def measure(folder: Path, url: Secret | None) -> Result:
    journal = Journal.open(folder, Storage(folder=str(folder)))
    _, own = journal.position()
    size = sum(path.stat().st_size for path in (folder / "journal").iterdir()) - own
    ingestor = Ingestor(folder, journal, database_url=url)
    began, cpu = time.monotonic(), time.process_time()
    ingestor.run_once()
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    status = ingestor.status()
    journal.close()
    ingestor.stop()
    return Result(
        records=status.entries // 2,
        wall_seconds=wall,
        cpu_seconds=cpu,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        journal_bytes=size,
        stored_bytes=stored_bytes(folder, url),
    )


def stored_bytes(folder: Path, url: Secret | None) -> int:
    """What tables and indexes take."""
    if url is None:
        return (folder / "records.sqlite").stat().st_size
    import psycopg

    query = (
        b"SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
        b"WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    with closing(psycopg.connect(url.reveal())) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def show(result: Result) -> None:
    count = result.records
    print(f"records                   {count:>12,}")
    print(f"records/s                 {count / result.wall_seconds:>12,.0f}")
    print(f"processor time, us each   {result.cpu_seconds / count * 1e6:>12.1f}")
    print(f"peak memory, MB           {result.peak_bytes / 1e6:>12.1f}")
    print(f"bytes each, journal       {result.journal_bytes / count:>12.0f}")
    print(f"bytes each, database      {result.stored_bytes / count:>12.0f}")


if __name__ == "__main__":
    sys.exit(main())
