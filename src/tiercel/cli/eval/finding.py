"""Which run an argument means; without the libraries that comparing takes."""

from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.evals.run_folder import MANIFEST, RunFolder, open_run
from tiercel.evals.running.folders import RUNS, all_runs


def find_run(named: Path) -> RunFolder:
    """A run's folder, or the latest run of an `eval.yaml`, of the folder that it lies in, or of a folder of runs.

    Raises `ConfigError` where no run lies there.
    """
    if named.name == MANIFEST:
        named = named.parent
    if (named / MANIFEST).exists():
        return open_run(named)
    folder = named.parent if named.is_file() else named
    for place in (folder / RUNS, folder):
        runs = all_runs(place)
        if runs:
            return runs[0]
    if not named.exists():
        raise ConfigError(
            f"{named}: no such run; give a run's folder, or the eval.yaml whose latest run is meant"
        )
    raise ConfigError(f"{named}: no run lies there; `tiercel eval run` makes one")
