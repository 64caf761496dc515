"""Times the dashboard's pages over millions of records, and what a dashboard that nobody opens costs.

`python -m bench.dashboard fill FOLDER` adds to the records that `bench/synthesise.py FOLDER` wrote what else pages
show: prompts and answers of the last ones (`--texts`), an evaluation, a shadow run, a split (`bench/trials.py`), keys.

`python -m bench.dashboard pages FOLDER` serves them and asks for every page over loopback, `--runs` times once all that
commands work out for it is there, from sending to the last byte. Of each address the median and the p95 of that, and of
the processor time of the server's own process, to the clock tick (10 ms). Ranges go up to now, as people look at them,
or end a little before the last record.

`python -m bench.dashboard figures FOLDER` times the commands that work out what pages show when it is there.

`python -m bench.dashboard idle` starts `tiercel serve` with and without a dashboard in turn, in an empty folder, and
reads how long it takes until it is ready and the resident memory then; of those with one, the memory after each page
was opened once.
"""

import argparse
import os
import re
import resource
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

from bench.processes import PROC, resident_bytes
from bench.rig import free_port
from bench.synthesise import DAY_SECONDS
from bench.trials import MODEL, write, write_evaluation, write_shadow_run, write_split
from tiercel.domain.keys import AccessKey, Role
from tiercel.domain.record import Block, Content, Place
from tiercel.gateway.dashboard.pages import NAVIGATION
from tiercel.policy import shipped_policy_text
from tiercel.records.key_store import KeyStore
from tiercel.records.shadow_store import ShadowStore
from tiercel.testing.lab.setup import KEY_VARIABLE, settings_text

AIM_SECONDS = 0.3
HOUR = 3_600
RANGED = ("Overview", "Requests", "Models", "Policy", "Feedback")
"""Pages of a time."""
RUNS = "runs"
KEYS = 200
PASTED = (
    '{"model": "auto", "messages": [{"role": "user", "content": "Write a function that adds up a list."}]}'
)
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
    fill = commands.add_parser("fill")
    fill.add_argument("folder", type=Path)
    fill.add_argument("--texts", type=int, default=20_000)
    figures = commands.add_parser("figures")
    figures.add_argument("folder", type=Path)
    figures.add_argument("--runs", type=int, default=5)
    pages = commands.add_parser("pages")
    pages.add_argument("folder", type=Path)
    pages.add_argument("--runs", type=int, default=20)
    pages.add_argument("--only", default="", help="only addresses with this in them")
    pages.add_argument("--project", default="", help="as a viewer of this project sees them")
    idle = commands.add_parser("idle")
    idle.add_argument("--runs", type=int, default=10)
    args = parser.parse_args()
    match args.command:
        case "idle":
            show_idle(args.runs)
        case "fill":
            fill_up(args.folder, args.texts)
        case "figures":
            show_figures(args.folder, args.runs)
        case "pages":
            return 0 if all_pages(args) else 1
    return 0


