"""Times what a start reads of the money spent this month: `python bench/spent.py FOLDER --records 10000000`.

The database is made by SQL alone, not as ingest writes it: so many records of so many keys in ten projects, evenly over
the present month until now, and the sums that ingest would have kept of them. With TIERCEL_BENCH_DATABASE_URL it is the
empty PostgreSQL of that URL, else SQLite in FOLDER. `--runs` new processes then read it; beside it stands what counting
the records themselves would take, once.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from tiercel.domain.secret import Secret
from tiercel.gateway.budgets import day_begin, month_begin
from tiercel.records.engines import Database
from tiercel.records.instance import instance_of
from tiercel.records.spending import BEFORE_THERE_WERE_SUMS, Span, read_spent
from tiercel.records.store import Store

PROJECTS = 10
COST_NANO = 123_456
URL = "TIERCEL_BENCH_DATABASE_URL"

NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n",
    "postgresql": "SELECT generate_series(0, {last}) AS i",
}
RECORDS = """
INSERT INTO records (id, started_at, seconds, outcome, format, stream, model_requested, task, complexity, risk, latency,
    strict_json, tokens_estimated, plan_number, verified, simulated, project, key_id, cost_nano, cost_known)
SELECT 'rec_' || (100000000 + i), {month} + i * {step}, 1.5, 'passed', 'openai_chat', false, 'auto', 'coding',
    'medium', 'low', 'normal', false, 800, 1, true, false,
    'p' || (i - i / {projects} * {projects}), 'k' || (i - i / {keys} * {keys}), {cost}, true
FROM ({numbers}) AS numbers
"""
SUMS = """
INSERT INTO spendings (owner, day_at, instance, cost_nano)
SELECT owner, day_at, '{instance}', sum(cost_nano) FROM (
    SELECT 'key:' || key_id AS owner, {day} AS day_at, cost_nano FROM records
    UNION ALL SELECT 'project:' || project, {day}, cost_nano FROM records
) AS each_one GROUP BY owner, day_at
"""
DAYS = {
    "sqlite": "CAST(started_at / 86400 AS INTEGER) * 86400",
    "postgresql": "CAST(floor(started_at / 86400) AS BIGINT) * 86400",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=10_000_000, help="0 reads what is there")
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    url = Secret(os.environ[URL]) if URL in os.environ else None
    if args.read:
        print(seconds_to_read(args.folder, url))
        return 0
    if args.records:
        fill(args.folder, url, args.records, args.keys)
    command = [sys.executable, __file__, str(args.folder), "--read"]
    took = [float(subprocess.check_output(command)) for _ in range(args.runs)]
    print(f"{'PostgreSQL' if url else 'SQLite'}: {len(read_spent(args.folder, span(), url)):,} sums")
    print(
        f"read in {statistics.median(took):.3f} s (median of {len(took)} processes, {max(took):.3f} at most)"
    )
    print(f"counting the records instead: {seconds_to_count(args.folder, url):.2f} s")
    return 0


def span() -> Span:
    now = time.time()
    return Span(day=day_begin(now), month=month_begin(now))


def seconds_to_read(folder: Path, url: Secret | None) -> float:
    """Of what a server does, with loading what it needs for it, but not the interpreter."""
    began = time.perf_counter()
    read_spent(folder, span(), url)
    return time.perf_counter() - began


def seconds_to_count(folder: Path, url: Secret | None) -> float:
    now = span()
    query = BEFORE_THERE_WERE_SUMS.replace(":day", str(now.day)).replace(":month", str(now.month))
    with Database.to_read(folder, url).transaction(within_seconds=3_600) as connection:
        began = time.perf_counter()
        connection.exec_driver_sql(query).all()
        return time.perf_counter() - began


def fill(folder: Path, url: Secret | None, records: int, keys: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Store(folder, url).close()
    database = Database.to_write(folder, url)
    with database.transaction(within_seconds=3_600) as connection:
        write(connection, records, keys, instance_of(folder))
    database.close()


def write(connection: Connection, records: int, keys: int, instance: str) -> None:
    kind = connection.dialect.name
    began = month_begin(time.time())
    step = (datetime.now(UTC).timestamp() - began) / records
    numbers = NUMBERS[kind].format(last=records - 1)
    connection.exec_driver_sql(
        RECORDS.format(month=began, step=step, projects=PROJECTS, keys=keys, cost=COST_NANO, numbers=numbers)
    )
    connection.exec_driver_sql(SUMS.format(instance=instance, day=DAYS[kind]))
    if kind == "postgresql":
        connection.exec_driver_sql("ANALYZE records, spendings")


if __name__ == "__main__":
    raise SystemExit(main())
