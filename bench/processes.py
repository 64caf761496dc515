"""What the kernel says of a process tree: processor time, resident memory, open files. Linux only."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

PROC = Path("/proc")


class Stat(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `ticks` is user and system time of all its threads and of the children it has waited for."""

    pid: int
    parent: int
    ticks: int


def parse_stat(text: str) -> Stat:
    """A line of `/proc/<pid>/stat`. The name in parentheses may itself hold spaces and parentheses."""
    head, _, rest = text.rpartition(")")
    fields = rest.split()
    return Stat(
        pid=int(head.partition(" ")[0]),
        parent=int(fields[1]),
        ticks=sum(int(field) for field in fields[11:15]),
    )


def tree(stats: Iterable[Stat], root: int) -> list[Stat]:
    """The process `root` and everything below it; empty when there is no such process."""
    stats = list(stats)
    found = [stat for stat in stats if stat.pid == root]
    for parent in found:  # grows while it is walked
        found += [stat for stat in stats if stat.parent == parent.pid]
    return found


def resident_pages(statm: str) -> int:
    """Pages in memory, from a line of `/proc/<pid>/statm`."""
    return int(statm.split()[1])


def cpu_seconds(root: int) -> float:
    """User and system time of the tree so far, to the clock tick (usually 10 ms)."""
    return sum(stat.ticks for stat in tree(_all_stats(), root)) / os.sysconf("SC_CLK_TCK")


def resident_bytes(root: int) -> int:
    """Resident memory of the tree; pages that its processes share count for each."""
    pages = 0
    for stat in tree(_all_stats(), root):
        statm = _read(PROC / str(stat.pid) / "statm")
        pages += resident_pages(statm) if statm else 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int:
    """How many file descriptors the process has."""
    return len(os.listdir(PROC / str(pid) / "fd"))


def cpu_model(cpuinfo: str) -> str:
    """What `/proc/cpuinfo` calls the processor."""
    facts: Mapping[str, str] = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in cpuinfo.splitlines())
    }
    return facts.get("model name") or facts.get("Model") or "unknown processor"


def _all_stats() -> list[Stat]:
    texts = (_read(entry / "stat") for entry in PROC.iterdir() if entry.name.isdecimal())
    return [parse_stat(text) for text in texts if text]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
        return ""
