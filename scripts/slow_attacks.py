"""slowhttptest against a gateway of its own on this machine: `make slow-attacks`, about five minutes, no part of the
tests. Debian has the program as the package of the same name.

Each attack holds a thousand connections while an honest client goes on asking a simulated model. The dated result goes
into `docs/security.md`. The command ends with 1 where an honest request failed, with 2 where nothing could be tried.
"""

import argparse
import asyncio
import csv
import datetime
import re
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from tests.crash.served import Server, ask, configure, served

from bench.processes import resident_bytes
from tiercel.testing.scripted import Says, ScriptedProvider

PAGE = Path(__file__).resolve().parent.parent / "docs" / "security.md"
RESULTS = re.compile(r"(?<=<!-- slow attacks -->\n).*?(?=<!-- end -->)", re.S)
CONNECTIONS = 1_000
CONNECTIONS_PER_SECOND = 200
OPEN_FILES = 16_384
PROBE_SECONDS = 3
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.1
NONE_LEFT = b"No open connections left"
ALIASES = 500
"""So many that the list of models is a long answer."""


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """One way of slowhttptest, tried for at most so long."""

    title: str
    options: tuple[str, ...]
    path: str
    at_most_seconds: int


ATTACKS = (
    Attack(title="slow headers", options=("-H", "-i", "3"), path="/v1/models", at_most_seconds=60),
    Attack(
        title="slow body",
        options=("-B", "-i", "5", "-s", "8192"),
        path="/v1/chat/completions",
        at_most_seconds=120,
    ),
    Attack(title="ranges", options=("-R", "-a", "5", "-b", "3000"), path="/v1/models", at_most_seconds=30),
    Attack(
        title="slow read",
        options=("-X", "-w", "1", "-y", "512", "-n", "5", "-z", "5", "-k", "10"),
        path="/v1/models",
        at_most_seconds=120,
    ),
)


class Second(msgspec.Struct, frozen=True, kw_only=True):
    """What slowhttptest saw at one second."""

    at: int
    connected: int
    closed: int
    available: bool


class Honest(msgspec.Struct, kw_only=True):
    """What became of the honest client's requests, and the server's memory meanwhile."""

    latencies: list[float] = []
    failed: int = 0
    most_bytes: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One attack with all that was seen of it."""

    attack: Attack
    seconds: tuple[Second, ...]
    all_closed: bool
    honest: Honest
    grown_bytes: int


def seen_by_slowhttptest(text: str) -> tuple[Second, ...]:
    """Its statistics, a line a second. It counts "available" in connections: all of them, or none."""
    return tuple(
        Second(
            at=int(row["Seconds"]),
            connected=int(row["Connected"]),
            closed=int(row["Closed"]),
            available=row["Service Available"] != "0",
        )
        for row in csv.DictReader(text.splitlines())
    )


async def ask_on(base_url: str, server: Server, honest: Honest) -> None:
    """Ask until cancelled."""
    while True:
        began = time.monotonic()
        try:
            status = await asyncio.wait_for(ask(base_url), PATIENCE_SECONDS)
        except (OSError, TimeoutError):
            status = 0
        honest.latencies.append(time.monotonic() - began)
        honest.failed += status != 200
        honest.most_bytes = max(honest.most_bytes, resident_bytes(server.pid))
        await asyncio.sleep(PAUSE_SECONDS)


async def run(program: str, attack: Attack, folder: Path) -> Outcome:
    """One attack on a new gateway."""
    async with ScriptedProvider() as provider:
        provider.default = Says(text="hello")
        configure(folder, provider.base_url, aliases=[f"name-{number}" for number in range(ALIASES)])
        async with served(folder) as server:
            base_url = await server.base_url()
            assert await ask(base_url) == 200
            before = resident_bytes(server.pid)
            honest = Honest(latencies=[])
            asking = asyncio.create_task(ask_on(base_url, server, honest))
            report = folder / "seen"
            command = [program, *attack.options, "-c", str(CONNECTIONS), "-r", str(CONNECTIONS_PER_SECOND)]
            command += [
                "-l",
                str(attack.at_most_seconds),
                "-p",
                str(PROBE_SECONDS),
                "-u",
                base_url + attack.path,
            ]
            attacking = await asyncio.create_subprocess_exec(
                *command, "-v", "1", "-g", "-o", str(report), stdout=asyncio.subprocess.PIPE
            )
            said, _ = await attacking.communicate()
            asking.cancel()
            await asyncio.wait((asking,))
    seconds = seen_by_slowhttptest(report.with_suffix(".csv").read_text("utf-8"))
    return Outcome(
        attack=attack,
        seconds=seconds,
        all_closed=NONE_LEFT in said,
        honest=honest,
        grown_bytes=honest.most_bytes - before,
    )


def row(outcome: Outcome) -> str:
    """A line of the table."""
    seconds, latencies = outcome.seconds, sorted(outcome.honest.latencies)
    p99 = latencies[max(0, round(0.99 * len(latencies)) - 1)]
    last = seconds[-1]
    unavailable = sum(not second.available for second in seconds)
    cells = (
        outcome.attack.title,
        f"{max(second.connected for second in seconds):,}",
        f"all after {last.at} s"
        if outcome.all_closed
        else f"{last.closed:,}, {last.connected:,} left after {last.at} s",
        f"{unavailable} of {len(seconds)} s",
        f"{outcome.honest.failed} of {len(latencies)}",
        f"{1e3 * statistics.median(latencies):.0f} / {1e3 * p99:.0f}",
        f"{outcome.grown_bytes / 1e6:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def table(outcomes: list[Outcome], version: str) -> str:
    """The result with its date."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return "\n".join(
        (
            f"{today}, {version}, {CONNECTIONS:,} connections, {CONNECTIONS_PER_SECOND} a second:",
            "",
            "| attack | most open at once | closed by the gateway | unavailable to its own probe "
            "| honest requests that failed | their latency, ms (p50 / p99) | memory grew by, MB |",
            "|---|---:|---|---:|---:|---:|---:|",
            *map(row, outcomes),
            "",
        )
    )


async def version_of(program: str) -> str:
    asked = await asyncio.create_subprocess_exec(
        program, "-h", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asked.communicate()
    found = re.search(rb"version ([\d.]+)", said)
    return "slowhttptest" + (f" {found[1].decode()}" if found else "")


async def run_all(program: str) -> list[Outcome]:
    outcomes = []
    for attack in ATTACKS:
        with tempfile.TemporaryDirectory(prefix="tiercel-slow-") as folder:
            outcomes.append(await run(program, attack, Path(folder)))
        print(row(outcomes[-1]), flush=True)
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change no page")
    check: bool = parser.parse_args().check
    program = shutil.which("slowhttptest")
    if program is None:
        print("slowhttptest is not installed: apt-get install slowhttptest", file=sys.stderr)
        return 2
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    outcomes = asyncio.run(run_all(program))
    if not check:
        text = table(outcomes, asyncio.run(version_of(program)))
        PAGE.write_text(RESULTS.sub(lambda _: text, PAGE.read_text("utf-8"), count=1), "utf-8")
    return int(any(outcome.honest.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
