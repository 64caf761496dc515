"""Times the dashboard's pages over millions of records, and what a dashboard that nobody opens costs.

`python bench/dashboard.py pages FOLDER` serves the records that `bench/synthesise.py FOLDER` wrote and asks for every
page over loopback: after one request that warms up, `--runs` more, from sending to the last byte. Times end a little
before the last record, so that a range begins and ends within an hour. `--texts` gives as many of the last records a
prompt and an answer first, for the search in texts.

`python bench/dashboard.py idle` starts `tiercel serve` with and without a dashboard in turn, in an empty folder, and
reads how long it takes until it is ready and the resident memory then; of those with one, the memory after each page
was opened once.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from urllib.parse import quote

import httpx
import msgspec

from bench.processes import cpu_seconds, resident_bytes
from bench.rig import free_port
from tiercel.domain.keys import AccessKey, Role
from tiercel.domain.record import Block, Content
from tiercel.gateway.dashboard.pages import NAVIGATION
from tiercel.policy import shipped_policy_text
from tiercel.records.key_store import KeyStore
from tiercel.records.store import Store
from tiercel.testing.lab.setup import KEY_VARIABLE, settings_text

AIM_SECONDS = 0.3
HOUR = 3_600
RANGES = {"1h": HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR, "30d": 720 * HOUR, "90d": 2_160 * HOUR}
READY_WITHIN_SECONDS = 60.0
SETTLED_AFTER_SECONDS = 1.5
FILTERS = {
    "much": (
        "task=coding",
        "outcome=passed",
        "model=gpt-5.4-mini",
        "tier=fast",
        "project=search",
        "rule=coding",
    ),
    "little": ("call=escalation", "outcome=marked", "tier=balanced", "seconds=12"),
    "nothing": ("call=hedge", "key_id=nobody", "usd=100", "rule=none", "session=none", "model=none"),
}
WORDS = ("the", "heron 7", "nobody wrote this")
"""In every text, in one of a thousand, in none."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="command")
    pages = commands.add_parser("pages")
    pages.add_argument("folder", type=Path)
    pages.add_argument("--runs", type=int, default=20)
    pages.add_argument("--texts", type=int, default=20_000)
    pages.add_argument("--only", default="", help="only addresses with this in them")
    pages.add_argument("--project", default="", help="as a viewer of this project sees them")
    idle = commands.add_parser("idle")
    idle.add_argument("--runs", type=int, default=10)
    args = parser.parse_args()
    if args.command == "idle":
        show_idle(args.runs)
        return 0
    write_texts(args.folder, args.texts)
    role: Role = "viewer" if args.project else "operator"
    with KeyStore.open(args.folder, make=True) as store:
        issued = store.create(AccessKey(role=role, project=args.project))
    try:
        return 0 if show_pages(args.folder, args.runs, args.only, args.project, issued.text) else 1
    finally:
        with KeyStore.open(args.folder) as store:
            store.revoke(issued.key.id)


@contextmanager
def serving(folder: Path, records: Path, *, enabled: bool = True) -> Iterator[tuple[int, str, float]]:
    """The process, its dashboard's address, and the seconds until it was ready. Nobody is called."""
    port, own = free_port(), free_port()
    settings = settings_text("http://127.0.0.1:9", str(records.resolve()))
    settings += f"\n[listener]\nport = {port}\n[dashboard]\nenabled = {str(enabled).lower()}\nport = {own}\n"
    (folder / "tiercel.toml").write_text(settings.replace("[storage]", '[storage]\ncontent = "full"'))
    (folder / "policy.toml").write_text(shipped_policy_text())
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tiercel", "serve"],
        cwd=folder,
        env=os.environ | {KEY_VARIABLE: "simulated"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client() as client:
            wait_until_ready(client, f"http://127.0.0.1:{port}/readyz", began)
        yield process.pid, f"http://127.0.0.1:{own}", time.monotonic() - began
    finally:
        process.terminate()
        process.wait(READY_WITHIN_SECONDS)


def wait_until_ready(client: httpx.Client, url: str, began: float) -> None:
    """Raises `TimeoutError`."""
    while time.monotonic() - began < READY_WITHIN_SECONDS:
        try:
            if client.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.005)
    raise TimeoutError(f"{url} is not ready")


def show_pages(folder: Path, runs: int, only: str, project: str, key: str) -> bool:
    """A line for each address: median, p95, processor time of the server; whether all p95 are within the aim."""
    good = True
    with (
        tempfile.TemporaryDirectory() as config,
        serving(Path(config), folder) as (pid, url, _),
        httpx.Client(base_url=url, follow_redirects=True, timeout=60.0) as client,
    ):
        client.post("/login", data={"key": key}).raise_for_status()
        for address in addresses(folder, project):
            if only not in address:
                continue
            seconds(client, address)
            before = cpu_seconds(pid)
            taken = sorted(seconds(client, address) for _ in range(runs))
            used = (cpu_seconds(pid) - before) / runs
            p95 = taken[min(runs - 1, int(0.95 * runs))]
            good = good and p95 <= AIM_SECONDS
            mark = "" if p95 <= AIM_SECONDS else "  beyond the aim"
            told = (1000 * value for value in (median(taken), p95, used))
            print("{:6.0f} {:6.0f} {:6.0f} ms  ".format(*told) + address + mark, flush=True)
    return good


