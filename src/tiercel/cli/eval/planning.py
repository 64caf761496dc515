"""The plan of a run as `tiercel eval plan` prints it: answers, money by target and judge, and what they can show."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.checks.check import Question
from tiercel.cli.eval.exits import PASSED
from tiercel.cli.eval.pricing import Pricing, prices_of
from tiercel.cli.eval.setting import Setting, opened
from tiercel.cli.eval.sitting import maker_of
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Candidate, Evaluation, JudgeSettings
from tiercel.evals.judging.desk import judge_body
from tiercel.evals.judging.family import family_warnings
from tiercel.evals.run_folder import RunFolder, open_run
from tiercel.evals.running.folders import all_runs, runs_beside
from tiercel.evals.running.run import body_of
from tiercel.evals.scorers.scorer import compares
from tiercel.evals.statistics.planning import Outlook, outlook
from tiercel.measure.amounts import UNKNOWN, count_text, money, percent

ASSUMED_DISCORDANCE = 0.16
LEAST_PAIRS = 20
"""Fewer pairs of an earlier run say nothing about how often two targets differ."""
MOST_PRICED = 200
"""So many items are priced one by one; of more the mean of these is taken."""
JUDGED_CHARS = 4_000
"""How long a conversation with its answers is taken to be, as a judge is shown it."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one target or judge is asked, and what that is expected to cost; `None` where a price is unknown."""

    name: str
    calls: int
    nano: int | None
    note: str = ""


async def plan(args: argparse.Namespace) -> int:
    """Print what a run would be. Raises `ConfigError` where it cannot be run."""
    if args.discordance is not None and not 0 < args.discordance <= 1:
        raise ConfigError(
            f"--discordance {args.discordance:g}: give a share above 0 and up to 1, such as 0.16"
        )
    async with opened(args) as setting:
        lines = planned(setting)
        _show(setting, lines, Console(highlight=False))
        for warning in family_warnings(setting.evaluation, lambda name: maker_of(setting, name)):
            print(f"warning: {warning}")
        for words in _outlooks(setting.evaluation, lines, args):
            print(words)
    return PASSED


def planned(setting: Setting) -> list[Line]:
    """A line for each target, then one for each judge's model."""
    evaluation = setting.evaluation
    pricing = Pricing(setting.policy, setting.catalog)
    answers = len(evaluation.items) * evaluation.run.repeats
    lines = [_target_line(evaluation, candidate, pricing, answers) for candidate in evaluation.candidates]
    for judge in evaluation.judges.values():
        lines += _judge_lines(setting, judge, pricing)
    return lines


def _target_line(evaluation: Evaluation, candidate: Candidate, pricing: Pricing, answers: int) -> Line:
    items = evaluation.items[:MOST_PRICED]
    prices = [pricing.nano(body_of(item, candidate, stream=False), candidate.helped) for item in items]
    known = [nano for nano in prices if nano is not None]
    nano = round(sum(known) / len(known) * answers) if known and len(known) == len(prices) else None
    note = "first call only, without retries and escalations" if candidate.helped else ""
    return Line(name=candidate.id, calls=answers, nano=nano, note=note)


def _judge_lines(setting: Setting, judge: JudgeSettings, pricing: Pricing) -> list[Line]:
    evaluation = setting.evaluation
    calls = 0
    for item in evaluation.items:
        for expectation in item.expectations:
            scorer = setting.scorers.get(expectation)
            if scorer is None or not scorer.info.asks or expectation.judge not in (None, judge.name):
                continue
            judged = len(evaluation.candidates)
            if compares(expectation, scorer.info, evaluation.judges):
                judged = max(0, judged - 1) * (2 if judge.orders == "both" else 1)
            calls += judged * evaluation.run.repeats
    if not calls:
        return []
    question = Question(system="", prompt="x" * JUDGED_CHARS, schema={"type": "object"})
    priced = [(model, pricing.nano(judge_body(model, question), False)) for model in judge.models]
    return [
        Line(name=f"judge {judge.name}: {model}", calls=calls, nano=None if nano is None else nano * calls)
        for model, nano in priced
    ]


def _show(setting: Setting, lines: Sequence[Line], console: Console) -> None:
    evaluation = setting.evaluation
    if setting.simulated:
        console.print("SIMULATED: the lab's models cost nothing; these are the prices of the real ones.")
    repeats = f", {evaluation.run.repeats} repeats" if evaluation.run.repeats > 1 else ""
    console.print(Text(f"{evaluation.name}: {count_text(len(evaluation.items), 'item')}{repeats}"))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("asked", overflow="fold")
    table.add_column("calls", justify="right")
    table.add_column("expected cost", justify="right")
    table.add_column("", overflow="fold")
    for line in lines:
        cost = UNKNOWN if line.nano is None else money(line.nano)
        table.add_row(Text(line.name), f"{line.calls:,}", cost, Text(line.note))
    total = sum(line.nano for line in lines if line.nano is not None)
    unknown = "" if all(line.nano is not None for line in lines) else "and what is unknown"
    table.add_row("all", f"{sum(line.calls for line in lines):,}", money(total), unknown)
    console.print(table)
    console.print(
        f"Lengths of answers are assumed by the kind of task; prices of {prices_of()}, or those of your tiercel.toml."
    )
    budget = evaluation.run.budget_nano
    if budget is not None and total > budget:
        console.print(f"The budget of {money(budget)} is below that: the run would stop before its end.")


def _outlooks(evaluation: Evaluation, lines: Sequence[Line], args: argparse.Namespace) -> list[str]:
    """What the run could show of each target beside the baseline."""
    if evaluation.baseline is None:
        return ["No baseline is named, so nothing will be compared: name one with `baseline:`."]
    earlier = _earlier(args, evaluation)
    costs = {line.name: line.nano for line in lines}
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
            cost_per_pair_nano=sum(known) // len(evaluation.items) if len(known) == 2 else None,
        )
        verdict = "enough" if seen.is_enough else "too few"
        found.append(f"{candidate.id} beside {evaluation.baseline}: {verdict}. {seen.words} ({source})")
    return found


def _earlier(args: argparse.Namespace, evaluation: Evaluation) -> list[RunFolder]:
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
