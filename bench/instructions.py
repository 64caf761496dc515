"""For maintainers: `python -m bench.instructions` counts the instructions of the processor that one request takes.

Needs Linux, a C compiler and valgrind. What is counted is the program's own, the system's is not; unlike a time it is
nearly the same in every run, however busy the machine. Beside Tiercel, without and with a key that has every limit and
budget: the forwarders of bench/forwarder.py, which say what a server in Python costs that decides nothing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.load import send
from bench.rig import TOOLS, BenchError, Rig, free_port, process, seconds_until_ready, set_up
from bench.subjects import NO_KEY, Control, issue_key, mock_upstream, own_folder

WARM_UP = "100"
COUNTED = re.compile(r"([\d,]+) .*PROGRAM TOTALS")
HASH_SEED = "1"


def counted(rig: Rig, folder: Path, command: list[str], port: int, key: str | None, requests: int) -> float:
    """Instructions for a request of what this command serves on that port, the gateway where there is a `key`. Raises
    `BenchError`."""
    found = folder / "callgrind"
    valgrind = [
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--instr-atstart=no",
        f"--callgrind-out-file={found}",
    ]
    since = time.perf_counter()
    whole = [*valgrind, sys.executable, *command]
    with process(whole, rig.server_core, folder=folder, log=folder / "log", controlled=True) as child:
        if key is not None:
            Control(child, folder / "log").hear()  # ingest has loaded its database, and waits
        seconds_until_ready(child, port, since)
        send(rig, port, "--auth", key or NO_KEY, "--requests", WARM_UP, "--conns", "4")
        switch(child.pid, "on")
        send(rig, port, "--auth", key or NO_KEY, "--requests", str(requests), "--conns", "4")
        switch(child.pid, "off")
    told = subprocess.run(
        ["callgrind_annotate", str(found)], capture_output=True, text=True, check=True
    ).stdout
    total = COUNTED.search(told)
    if total is None:
        raise BenchError(f"callgrind_annotate said no total: {told[:500]}")
    return int(total[1].replace(",", "")) / requests


def switch(pid: int, state: str) -> None:
    subprocess.run(["callgrind_control", "-i", state, str(pid)], capture_output=True, check=True)


def gateway(rig: Rig, upstream: int, requests: int, *, keyed: bool) -> float:
    port = free_port()
    with own_folder(rig, upstream) as folder:
        key = issue_key(folder) if keyed else NO_KEY
        files = ["--config", "tiercel.toml", "--policy", "policy.toml"]
        command = ["-m", "bench.serve", "--port", str(port), *files, "--defer-ingest"]
        return counted(rig, folder, command, port, key, requests)


def forwarder(rig: Rig, upstream: int, requests: int, *, reads: bool) -> float:
    port = free_port()
    command = ["-m", "bench.forwarder", "--port", str(port), "--upstream", str(upstream)]
    return counted(rig, rig.folder, [*command, *(["--reads"] if reads else [])], port, None, requests)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=500, help="of each (default: %(default)s)")
    parser.add_argument("--tools", type=Path, default=TOOLS, metavar="DIR")
    args = parser.parse_args()
    os.environ["PYTHONHASHSEED"] = HASH_SEED
    subjects: dict[str, Callable[[Rig, int, int], float]] = {
        "a forwarder that reads nothing": lambda *given: forwarder(*given, reads=False),
        "a forwarder that reads both bodies": lambda *given: forwarder(*given, reads=True),
        "Tiercel": lambda *given: gateway(*given, keyed=False),
        "Tiercel with keys and budgets": lambda *given: gateway(*given, keyed=True),
    }
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as folder:
        try:
            rig = set_up(args.tools, Path(folder))
            if shutil.which("valgrind") is None:
                raise BenchError("valgrind is not installed, and counts the instructions")
            with mock_upstream(rig) as upstream:
                print("| instructions of a request | thousands |\n|---|---:|")
                for name, subject in subjects.items():
                    print(
                        f"| {name} | {subject(rig, upstream.port, args.requests) / 1000:,.0f} |", flush=True
                    )
        except BenchError as error:
            print(f"instructions: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
