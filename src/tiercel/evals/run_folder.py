"""What a run leaves behind: a folder with what was asked (`run.json`), the answers (`results.jsonl`), people's labels.

The folder says everything that a comparison or a report needs, years later, without the files it was made from.
"""

from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.evals.dropped import Dropped
from tiercel.evals.evaluation import Evaluation
from tiercel.evals.results import RESULTS, Result, last_of_each

MANIFEST = "run.json"
LABELS = "labels.jsonl"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, when, under which prices and code. Seconds are Unix time; `finished_at` is `None` until
    every item was asked. `prices_of` dates the price table, `policy_hash` names the policy where rules were asked.
    `dropped` are the candidates that were not asked to the end, as they were shown to lose."""

    version: int = 1
    id: str
    evaluation: Evaluation
    started_at: float
    finished_at: float | None = None
    tiercel: str = ""
    prices_of: str = ""
    policy_hash: str = ""
    simulated: bool = False
    dropped: tuple[Dropped, ...] = ()

    @property
    def asked_no_more(self) -> frozenset[str]:
        """Who is not asked what is left: the dropped ones, and the baseline once it has no candidate beside it."""
        out = frozenset(one.candidate for one in self.dropped)
        rivals = {one.id for one in self.evaluation.candidates} - {self.evaluation.baseline}
        return out | {self.evaluation.baseline or ""} if out and rivals <= out else out


class RunFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it lies on disk."""

    path: Path
    manifest: Manifest

    @property
    def results_path(self) -> Path:
        return self.path / RESULTS

    @property
    def labels_path(self) -> Path:
        return self.path / LABELS

    def results(self) -> dict[tuple[str, str, int], Result]:
        """The latest result of each item, candidate and repeat. Raises `ConfigError` for a damaged file."""
        return last_of_each(self.results_path) if self.results_path.exists() else {}


def open_run(path: Path) -> RunFolder:
    """The run in this folder. Raises `ConfigError` where there is none, or one that a newer Tiercel wrote."""
    manifest = path / MANIFEST
    try:
        raw = manifest.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: no run lies there: {manifest.name}: {error.strerror}") from error
    try:
        read = msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{manifest}: cannot be read: {error}") from error
    if read.version != 1:
        raise ConfigError(f"{manifest}: written by a newer Tiercel; bring this one up to date")
    return RunFolder(path=path, manifest=read)
