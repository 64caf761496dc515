"""The folders of runs: a new one, the one to go on with, and why a run cannot be gone on with."""

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Evaluation, Item
from tiercel.evals.run_folder import MANIFEST, Manifest, RunFolder, open_run

RUNS = "runs"
MOST_NAMED = 5


def runs_beside(evaluation_file: Path) -> Path:
    """Where the runs of this evaluation lie."""
    return evaluation_file.parent / RUNS


def new_run(runs: Path, manifest: Manifest) -> RunFolder:
    """A folder for a run that begins; `manifest` gets its id. Raises `ConfigError` where it cannot be made."""
    day = datetime.fromtimestamp(manifest.started_at, UTC).strftime("%Y%m%d-%H%M%S")
    for _ in range(10):
        name = f"{day}-{manifest.evaluation.hash[:6] or 'run'}-{secrets.token_hex(2)}"
        try:
            (runs / name).mkdir(mode=0o700, parents=True)  # it holds prompts and answers
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError(f"{runs / name}: cannot be made: {error.strerror}") from error
        run = RunFolder(path=runs / name, manifest=msgspec.structs.replace(manifest, id=name))
        write_manifest(run)
        return run
    raise ConfigError(f"{runs}: no free name for a run")


def write_manifest(run: RunFolder) -> None:
    """Write `run.json` whole or not at all. Raises `ConfigError`."""
    path = run.path / MANIFEST
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(run.manifest), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def finished(run: RunFolder) -> RunFolder:
    """The run with the moment that its last item was asked."""
    done = RunFolder(path=run.path, manifest=msgspec.structs.replace(run.manifest, finished_at=time.time()))
    write_manifest(done)
    return done


def all_runs(runs: Path) -> list[RunFolder]:
    """Every run in there that can be read, the latest first."""
    found: list[RunFolder] = []
    for path in sorted(runs.glob(f"*/{MANIFEST}"), reverse=True):
        try:
            found.append(open_run(path.parent))
        except ConfigError:
            continue
    return sorted(found, key=lambda run: run.manifest.started_at, reverse=True)


def run_to_resume(runs: Path, named: str, evaluation: Evaluation) -> RunFolder:
    """The run of this name or path, or without a name the latest unfinished one of the same evaluation.

    Raises `ConfigError` where there is none, or the evaluation was edited since it began, with what changed.
    """
    if named:
        path = Path(named) if (Path(named) / MANIFEST).exists() else runs / Path(named).name
        run = open_run(path)
        _require_same(run, evaluation)
        return run
    known = all_runs(runs)
    unfinished = [run for run in known if run.manifest.finished_at is None]
    for run in unfinished:
        if run.manifest.evaluation.hash == evaluation.hash:
            return run
    if unfinished:
        _require_same(unfinished[0], evaluation)
    raise ConfigError(
        f"{runs}: no unfinished run of this evaluation; leave --resume out to begin one"
        if known
        else f"{runs}: no run to resume; leave --resume out to begin one"
    )


def _require_same(run: RunFolder, evaluation: Evaluation) -> None:
    before = run.manifest.evaluation
    if before.hash == evaluation.hash:
        return
    changed = "; ".join(what_changed(before, evaluation)) or "what is asked"
    raise ConfigError(
        f"{run.path.name}: the evaluation was edited since this run began: {changed}. Undo that, or begin a new run "
        "without --resume: answers that are the same come from the cache"
    )


def what_changed(before: Evaluation, after: Evaluation) -> list[str]:
    """What makes two evaluations different, in words."""
    items = {item.id: _bare(item) for item in before.items}, {item.id: _bare(item) for item in after.items}
    candidates = {one.id: one for one in before.candidates}, {one.id: one for one in after.candidates}
    found = [*_listed("item", *items), *_listed("candidate", *candidates)]
    for name in ("baseline", "judges", "analysis"):
        if getattr(before, name) != getattr(after, name):
            found.append(f"{name} edited")
    return found


def _listed(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    changes = {
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "edited": [name for name in after if name in before and after[name] != before[name]],
    }
    return [f"{_named(what, names)} {how}" for how, names in changes.items() if names]


def _named(what: str, names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{what}{'s' if len(names) > 1 else ''} {shown}{more}"


def _bare(item: Item) -> Item:
    """Without the places in files, which say nothing of what is asked."""
    expectations = tuple(msgspec.structs.replace(one, line=None) for one in item.expectations)
    return msgspec.structs.replace(item, source="", line=None, expectations=expectations)
