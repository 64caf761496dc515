"""Fills a database with records as months of traffic leave them, and times reports: `bench/synthesise.py FOLDER`.

One UTC day is written as ingest writes it, from one model record that is varied: `--records` requests evenly over
`--days` days, of five tasks and four models, every hundredth with two calls, four in five in sessions of twenty, and
feedback on one in `--feedback`. The other days are that one again, moved in time within the database, under other ids
and other sessions' names (one session in fifty goes on through all days). `--database postgres` takes the URL of an
empty PostgreSQL from TIERCEL_BENCH_DATABASE_URL.

With `--report` it then times the commands that read records, each a new process: from its start to its end; beyond what
only loading the program takes; and its processor time, without that of PostgreSQL's own processes. Medians of seven.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Literal

from sqlalchemy import Connection, Table, text

from tiercel.domain.climb import Verdict
from tiercel.domain.record import AttemptRecord, Feedback, JournalEntry, Record
from tiercel.domain.response import Usage
from tiercel.domain.secret import Secret
from tiercel.records.engines import Database
from tiercel.records.rollups import FAMILIES
from tiercel.records.schema import attempts, feedback, records
from tiercel.records.store import Store

URL_VARIABLE = "TIERCEL_BENCH_DATABASE_URL"
MODELS = ("gpt-5.4-mini", "claude-haiku-4-5", "gemini-3.5-flash", "deepseek-v4-flash")
TASKS = ("simple_chat", "coding", "extraction", "reasoning", "summarisation")
VERDICTS: tuple[Literal["accepted", "rejected"], ...] = ("rejected", "accepted", "accepted")
BATCH = 5_000
RUNS = 7
DAY_SECONDS = 86_400
SESSIONS_AT_ONCE = 400
REQUESTS_IN_SESSION = 20
QUESTIONS = (
    ("report",),
    ("report", "--by", "task"),
    ("report", "--by", "model"),
    ("report", "--since", "7d"),
    ("report", "--since", "36h", "--by", "tier"),
    ("report", "--by", "session"),
    ("report", "--by", "session", "--since", "36h"),
    ("report", "--checks"),
    ("report", "--checks", "--since", "36h"),
    ("audit",),
    ("models",),
)
LOADED = "import tiercel.cli.main, tiercel.cli.report, tiercel.records.summed, rich.table"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=10_000_000, help="0: what is there already")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--feedback", type=int, default=1_000, metavar="N", help="on one request in N")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--report", action="store_true", help="time reports afterwards")
    args = parser.parse_args()
    url = Secret(os.environ[URL_VARIABLE]) if args.database == "postgres" else None
    if args.records:
        began = time.monotonic()
        synthesise(args.folder, url, args.records // args.days, args.days, args.feedback)
        print(f"written in {time.monotonic() - began:.0f} s")
    if args.report:
        show_times(args.folder, url)
    return 0


def synthesise(folder: Path, url: Secret | None, day_records: int, days: int, feedback_every: int) -> None:
    """As many records a day, on as many days; the last one is yesterday."""
    folder.mkdir(parents=True, exist_ok=True)
    first_day = time.time() // DAY_SECONDS * DAY_SECONDS - days * DAY_SECONDS
    store = Store(folder, url)
    batch: list[JournalEntry] = []
    for entry in entries(day_records, first_day, feedback_every):
        batch.append(entry)
        if len(batch) >= BATCH:
            store.insert(batch, "synthesised", 1)
            batch = []
    store.insert(batch, "synthesised", 1)
    store.close()
    database = Database.to_write(folder, url)
    try:
        for day in range(1, days):
            with database.transaction(within_seconds=3_600) as connection:
                repeat(connection, day)
            print(f"day {day + 1} of {days}", file=sys.stderr, flush=True)
        if url is not None:
            with database.transaction(within_seconds=3_600) as connection:
                connection.execute(text("ANALYZE"))  # as the database does by itself in a month
    finally:
        database.close()


def repeat(connection: Connection, day: int) -> None:
    """The first day once more, so many days later."""
    later = f"+ {day * DAY_SECONDS}"
    moved = {
        "id": f"'rec_{day:02x}' || substr(id, 7)",
        "record_id": f"'rec_{day:02x}' || substr(record_id, 7)",
        "session": f"CASE WHEN session LIKE 'all-%' THEN session ELSE session || '{day:x}' END",
        **{
            name: f"{name} {later}"
            for name in ("started_at", "first_at", "last_at", "ended_at", "start_at", "at")
        },
    }
    for table, own in ((records, "id"), (attempts, "record_id"), (feedback, "record_id")):
        copy(connection, table, moved, f"{own} >= 'rec_00' AND {own} < 'rec_01'")
    first = connection.execute(
        text("SELECT min(start_at) FROM rollups WHERE span_seconds = 86400")
    ).scalar_one()
    sums = moved | {"session": f"CASE WHEN session = '' THEN '' ELSE {moved['session']} END"}
    for family in FAMILIES:
        copy(connection, family.table, sums, f"start_at >= {first} AND start_at < {first + DAY_SECONDS}")


def copy(connection: Connection, table: Table, moved: dict[str, str], condition: str) -> None:
    """Rows again, with what is moved in them. Feedback's own id is what its record's is."""
    names = [column.name for column in table.columns]
    values = (moved.get(name, f'"{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    connection.execute(
        text(
            f"INSERT INTO {table.name} ({columns}) SELECT {', '.join(values)} FROM {table.name} WHERE {condition}"
        )
    )


def entries(n: int, first_day: float, feedback_every: int) -> Iterator[JournalEntry]:
    """One day in the order of its starts, and the feedback on it."""
    chance = random.Random(7)
    latencies = [chance.lognormvariate(0.3, 0.8) for _ in range(1_000)]
    for i in range(n):
        seconds = latencies[i % 997]
        calls: tuple[AttemptRecord, ...] = (called(1, MODELS[i % 4], seconds),)
        if i % 100 == 0:
            calls += (called(2, MODELS[(i + 1) % 4], seconds),)
        yield Record(
            id=f"rec_00{i:010x}",
            started_at=first_day + i * DAY_SECONDS / n,
            seconds=seconds * len(calls) + 0.001,
            outcome="marked" if i % 50 == 0 else "passed",
            model_requested="auto",
            task=TASKS[i // 4 % 5],
            rule=TASKS[i // 4 % 5],
            session=session_of(i),
            ladder=("fast", "balanced"),
            why="first matching rule",
            policy_hash="0123456789ab",
            attempts=calls,
            delivered=len(calls),
            verified=i % 3 == 0,
            ttft_seconds=seconds / 4,
            project=("search", "support")[i % 2],
        )
        if i % feedback_every == 0:
            name = f"rec_00{i:010x}"
            verdict = VERDICTS[i // feedback_every % 3]
            yield Feedback(id=name, record_id=name, at=first_day, verdict=verdict)


def session_of(i: int) -> str | None:
    """The session of a day's request: many go on beside each other."""
    if i % 5 == 4:
        return None
    block, place = divmod(i, SESSIONS_AT_ONCE * REQUESTS_IN_SESSION)
    number = block * SESSIONS_AT_ONCE + place % SESSIONS_AT_ONCE
    name = blake2b(number.to_bytes(8, "big"), digest_size=16).hexdigest()
    return f"all-{name}" if number % 50 == 0 else name


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


def show_times(folder: Path, url: Secret | None) -> None:
    """Each command in a folder whose configuration names the database."""
    lines = [f'[storage]\nfolder = "{folder.resolve()}"']
    if url is not None:
        lines.append(f'database_url_env = "{URL_VARIABLE}"')
    (folder / "tiercel.toml").write_text("version = 1\n" + "\n".join(lines))
    loading = (sys.executable, "-c", LOADED)
    for question in QUESTIONS:
        command = (sys.executable, "-m", "tiercel", *question)
        # in turn, so that what else the machine does meets both
        runs = [(seconds(folder, loading), seconds(folder, command)) for _ in range(RUNS)]
        whole = median(taken for _, (taken, _) in runs)
        beyond = median(taken - loaded for (loaded, _), (taken, _) in runs)
        used = median(used for _, (_, used) in runs)
        print(
            f"{' '.join(question):32} {whole:5.2f} s, {beyond:5.2f} s beyond loading, processor {used:5.2f} s",
            flush=True,
        )


def seconds(folder: Path, command: tuple[str, ...]) -> tuple[float, float]:
    """Of a process from its start to its end, and of its processor time."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, used


if __name__ == "__main__":
    sys.exit(main())
