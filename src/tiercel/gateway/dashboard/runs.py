"""Runs of evaluations as they lie on disk: which there are, and where. What they came to, commands work out."""

from functools import lru_cache
from pathlib import Path

import msgspec

MANIFEST = "run.json"
PLACES = (f"runs/*/{MANIFEST}", f"*/runs/*/{MANIFEST}", f"*/*/runs/*/{MANIFEST}")
MOST = 200


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate."""

    id: str
    address: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was evaluated, as far as a list shows it."""

    name: str = ""
    description: str = ""
    candidates: tuple[Named, ...] = ()
    baseline: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `run.json` says of a run, as far as a list shows it. Times are Unix seconds."""

    id: str
    evaluation: Asked
    started_at: float
    finished_at: float | None = None
    simulated: bool = False


class Run(msgspec.Struct, frozen=True):
    """A run and its folder. `key` names it in addresses: its path below the folder of all evaluations."""

    key: str
    folder: Path
    manifest: Manifest


def runs_below(root: Path) -> list[Run]:
    """The runs, the newest first; what cannot be read is no run."""
    found = []
    for place in PLACES:
        for path in root.glob(place):
            try:
                status = path.stat()
                manifest = _manifest(path, status.st_mtime_ns, status.st_size)
            except (OSError, msgspec.DecodeError):
                continue
            found.append(Run(path.parent.relative_to(root).as_posix(), path.parent, manifest))
    found.sort(key=lambda run: run.manifest.started_at, reverse=True)
    return found[:MOST]


@lru_cache(maxsize=MOST)
def _manifest(path: Path, changed_at: int, size: int) -> Manifest:
    """Read again only where it changed: the file has every item in it."""
    return msgspec.json.decode(path.read_bytes(), type=Manifest)
