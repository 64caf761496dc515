"""The run that later ones are held against: its folder's name, in a file beside the runs."""

from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.evals.run_folder import RunFolder, open_run

KEPT = "kept"


def keep(run: RunFolder) -> None:
    """Hold later runs against this one. Raises `ConfigError` for one that has not come to its end."""
    if run.manifest.finished_at is None:
        raise ConfigError(f"{run.path}: did not come to its end; keep one that did")
    path = run.path.parent / KEPT
    try:
        path.write_text(f"{run.path.name}\n", "utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def kept_run(runs: Path) -> RunFolder | None:
    """The run that was kept; `None` before the first. Raises `ConfigError` where it is gone."""
    path = runs / KEPT
    if not path.exists():
        return None
    name = path.read_text("utf-8").strip()
    try:
        return open_run(runs / name)
    except ConfigError as error:
        raise ConfigError(
            f"{path}: the run that was kept cannot be read ({error}); `tiercel eval schedule keep RUN` names another, "
            "without the file the next run is kept"
        ) from error
