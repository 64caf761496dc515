"""Evaluations of a few sums, and the means to run them against a scripted provider over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tiercel.checks.registry import Registry
from tiercel.cli.asking import asking
from tiercel.domain.catalog import Catalog, Prices
from tiercel.domain.policy import Policy, Rule, Tier
from tiercel.domain.settings import Settings
from tiercel.evals.evaluation import Candidate, Evaluation, Expectation, Item, JudgeSettings, RunSettings
from tiercel.evals.files import hash_of
from tiercel.evals.judging import judging_scorers
from tiercel.evals.judging.desk import JudgeDesk
from tiercel.evals.results import Result, read_results
from tiercel.evals.run_folder import Manifest, RunFolder
from tiercel.evals.running.budget import Budget
from tiercel.evals.running.folders import new_run
from tiercel.evals.running.run import Ended, Estimate, Means, run_evaluation, spent_nano
from tiercel.evals.scorers.registry import ScorerRegistry
from tiercel.testing.scripted import ScriptedProvider

UNPRICED = "-unpriced"
"""What the names of models end with that have no price."""
SUM = Expectation(scorer="contains", value="4")


def items(count: int, *expectations: Expectation) -> tuple[Item, ...]:
    """So many questions, each with its number in it."""
    return tuple(
        Item(
            id=f"q{number}",
            body={"messages": [{"role": "user", "content": f"Question {number}: what is 2 + 2?"}]},
            target=("4",),
            expectations=expectations or (SUM,),
        )
        for number in range(count)
    )


def evaluation(
    asked: tuple[Item, ...],
    *models: str,
    baseline: str | None = None,
    judges: dict[str, JudgeSettings] | None = None,
    **run: Any,
) -> Evaluation:
    """Of these models, by default the one that scripted providers serve."""
    candidates = tuple(Candidate(id=name, address=name) for name in models or ("scripted",))
    made = Evaluation(
        name="sums",
        candidates=candidates,
        items=asked,
        baseline=baseline,
        judges=judges or {},
        run=RunSettings(**{"concurrency": 4, "cache": False, **run}),
    )
    return msgspec.structs.replace(made, hash=hash_of(made))


def begun(folder: Path, of: Evaluation) -> RunFolder:
    """A new run of it."""
    return new_run(folder, Manifest(id="", evaluation=of, started_at=1_700_000_000.0))


def settings_of(provider: ScriptedProvider, *models: str) -> Settings:
    """A configuration in which the provider serves these models; of some nobody knows the price."""
    deployments = {
        name: provider.deployment(name, prices=Prices())
        if name.endswith(UNPRICED)
        else provider.deployment(name)
        for name in models or ("scripted",)
    }
    return Settings(catalog=Catalog(deployments=deployments))


def policy_of(*models: str) -> Policy:
    """A rule that climbs these, for candidates that are helped."""
    tiers = {"fast": Tier(name="fast", members=models or ("scripted",))}
    return Policy(tiers=tiers, rules=(Rule(name="any", ladder=("fast",)),))


class Bench:
    """Runs evaluations, one after the other, with one set of scorers."""

    def __init__(self, folder: Path, provider: ScriptedProvider, checks: Registry, *models: str) -> None:
        self.folder = folder
        self.provider = provider
        self.scorers = ScorerRegistry(checks, judging_scorers())
        self._models = models

    async def run(
        self, run: RunFolder, *, estimate: Estimate = lambda body, helped: None, **how: Any
    ) -> Ended:
        """One sitting over this run."""
        of = run.manifest.evaluation
        budget = Budget(of.run.budget_nano, spent_nano=spent_nano(run))
        settings, policy = settings_of(self.provider, *self._models), policy_of(*self._models)
        cache = how.pop("cache", None)
        async with asking(settings, policy, gates=False, helped=any(c.helped for c in of.candidates)) as ask:
            desk = JudgeDesk(ask, of.judges, of.run, budget=budget, estimate=estimate)
            self.scorers.add(judging_scorers(desk, of.baseline))
            means = Means(ask=ask, scorers=self.scorers, budget=budget, estimate=estimate, cache=cache)
            return await run_evaluation(run, means, **how)

    async def ran(self, of: Evaluation, **how: Any) -> tuple[Ended, list[Result]]:
        """A new run of this evaluation, and its rows."""
        run = begun(self.folder, of)
        return await self.run(run, **how), rows(run)


@asynccontextmanager
async def bench(
    folder: Path, provider: ScriptedProvider, checks: Registry, *models: str
) -> AsyncIterator[Bench]:
    async with provider:
        yield Bench(folder, provider, checks, *models)


def rows(run: RunFolder) -> list[Result]:
    """Every row, in the order of writing."""
    return list(read_results(run.results_path))