def seconds(client: httpx.Client, address: str) -> float:
    began = time.monotonic()
    client.get(address).raise_for_status()
    return time.monotonic() - began


def addresses(folder: Path, project: str) -> Iterator[str]:
    """Every page in every range, and requests by what there is much, little and nothing of."""
    last_at, record_id, session = last_record(folder)
    end = last_at - 1_020
    week = between(end, RANGES["7d"])
    for name, length in RANGES.items():
        for page in NAVIGATION:
            if project and page.operators_only:
                continue
            yield f"{page.path}?{between(end, length)}&x={name}"
    for by in ("model", "tier", "effort"):
        yield f"/?{between(end, RANGES['30d'])}&by={by}"
    if not project:
        yield f"/requests/{record_id}"
    yield f"/requests?{week}&session={quote(session)}"
    yield f"/requests?{week}&after={end - 40 * HOUR}~"
    for found in FILTERS.values():
        for one in found:
            yield f"/requests?{week}&{one}"
    yield f"/requests?{between(end, RANGES['90d'])}&project=support&call=hedge&task=coding"
    for words in WORDS:
        yield f"/requests?{between(last_at + 1, HOUR)}&q={quote(words)}"
        yield f"/requests?{between(last_at + 1, RANGES['7d'])}&q={quote(words)}"


def between(end: float, length: int) -> str:
    """The range that ends then, as an address has it."""
    since, until = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M") for at in (end - length, end))
    return f"from={since}&to={until}"


def last_record(folder: Path) -> tuple[float, str, str]:
    """When it began, its id, and a session."""
    with closing(sqlite3.connect(folder / "records.sqlite")) as database:
        newest = "SELECT started_at, id, session FROM records {} ORDER BY started_at DESC LIMIT 1"
        at, record_id, _ = database.execute(newest.format("")).fetchone()
        session = database.execute(newest.format("WHERE session IS NOT NULL")).fetchone()[2]
    return at, record_id, session


def write_texts(folder: Path, count: int) -> None:
    """A prompt and an answer of some two thousand characters for the last records, where they have none yet."""
    with closing(sqlite3.connect(folder / "records.sqlite")) as database:
        newest = "SELECT id FROM records ORDER BY started_at DESC LIMIT ?"
        known = {row[0] for row in database.execute("SELECT DISTINCT record_id FROM contents")}
        ids = [row[0] for row in database.execute(newest, (count,)) if row[0] not in known]
    store = Store(folder, None)
    for start in range(0, len(ids), 1_000):
        store.insert([content(one) for one in ids[start : start + 1_000]], "synthesised-texts", 1)
    store.close()


def content(record_id: str) -> Content:
    number = int(record_id[-9:], 16)
    blocks = []
    for place, role in (("message", "user"), ("answer", "assistant")):
        words = f"the heron {number % 1_000} flies over {number} ponds and tells nobody of it. " * 30
        text = msgspec.json.encode({"role": role, "parts": [{"type": "text", "text": words}]}).decode()
        blocks.append(Block(place=place, key=f"{record_id}-{place}", bytes=len(text), text=text))  # type: ignore[arg-type]  # one of the places
    return Content(record_id=record_id, blocks=tuple(blocks))


def show_idle(runs: int) -> None:
    """Medians of both, which are started in turn."""
    ready: dict[bool, list[float]] = {True: [], False: []}
    held: dict[bool, list[float]] = {True: [], False: []}
    opened: list[float] = []
    for run in range(2 * runs):
        enabled = run % 2 == 0
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            with serving(place, place / "data", enabled=enabled) as (pid, url, seconds_taken):
                time.sleep(SETTLED_AFTER_SECONDS)
                ready[enabled].append(seconds_taken)
                held[enabled].append(resident_bytes(pid) / 1e6)
                if enabled:
                    opened.append(after_opening(pid, url))
    for enabled, name in ((False, "enabled = false"), (True, "not opened")):
        print(f"{name}: ready after {spread(ready[enabled], 's')}; {spread(held[enabled], 'MB')}, n = {runs}")
    print(f"opened: {spread(opened, 'MB')}, n = {runs}")


def spread(values: list[float], unit: str) -> str:
    return f"{median(values):.2f} {unit} ({min(values):.2f} to {max(values):.2f})"


def after_opening(pid: int, url: str) -> float:
    """Megabytes after every page was opened once."""
    with httpx.Client(base_url=url, follow_redirects=True, timeout=30.0) as client:
        for page in NAVIGATION:
            client.get(page.path)
    return resident_bytes(pid) / 1e6


if __name__ == "__main__":
    sys.exit(main())