def fill_up(folder: Path, texts: int) -> None:
    """All that is not there yet."""
    last_at, _, _ = last_record(folder)
    day_end = -(-last_at // DAY_SECONDS) * DAY_SECONDS
    write_texts(folder, texts)
    write_evaluation(folder / RUNS, day_end)
    write_shadow_run(folder, day_end)
    write_split(folder, day_end - DAY_SECONDS)
    with KeyStore.open(folder, make=True) as store:
        for number in range(len(store.read().keys), KEYS):
            store.create(AccessKey(project=("search", "support")[number % 2], label=f"team {number}"))


def all_pages(args: argparse.Namespace) -> bool:
    """With a key of its own, which is revoked afterwards."""
    role: Role = "viewer" if args.project else "operator"
    with KeyStore.open(args.folder, make=True) as store:
        issued = store.create(AccessKey(role=role, project=args.project))
    try:
        return show_pages(args.folder, args.runs, args.only, args.project, issued.text)
    finally:
        with KeyStore.open(args.folder) as store:
            store.revoke(issued.key.id)


@contextmanager
def serving(folder: Path, records: Path, *, enabled: bool = True) -> Iterator[tuple[int, str, float]]:
    """The process, its dashboard's address, and the seconds until it was ready. Nobody is called."""
    port, own = free_port(), free_port()
    settings = settings_text("http://127.0.0.1:9", str(records.resolve()))
    settings += f'\n[dashboard]\nevaluations = "{records.resolve()}"'
    settings += f"\nenabled = {str(enabled).lower()}\nport = {own}\n[listener]\nport = {port}\n"
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
    """A line for each address: median and p95 of its time and of the processor's; whether all medians of the first and
    all p95 of the second are within the aim."""
    good = True
    print("   time    p95    processor    p95")
    with (
        tempfile.TemporaryDirectory() as config,
        serving(Path(config), folder) as (pid, url, _),
        httpx.Client(base_url=url, follow_redirects=True, timeout=60.0) as client,
    ):
        client.post("/login", data={"key": key}).raise_for_status()
        for address in addresses(folder, project):
            if only not in address:
                continue
            is_within = show_page(client, pid, address, runs)
            good = good and is_within
        print(f"load of the machine afterwards: {os.getloadavg()[0]:.1f}")
    return good


def show_page(client: httpx.Client, pid: int, address: str, runs: int) -> bool:
    """Its line; whether it is within the aim."""
    form = {}
    if address.startswith("/policy/explain"):
        found = re.search(r'name="csrf" value="([^"]+)"', client.get(address).text)
        form = {"csrf": found[1] if found else "", "request": PASTED}
    while "is at work" in ask(client, address, form):
        time.sleep(1.0)
    taken, used = [], []
    for _ in range(runs):
        before, began = own_seconds(pid), time.monotonic()
        ask(client, address, form)
        taken.append(time.monotonic() - began)
        used.append(own_seconds(pid) - before)
    is_within = median(taken) <= AIM_SECONDS and p95(used) <= AIM_SECONDS
    told = [1000 * value for value in (median(taken), p95(taken), median(used), p95(used))]
    mark = "" if is_within else "  beyond the aim"
    print("{:7.0f}{:7.0f}{:13.0f}{:7.0f}  ".format(*told) + address + mark, flush=True)
    return is_within


def ask(client: httpx.Client, address: str, form: dict[str, str]) -> str:
    answer = client.post(address, data=form) if form else client.get(address)
    return answer.raise_for_status().text


def p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def own_seconds(pid: int) -> float:
    """Processor time of the process so far, without that of its children."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def show_figures(folder: Path, runs: int) -> None:
    """Each command in a process of its own, from its start to its end, and its processor time. Medians."""
    run = str(next((folder / RUNS).iterdir()))
    with tempfile.TemporaryDirectory() as place:
        commands = (
            ("eval", "label", run, "--json", "--labeller", "bench"),
            ("eval", "compare", run, "--json", "--fail-on", "never"),
            ("eval", "report", run, "-o", str(Path(place) / "report.html")),
            ("shadow", "status", "--all", "--json", "--data", str(folder)),
            ("split", "status", "--json", "--data", str(folder)),
        )
        for words in commands:
            times = [run_once(words) for _ in range(runs)]
            taken, used = (median(values) for values in zip(*times, strict=True))
            print(f"{' '.join(words[:2]):15} {taken:6.1f} s, processor {used:6.1f} s, n = {runs}", flush=True)
    print(f"load of the machine afterwards: {os.getloadavg()[0]:.1f}")


def run_once(words: tuple[str, ...]) -> tuple[float, float]:
    """Seconds, and seconds of processor time."""
    began, before = time.monotonic(), children_seconds()
    subprocess.run([sys.executable, "-m", "tiercel", *words], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began, children_seconds() - before


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def addresses(folder: Path, project: str) -> Iterator[str]:
    """Every page in every range, and requests by what there is much, little and nothing of."""
    last_at, record_id, session = last_record(folder)
    end = -(-last_at // DAY_SECONDS) * DAY_SECONDS - 1_080
    week = between(end, RANGES["7d"])
    for name, length in RANGES.items():
        for page in NAVIGATION:
            if project and page.operators_only:
                continue
            if page.title in RANGED:
                yield f"{page.path}?range={name}"
                yield f"{page.path}?{between(end, length)}&x={name}"
    for by in ("model", "tier", "effort"):
        yield f"/?{between(end, RANGES['30d'])}&by={by}"
    for name in ("7d", "90d"):
        yield f"/models/{MODEL}?range={name}"
    yield "/policy/explain"
    for since in ("7d", "30d", "90d", "all"):
        yield f"/policy/audit?since={since}"
    yield "/feedback?after=rec_10"
    if not project:
        yield from operators_addresses(folder)
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


def operators_addresses(folder: Path) -> Iterator[str]:
    """Evaluations, copies, the split and keys."""
    run = f"run={quote(f'{RUNS}/' + next((folder / RUNS).iterdir()).name)}"
    yield "/evaluations"
    yield f"/evaluations/run?{run}"
    for kind in ("differ", "right"):
        yield f"/evaluations/run?{run}&show={kind}"
    yield f"/evaluations/run?{run}&after=support-1000"
    yield f"/evaluations/label?{run}&labeller=bench"
    yield f"/evaluations/label?{run}&labeller=bench&between=one"
    (copied,) = ShadowStore(folder).runs()
    yield "/shadow"
    for more in ("", "&show=all", f"&show=all&after={copied.started_at + 10 * DAY_SECONDS}~~"):
        yield f"/shadow/pairs?run={copied.id}{more}"
    yield "/keys"


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
    write(folder, map(content, ids), "synthesised-texts")


def content(record_id: str) -> Content:
    number = int(record_id[-9:], 16)
    blocks = []
    places: tuple[tuple[Place, str], ...] = (("message", "user"), ("answer", "assistant"))
    for place, role in places:
        words = f"the heron {number % 1_000} flies over {number} ponds and tells nobody of it. " * 30
        text = msgspec.json.encode({"role": role, "parts": [{"type": "text", "text": words}]}).decode()
        blocks.append(Block(place=place, key=f"{record_id}-{place}", bytes=len(text), text=text))
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
