"""The benchmark as it runs: read everything, find every mistake before money is spent, ask, show."""

import argparse
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from tiercel import __version__
from tiercel.checks.registry import Registry
from tiercel.cli.asking import asking
from tiercel.cli.bench_show import About, render
from tiercel.cli.configuration import load_configuration
from tiercel.cli.demo_show import progress
from tiercel.domain.catalog import Catalog
from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.policy import Policy
from tiercel.domain.settings import Settings
from tiercel.evals.judge import prove
from tiercel.evals.run_suite import Run, run_suite
from tiercel.evals.suite import Suite, load_suite
from tiercel.evals.task_report import TaskReport, summarise_runs
from tiercel.measure.amounts import dollars
from tiercel.routing.expand import split_effort
from tiercel.routing.names import resolve
from tiercel.testing.lab.server import DEFAULT_TIME_SCALE, Lab
from tiercel.testing.tasks import DemoTask

MAX_PARALLEL = 64
MAX_RUNS = 10_000


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask: a configuration, of real providers or of the lab's."""

    settings: Settings
    policy: Policy


async def run_bench(args: argparse.Namespace) -> int:
    """Run what the arguments ask for. Raises `ConfigError` where that cannot be done, before anybody is called."""
    _check_arguments(args)
    registry = Registry.load()
    try:
        suite = load_suite(args.suite, registry.resolve)
        async with _setting(args, suite) as setting:
            models = chosen_models(args.models, setting, all_of_them=args.lab)
            await prove(suite, registry)
            runs = await _asked(args, suite, models, setting, registry)
    finally:
        await registry.aclose()
    about = About(
        suite=suite,
        runs=args.runs,
        parallel=args.parallel,
        times_faster=round(1 / DEFAULT_TIME_SCALE) if args.lab else None,
    )
    report = summarise_runs(suite, models, runs)
    render(about, report, Console(highlight=False))
    if args.json is not None:
        _write(args.json, as_json(about, report, runs))
    return 0


def chosen_models(names: str, setting: Setting, *, all_of_them: bool = False) -> tuple[str, ...]:
    """The models that were named, each once; without names all there are, where that costs nothing.

    Raises `ConfigError` for a name that stands for nothing, or for a model without a key.
    """
    catalog = setting.settings.catalog
    known = tuple(dict.fromkeys(deployment.model.name for deployment in catalog.deployments.values()))
    chosen = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not chosen and all_of_them:
        return known
    if not known:
        missing = ", ".join(setting.settings.missing_keys)
        why = f"no key for {missing}; export one" if missing else "none is configured; see `tiercel init`"
        raise ConfigError(f"no model can be called: {why}, or try --lab without any key")
    if not chosen:
        raise ConfigError(f"-m is missing: name the models to ask, of {', '.join(known)}")
    problems = [problem for name in chosen for problem in _name_problems(name, setting.policy, catalog)]
    if problems:
        raise ConfigError(*problems)
    return chosen


def _name_problems(name: str, policy: Policy, catalog: Catalog) -> list[str]:
    try:
        resolve(name, policy, catalog)
    except CallerError as error:
        base = split_effort(name)[0]
        for deployment in catalog.keyless.values():
            if base in (deployment.name, deployment.model.name):
                return [f"-m {name}: its provider has no key; export {deployment.provider.key_env}"]
        known = dict.fromkeys(deployment.model.name for deployment in catalog.deployments.values())
        return [f"-m {name}: {error.message.partition(';')[0]}; there are {', '.join(known)}"]
    return []


def as_json(about: About, report: TaskReport, runs: Sequence[Run]) -> bytes:
    """Everything, with each run's answer: the prompts are the suite's own, not anybody's traffic."""
    whole = {
        "version": 1,
        "tiercel": __version__,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "simulated": report.simulated,
        "suite": {"title": about.suite.title, "source": about.suite.source, "hash": about.suite.hash},
        "runs_per_task": about.runs,
        "parallel": about.parallel,
        **msgspec.to_builtins(report),
        "runs": msgspec.to_builtins(runs),
    }
    return msgspec.json.format(msgspec.json.encode(dollars(whole)), indent=2) + b"\n"


def _check_arguments(args: argparse.Namespace) -> None:
    problems = []
    if not 1 <= args.runs <= MAX_RUNS:
        problems.append(f"--runs {args.runs}: give 1 to {MAX_RUNS}; each task is asked so often")
    if not 1 <= args.parallel <= MAX_PARALLEL:
        problems.append(f"--parallel {args.parallel}: give 1 to {MAX_PARALLEL} requests at a time")
    if args.lab and (args.config or args.policy):
        problems.append("--lab brings its own configuration: leave --config and --policy out")
    path: Path | None = args.json
    if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        problems.append(f"--json {path}: cannot be written there; name a file in a folder that is yours")
    if problems:
        raise ConfigError(*problems)


def lab_tasks(suite: Suite) -> list[DemoTask]:
    """The tasks that simulated models have answers to: those with a target. The rest get a canned one."""
    return [
        DemoTask(
            name=task.name,
            kind="unknown",
            difficulty=task.difficulty,
            prompt=task.prompt,
            answer=task.target,
            wrong=task.wrong,
            json=task.target.lstrip().startswith("{"),
        )
        for task in suite.tasks
        if task.target is not None
    ]


@asynccontextmanager
async def _setting(args: argparse.Namespace, suite: Suite) -> AsyncIterator[Setting]:
    if not args.lab:
        loaded = load_configuration(args)
        yield Setting(settings=loaded.settings, policy=loaded.policy)
        return
    async with Lab(tasks=lab_tasks(suite)) as lab:
        yield Setting(settings=lab.settings("unused"), policy=lab.policy())


async def _asked(
    args: argparse.Namespace, suite: Suite, models: tuple[str, ...], setting: Setting, registry: Registry
) -> list[Run]:
    total = len(suite.tasks) * len(models) * args.runs
    print(
        f"{len(suite.tasks)} tasks x {len(models)} models x {args.runs} runs: {total} requests.", flush=True
    )
    with progress("requests", total) as advance:
        async with asking(setting.settings, setting.policy) as ask:
            return await run_suite(
                suite,
                models,
                runs=args.runs,
                ask=ask,
                checks=registry,
                parallel=args.parallel,
                advance=lambda _: advance(),
            )


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"--json {path}: cannot be written: {error.strerror}") from error
    print(f"\nEvery run stands in {path}.")
