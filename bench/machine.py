"""Where and with what it was measured: the header of every table."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import tiercel
from bench.processes import cpu_model
from bench.rig import Rig

SOURCE = Path(tiercel.__file__).parent
PACKAGES = ("uvloop", "httptools", "msgspec", "jsonschema-rs", "SQLAlchemy")


def describe(rig: Rig) -> dict[str, str]:
    """Facts by name, in the order to print."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = f"server on core {rig.server_core}, upstream and load on core {rig.load_core}"
    if rig.server_core == rig.load_core:
        cores += " (there is only one: requests/s and latencies say little)"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{cpu_model(Path('/proc/cpuinfo').read_text('utf-8'))}, {os.cpu_count()} cores, {memory:.0f} GB",
        "pinned": cores,
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "tiercel": f"{version('tiercel')}, {commit()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "nginx": nginx_version(rig.nginx),
        "busy": f"load average {os.getloadavg()[0]:.1f} before it began",
    }


def nginx_version(program: str | None) -> str:
    if program is None:
        return "not installed, so there is nothing to compare with"
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().rpartition("/")[2]


def commit() -> str:
    """The commit of the Tiercel that is measured, and whether its source was changed since."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return "commit unknown"
    return f"commit {head}" + (" with local changes" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=SOURCE, capture_output=True, text=True, check=True)
    return done.stdout.strip()
