"""The runs that an argument means, and what is asked of them: alike for `tiercel eval compare` and `report`."""

import argparse
import shlex
from pathlib import Path
from typing import NamedTuple

import msgspec

from tiercel.cli.eval.finding import find_run
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Measured, measured
from tiercel.evals.comparing.assessment import Assessment, assess_change, assess_run, regrouped
from tiercel.evals.evaluation import Analysis


class Looked(NamedTuple):
    """What was found in which folders."""

    assessment: Assessment
    folders: tuple[Path, ...]


def look(args: argparse.Namespace) -> Looked:
    """One run for itself, or the second against the first. Raises `ConfigError`."""
    if len(args.runs) > 2:
        raise ConfigError(
            f"{len(args.runs)} runs were named: give one, or two to hold the second against the first"
        )
    found = [find_run(named) for named in args.runs or [Path()]]
    runs = [measured(run) for run in found]
    if args.cluster:
        runs = [regrouped(run, args.cluster) for run in runs]
    analysis = _analysis(args, runs[0])
    assessment = (
        assess_run(runs[0], analysis) if len(runs) == 1 else assess_change(runs[0], runs[1], analysis)
    )
    return Looked(assessment, tuple(run.path for run in found))


def command_of(args: argparse.Namespace, looked: Looked, output: Path) -> str:
    """What makes the same report again, from the folders that were looked at."""
    words = ["tiercel", "eval", "report", *(str(folder) for folder in looked.folders), "-o", str(output)]
    analysis = looked.assessment.analysis
    if args.metric:
        words += ["--metric", args.metric]
    if args.margin is not None:
        words += ["--margin", f"{analysis.margin:g}"]
    if args.alpha is not None:
        words += ["--alpha", f"{analysis.alpha:g}"]
    for flag, values in (("--cluster", [args.cluster] if args.cluster else []), ("--slice", args.slices)):
        words += [word for value in values for word in (flag, value)]
    return shlex.join(words)


def _analysis(args: argparse.Namespace, run: Measured) -> Analysis:
    given = {
        "decided_by": args.metric,
        "margin": args.margin,
        "alpha": args.alpha,
        "slices": tuple(args.slices) or None,
    }
    said = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(run.manifest.evaluation.analysis, **said)
