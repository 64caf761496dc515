"""The plan of a run as `tiercel eval plan` prints it: answers, money by target and judge, and what they can show."""

import argparse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.eval.exits import PASSED
from tiercel.cli.eval.outlay import Line, Outlay
from tiercel.cli.eval.pricing import prices_of
from tiercel.cli.eval.recorded import Recorded
from tiercel.cli.eval.setting import Setting, opened
from tiercel.cli.eval.sitting import maker_of
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Evaluation
from tiercel.evals.judging.family import family_warnings
from tiercel.evals.run_folder import RunFolder, open_run
from tiercel.evals.running.answer_cache import FILE as CACHE
from tiercel.evals.running.answer_cache import AnswerCache
from tiercel.evals.running.folders import all_runs, runs_beside
from tiercel.evals.running.race import is_race
from tiercel.evals.statistics.planning import Outlook, outlook
from tiercel.measure.amounts import UNKNOWN, count_text, money, percent

ASSUMED_DISCORDANCE = 0.16
LEAST_PAIRS = 20
"""Fewer pairs of an earlier run say nothing about how often two targets differ."""
MOST_RUNS = 5
"""Earlier runs that are read for what answers cost, the latest first."""


async def plan(args: argparse.Namespace) -> int:
    """Print what a run would be. Raises `ConfigError` where it cannot be run."""
    if args.discordance is not None and not 0 < args.discordance <= 1:
        raise ConfigError(
            f"--discordance {args.discordance:g}: give a share above 0 and up to 1, such as 0.16"
        )
    async with opened(args) as setting:
        lines = planned(setting, args)
        _show(setting, lines, Console(highlight=False))
        for warning in family_warnings(setting.evaluation, lambda name: maker_of(setting, name)):
            print(f"warning: {warning}")
        for words in _outlooks(setting.evaluation, lines, args):
            print(words)
    return PASSED


def planned(setting: Setting, args: argparse.Namespace) -> list[Line]:
    """A line for each target, then one for each judge's model."""
    recorded = Recorded(_earlier(args)[:MOST_RUNS], simulated=setting.simulated)
    runs = runs_beside(args.file)
    if not setting.evaluation.run.cache or not (runs / CACHE).exists():
        return Outlay(setting, recorded, None).lines()
    with closing(AnswerCache(runs)) as cache:
        return Outlay(setting, recorded, cache).lines()


def _show(setting: Setting, lines: Sequence[Line], console: Console) -> None:
    evaluation = setting.evaluation
    if setting.simulated:
        console.print("SIMULATED: the lab's models cost nothing; these are the prices of the real ones.")
    repeats = f", {evaluation.run.repeats} repeats" if evaluation.run.repeats > 1 else ""
    console.print(Text(f"{evaluation.name}: {count_text(len(evaluation.items), 'item')}{repeats}"))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("asked", overflow="fold")
    table.add_column("calls", justify="right")
    table.add_column("expected", justify="right")
    table.add_column("at most", justify="right")
    table.add_column("", overflow="fold")
    for line in lines:
        costs = (UNKNOWN if nano is None else money(nano) for nano in (line.expected, line.most))
        table.add_row(Text(line.name), f"{line.calls:,}", *costs, Text(line.note))
    expected, most = (_sum([line.expected for line in lines]), _sum([line.most for line in lines]))
    calls = sum(line.calls for line in lines)
    bound = money(most.nano) if most.is_whole else UNKNOWN
    table.add_row(
        "all", f"{calls:,}", f"{money(expected.nano)}{'' if expected.is_whole else ' and more'}", bound
    )
    console.print(table)
    console.print(
        "Expected: as earlier runs, else of a length assumed by the kind of task and its right answer. At most: every "
        f"answer as long as its model may make it, each asked once. Prices of {prices_of()}, or of your tiercel.toml."
    )
    if is_race(evaluation):
        console.print("A target that is dropped as a loser is asked less, and costs less.")
    budget = evaluation.run.budget_nano
    if budget is not None and expected.nano > budget:
        console.print(f"The budget of {money(budget)} is below that: the run would stop before its end.")
    elif budget is not None and not expected.is_whole:
        console.print(f"What has no price does not count against the budget of {money(budget)}.")
    elif budget is not None and (most.nano > budget or not most.is_whole):
        console.print(f"The budget of {money(budget)} is enough for what is expected; the run stops there.")


class _Sum(msgspec.Struct, frozen=True):
    """Of what is known, and whether that is all."""

    nano: int
    is_whole: bool


def _sum(prices: Sequence[int | None]) -> _Sum:
    known = [price for price in prices if price is not None]
    return _Sum(sum(known), len(known) == len(prices))


def _outlooks(evaluation: Evaluation, lines: Sequence[Line], args: argparse.Namespace) -> list[str]:
    """What the run could show of each target beside the baseline."""
    if evaluation.baseline is None:
        return ["No baseline is named, so nothing will be compared: name one with `baseline:`."]
    earlier = _earlier(args)
    costs = {line.name: line.each for line in lines}
    found: list[str] = []
    for candidate in evaluation.candidates:
        if candidate.id == evaluation.baseline:
            continue
        share, source = _discordance(args, earlier, candidate.id, evaluation.baseline)
        pair = [costs.get(candidate.id), costs.get(evaluation.baseline)]
        known = [nano for nano in pair if nano is not None]
        n = len({item.cluster or item.id for item in evaluation.items})
        seen: Outlook = outlook(
            n,
            share,
            margin=evaluation.analysis.margin,
            alpha=evaluation.analysis.alpha,
            cost_per_pair_nano=sum(known) * evaluation.run.repeats if len(known) == 2 else None,
        )
        verdict = "enough" if seen.is_enough else "too few"
        found.append(f"{candidate.id} beside {evaluation.baseline}: {verdict}. {seen.words} ({source})")
    return found


def _earlier(args: argparse.Namespace) -> list[RunFolder]:
    """The run that was named, else all beside the evaluation."""
    if args.earlier is not None:
        path: Path = args.earlier
        return [open_run(path if path.exists() else runs_beside(args.file) / path)]
    return all_runs(runs_beside(args.file))


def _discordance(
    args: argparse.Namespace, runs: Sequence[RunFolder], candidate: str, baseline: str
) -> tuple[float, str]:
    """On which share of items the two differ, and where that comes from."""
    if args.discordance is not None:
        return args.discordance, "as you assume"
    for run in runs:
        pairs, differing = _counted(run, candidate, baseline)
        if pairs >= LEAST_PAIRS:
            # one more pair that differs: a share of 0 would promise certainty
            share = (differing + 1) / (pairs + 1)
            return share, f"{differing} of {pairs} items differ in run {run.path.name}"
    return ASSUMED_DISCORDANCE, f"{percent(ASSUMED_DISCORDANCE)} is an assumption: a first run will show it"


def _counted(run: RunFolder, candidate: str, baseline: str) -> tuple[int, int]:
    passed = {key: row.state == "passed" for key, row in run.results().items() if row.state != "error"}
    pairs = differing = 0
    for (item, who, repeat), right in passed.items():
        other = passed.get((item, baseline, repeat))
        if who == candidate and other is not None:
            pairs += 1
            differing += right != other
    return pairs, differing
