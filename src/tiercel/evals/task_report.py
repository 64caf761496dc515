"""Numbers from runs: a row for each model, a cell for each task and model, and one line of what to make of a task.

Arithmetic only. Every share comes with its n; runs that nobody answered are counted apart, as they say nothing about
the model.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import Literal

import msgspec

from tiercel.evals.run_suite import Run
from tiercel.evals.suite import Suite
from tiercel.measure.rate import Rate, rate

GOOD_FINISH = "stop"
ALIKE = 0.95
"""From this share on, two prices count as the same."""


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model over all tasks.

    `score` is the mean of its answers' scores, 0 to 1; latencies are seconds of delivered answers; `output_tokens` and
    `cost_nano` are means per answered run. `errors` counts why nobody answered, `non_stop` the finishes of all calls
    that were no `stop`. `retried` counts runs of more than one call, `changed` what of the requests did not reach the
    model as it was asked, `answered_by` who answered. `simulated` says that no real model did.
    """

    model: str
    runs: int
    answered: int
    passed: int
    score: float | None
    average_seconds: float | None
    median_seconds: float | None
    fastest_seconds: float | None
    slowest_seconds: float | None
    output_tokens: float | None
    cost_nano: int | None
    retried: int
    non_stop: dict[str, int]
    errors: dict[str, int]
    changed: dict[str, int]
    answered_by: dict[str, int]
    simulated: bool


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one task. `passed` is the share of the answered runs; `cost_nano` the mean per answered run, `None`
    where a price is unknown; `reasons` counts why runs did not pass, or what had to be repaired."""

    model: str
    runs: int
    passed: Rate
    median_seconds: float | None
    cost_nano: int | None
    reasons: dict[str, int]

    @property
    def passes(self) -> bool:
        """Whether every answer passed, and there was one."""
        return self.passed.n > 0 and self.passed.count == self.passed.n


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """One task with all its models, and the takeaway."""

    name: str
    title: str
    cells: tuple[Cell, ...]
    takeaway: str


class TaskReport(msgspec.Struct, frozen=True, kw_only=True):
    """Both tables."""

    models: tuple[ModelRow, ...]
    tasks: tuple[TaskRow, ...]

    @property
    def simulated(self) -> Literal["no", "partly", "wholly"]:
        """Whether these are results of simulated models."""
        simulated = sum(row.simulated for row in self.models)
        if not simulated:
            return "no"
        return "wholly" if simulated == len(self.models) else "partly"


def summarise_runs(suite: Suite, models: Sequence[str], runs: Sequence[Run]) -> TaskReport:
    """Both tables of these runs, in the order of `models` and of the suite."""
    rows = tuple(_model_row(model, [run for run in runs if run.model == model]) for model in models)
    tasks = []
    for task in suite.tasks:
        own = [run for run in runs if run.task == task.name]
        cells = tuple(_cell(model, [run for run in own if run.model == model]) for model in models)
        tasks.append(TaskRow(name=task.name, title=task.title, cells=cells, takeaway=takeaway(cells)))
    return TaskReport(models=rows, tasks=tuple(tasks))


def takeaway(cells: Sequence[Cell]) -> str:
    """What these results suggest for this task, in one line with its n."""
    answered = [cell for cell in cells if cell.passed.n]
    if not answered:
        return "nobody answered: nothing to conclude"
    passing = [cell for cell in answered if cell.passes]
    n = _n(answered)
    if not passing:
        best = max(answered, key=lambda cell: cell.passed.share or 0.0)
        if not best.passed.count:
            return f"none of these passes ({n}): ask a stronger model, or look whether the gate asks too much"
        return f"none passes every time; {best.model} comes closest, {best.passed.count} of {best.passed.n}"
    failing = [cell for cell in answered if not cell.passes]
    return f"{_who(passing, failing)} ({n}); {_choice(passing, failing)}"


def _who(passing: Sequence[Cell], failing: Sequence[Cell]) -> str:
    names = _listed([cell.model for cell in passing])
    if len(passing) == 1:
        return f"only {names} passes" if failing else f"{names} passes"
    if len(failing) < len(passing):
        but = f" but {_listed([cell.model for cell in failing])}" if failing else f" {len(passing)}"
        return f"all{but} pass"
    return f"{names} pass"


def _choice(passing: Sequence[Cell], failing: Sequence[Cell]) -> str:
    """Which of those that pass to look at first: the cheapest; the fastest where prices are unknown."""
    priced = [(cell.cost_nano, cell) for cell in passing if cell.cost_nano is not None]
    unpriced = [cell.model for cell in passing if cell.cost_nano is None]
    if unpriced and len(priced) < 2:
        return f"{_fastest(passing)}; the price of {_listed(unpriced)} is unknown"
    least, cheapest = min(priced, key=lambda pair: pair[0])
    most, dearest = max(priced, key=lambda pair: pair[0])
    if len(passing) == 1:
        return _beside_the_failing(least, failing)
    beside = f" (that of {_listed(unpriced)} is unknown)" if unpriced else ""
    if not most or least >= ALIKE * most:
        return f"at about the same price{beside}"
    return f"{cheapest.model} does it at {_ratio(least, most)} of {dearest.model}'s price{beside}"


def _fastest(cells: Sequence[Cell]) -> str:
    timed = [(cell.median_seconds, cell) for cell in cells if cell.median_seconds is not None]
    if len(timed) < 2:
        return "nothing to compare it with"
    return f"{min(timed, key=lambda pair: pair[0])[1].model} is the fastest of them"


def _beside_the_failing(nano: int, failing: Sequence[Cell]) -> str:
    if not failing:
        return "nothing to compare it with"
    priced = [(cell.cost_nano, cell) for cell in failing if cell.cost_nano is not None]
    cheaper = [(cost, cell) for cost, cell in priced if cost < ALIKE * nano]
    if not cheaper:
        return "none of the others is known to be cheaper"
    least, cheapest = min(cheaper, key=lambda pair: pair[0])
    return f"the cheaper {cheapest.model} ({_ratio(least, nano)} of its price) needs a check, and a rung above it"


def _ratio(part: int, whole: int) -> str:
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 1 else "under 1 %"


def _n(cells: Sequence[Cell]) -> str:
    """`n = 2 each`, or the range where not all answered as often."""
    counts = {cell.passed.n for cell in cells}
    least, most = min(counts), max(counts)
    each = " each" if len(cells) > 1 else ""
    return f"n = {least}{each}" if least == most else f"n = {least} to {most}{each}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _model_row(model: str, runs: Sequence[Run]) -> ModelRow:
    answered = [run for run in runs if run.state != "error"]
    seconds = [run.seconds for run in answered if run.seconds is not None]
    return ModelRow(
        model=model,
        runs=len(runs),
        answered=len(answered),
        passed=sum(run.state == "passed" for run in answered),
        score=_of(fmean, (run.score for run in answered)),
        average_seconds=_of(fmean, seconds),
        median_seconds=_of(median, seconds),
        fastest_seconds=min(seconds, default=None),
        slowest_seconds=max(seconds, default=None),
        output_tokens=_of(fmean, (run.output_tokens for run in answered)),
        cost_nano=_mean_cost(answered),
        retried=sum(run.calls > 1 for run in runs),
        non_stop=_counted(finish for run in runs for finish in run.finishes if finish != GOOD_FINISH),
        errors=_counted(run.reason for run in runs if run.state == "error"),
        changed=_counted(
            change for run in runs for change in (*(f"{name} not taken" for name in run.lost), *run.notes)
        ),
        answered_by=_counted(run.answered_by for run in answered if run.answered_by),
        simulated=any(run.simulated for run in runs),
    )


def _cell(model: str, runs: Sequence[Run]) -> Cell:
    answered = [run for run in runs if run.state != "error"]
    return Cell(
        model=model,
        runs=len(runs),
        passed=rate(sum(run.state == "passed" for run in answered), len(answered)),
        median_seconds=_of(median, (run.seconds for run in answered)),
        cost_nano=_mean_cost(answered),
        reasons=_counted(run.reason for run in runs if run.reason),
    )


def _of(average: Callable[[list[float]], float], values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return average(known) if known else None


def _mean_cost(runs: Sequence[Run]) -> int | None:
    """`None` as soon as one of them has a cost that is not known: unknown is not free."""
    costs = [run.cost_nano for run in runs if run.cost_nano is not None]
    return round(fmean(costs)) if costs and len(costs) == len(runs) else None


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
