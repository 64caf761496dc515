"""Measures what the largest bad answers cost the gateway in memory: `python -m scripts.fault_memory`. Linux only.

A gateway in a process of its own, new for each line, meets the fault alone or eight times at once; its peak of resident
memory is the kernel's (`VmHWM`), set back before. Written into `docs/faults.md`; with `--check` nothing is written.
"""

import argparse
import asyncio
import datetime
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from tests.gateway.house import USER, one_tier, settings_for
from tests.gateway.plain_http import call

from scripts.fault_table import PAGE, grid, rewritten
from tiercel.domain.catalog import Deployment, Model, Provider
from tiercel.domain.policy import Limits
from tiercel.domain.secret import Secret
from tiercel.gateway.app import running
from tiercel.testing.fault_kinds import FAULT_KINDS
from tiercel.testing.scripted import Says, ScriptedProvider

COMMAND = "python -m scripts.fault_memory"
FAULTS = ("huge", "flood", "gzip-bomb", "endless", "many-headers", "huge-header")
LARGEST = "no fault"
ABOUT = {name: FAULT_KINDS[name].about for name in FAULTS} | {
    LARGEST: "a good answer of 7.9 MB, just below what is taken"
}
AT_ONCE = (1, 8)
AIM_MB = 64
"""What one answer may cost."""
LIMITS = Limits(deadline_seconds=10.0, retries=0)
HELLO = "one two three four five six seven eight"
WARM_UP = 40
"""Good answers before each measurement."""


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway's memory grew by at most while `at_once` answers went wrong in this way, in MB."""

    fault: str
    stream: bool
    at_once: int
    grown_mb: float


async def serve(base_url: str, folder: Path) -> None:
    """The gateway that is measured: says its address, and ends with its standard input."""
    provider = Provider(name="bad", format="openai_chat", base_url=base_url, key=Secret("any"))
    names = [str(number) for number in range(max(AT_ONCE))]
    deployments = tuple(
        Deployment(name=name, model=Model(name=name), provider=provider, upstream_name=name) for name in names
    )
    settings = settings_for(folder, *deployments)
    policy = one_tier(deployments, limits=LIMITS)
    async with running(settings, policy, port=0) as gateway:
        print(gateway.base_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def gateway(base_url: str, folder: str) -> AsyncIterator[tuple[str, int]]:
    """Address and process id of a gateway in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "scripts.fault_memory", "--serve", base_url, folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip(), process.pid
    finally:
        process.stdin.close()
        await process.wait()


async def measure() -> list[Peak]:
    """Every fault, whole and streamed, alone and at once."""
    return [
        await _peak(name, stream, at_once)
        for name in ABOUT
        for stream in (False, True)
        for at_once in AT_ONCE
    ]


async def _peak(name: str, stream: bool, at_once: int) -> Peak:
    with tempfile.TemporaryDirectory() as folder:
        async with ScriptedProvider() as provider, gateway(provider.base_url, folder) as (url, pid):
            provider.default = Says(text=HELLO)
            for _ in range(WARM_UP):
                await _ask(url, at_once, stream=stream)
            met = len(provider.requests)
            provider.default = _reply(name)
            process = Path("/proc") / str(pid)
            (process / "clear_refs").write_text("5")
            before = _kilobytes(process, "VmRSS")
            await _ask(url, at_once, stream=stream)
            grown_mb = max(0, _kilobytes(process, "VmHWM") - before) / 1_000
            assert len(provider.requests) == met + at_once
    print(f"{name}, {'stream' if stream else 'whole'}, {at_once} at once: {grown_mb:.1f} MB", flush=True)
    return Peak(fault=name, stream=stream, at_once=at_once, grown_mb=grown_mb)


def _reply(name: str) -> Says:
    if name == LARGEST:
        return Says(text="word " * 1_580_000)
    return Says(text=HELLO, fault=FAULT_KINDS[name].fault)


async def _ask(url: str, at_once: int, *, stream: bool) -> None:
    """One request to each of so many deployments, all at the same time."""
    bodies = [
        msgspec.json.encode({"model": str(number), "messages": USER, "stream": stream})
        for number in range(at_once)
    ]
    await asyncio.gather(*(call(url, "POST", "/v1/chat/completions", body) for body in bodies))


def _kilobytes(process: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", (process / "status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def rows(peaks: Iterable[Peak]) -> Iterable[tuple[str, ...]]:
    """One row a fault."""
    found = {(peak.fault, peak.stream, peak.at_once): peak.grown_mb for peak in peaks}
    for name, about in ABOUT.items():
        cells = (f"{found[name, stream, n]:.1f}" for stream in (False, True) for n in AT_ONCE)
        yield (name if name == LARGEST else f"`{name}`", about, *cells)


def main() -> int:
    """Measure, write, and say whether each answer alone stayed within the aim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--serve", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve[0], Path(arguments.serve[1])))
        return 0
    peaks = asyncio.run(measure())
    worst = max(peak.grown_mb for peak in peaks if peak.at_once == 1)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    summary = f"{today}, `{COMMAND}`: one answer cost {worst:.1f} MB at most; the aim is {AIM_MB} MB.\n\n"
    print(summary.strip())
    if not arguments.check:
        head = ("fault", "what happens", *(f"{way}, {n}" for way in ("whole", "stream") for n in AT_ONCE))
        page = rewritten(PAGE.read_text("utf-8"), "memory", summary + grid(head, rows(peaks)))
        PAGE.write_text(page, "utf-8")
    return 1 if worst > AIM_MB else 0


if __name__ == "__main__":
    sys.exit(main())
