"""One scheduled run: ask, hold it against the run that was kept, raise the alarm."""

import argparse
import os
import sys

from tiercel.cli.eval.exits import FAILED, INTERRUPTED, PASSED
from tiercel.cli.eval.sitting import sit
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import measured
from tiercel.evals.run_folder import RunFolder
from tiercel.evals.running.folders import all_runs, runs_beside
from tiercel.evals.scheduling.alarms import Looked, look
from tiercel.evals.scheduling.kept import keep, kept_run
from tiercel.evals.scheduling.telling import metrics, post, require_safe, write_metrics


async def run_once(args: argparse.Namespace) -> int:
    """Raises `ConfigError` before anybody is asked where the alarm could not be told, or the kept run is gone."""
    url = _webhook(args.webhook_env)
    runs = runs_beside(args.file)
    kept = kept_run(runs)
    before = {run.path.name for run in all_runs(runs)}
    code = await sit(args)
    run = next(run for run in all_runs(runs) if run.path.name not in before)
    looked = look(None if kept is None else measured(kept), measured(run))
    if args.metrics is not None:
        write_metrics(args.metrics, metrics(run.manifest, looked))
    for alarm in looked.alarms:
        print(f"ALARM ({alarm.kind}): {alarm.words}")
    if looked.alarms and url:
        problem = await post(url, run.manifest, "" if kept is None else kept.path.name, looked)
        if problem:
            print(f"tiercel: the webhook was not told: {problem}", file=sys.stderr)
    return _ended(code, run, kept, looked)


def _ended(code: int, run: RunFolder, kept: RunFolder | None, looked: Looked) -> int:
    if looked.alarms:
        return FAILED
    if code == INTERRUPTED:
        return INTERRUPTED
    if kept is None:
        keep(run)
        print(f"Later runs are held against this one, {run.path.name}.")
    else:
        print(f"No alarm, held against {kept.path.name}.")
        print(f"To hold later ones against this one: tiercel eval schedule keep {run.path}")
    return PASSED


def _webhook(name: str | None) -> str:
    if name is None:
        return ""
    url = os.environ.get(name, "")
    if not url:
        raise ConfigError(f"--webhook-env {name}: not set in the environment")
    require_safe(url)
    return url
