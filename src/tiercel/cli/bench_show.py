"""The benchmark's tables, for 80 columns: what each model did; who passes which task, why not, what that suggests."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tiercel.evals.suite import Suite
from tiercel.evals.task_report import Cell, ModelRow, TaskReport, TaskRow
from tiercel.measure.amounts import UNKNOWN, count_text, duration, money, percent, printable
from tiercel.measure.rate import wilson

MAX_REASON = 160
SIMULATED = "SIMULATED: no real model answered. Skills are assumptions: nothing here compares real models."
PARTLY = "PARTLY SIMULATED: some of these models are simulated; nothing is learned from those."


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What was run. `times_faster` is how much the clock of `--lab` outran the models' published pace."""

    suite: Suite
    runs: int
    parallel: int = 1
    times_faster: int | None = None


def render(about: About, report: TaskReport, console: Console) -> None:
    """Print both tables with what is needed to read them."""
    console.print()
    for line in _heading(about, report):
        console.print(Text(line))
    console.print()
    console.print(_model_table(about, report))
    for line in _model_notes(report):
        console.print(Text(line))
    for row in report.tasks:
        console.print()
        console.print(_task_table(about, report, row))
        console.print(Padding(Text(f"=> {_simulated(about, report)}{row.takeaway}"), (0, 0, 0, 2)))
    console.print()
    for line in _notes(about, report):
        console.print(Text(line))


def _heading(about: About, report: TaskReport) -> list[str]:
    suite = about.suite
    lines = [
        f"{suite.title} ({suite.source}, {suite.hash}): {count_text(len(suite.tasks), 'task')}, "
        f"{count_text(about.runs, 'run')} each"
    ]
    common = _common_fields(suite)
    if common:
        lines.append(f"Every request: {common}")
    return [*_simulated_lines(about, report), *lines]


def _common_fields(suite: Suite) -> str:
    """What all requests of the suite carry beside their messages."""
    first = suite.tasks[0].fields
    same = {
        key: value
        for key, value in first.items()
        if key != "messages" and all(key in t.fields and t.fields[key] == value for t in suite.tasks)
    }
    return ", ".join(f"{key} {msgspec.json.encode(value).decode()}" for key, value in same.items())


def _model_table(about: About, report: TaskReport) -> Table:
    table = _table(f"Models{_simulated_title(about, report)}")
    table.add_column("model", overflow="fold", vertical="bottom")
    latencies = ("aver-\nage", "median", "fast-\nest", "slow-\nest")
    headings = ("runs", "score", *latencies, "output\ntokens", "non-\nstop")
    for heading in headings:
        table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    for row in report.models:
        table.add_row(*map(Text, _model_cells(row)))
    return table


def _model_cells(row: ModelRow) -> Iterator[str]:
    yield printable(row.model)
    yield str(row.runs)
    yield percent(row.score)
    for seconds in (row.average_seconds, row.median_seconds, row.fastest_seconds, row.slowest_seconds):
        yield duration(seconds)
    yield UNKNOWN if row.output_tokens is None else f"{row.output_tokens:.0f}"
    yield str(sum(row.non_stop.values()))


def _model_notes(report: TaskReport) -> Iterator[str]:
    """What the table has no room for, a line for each model that it concerns."""
    for row in report.models:
        said = [
            *_told("non-stop finishes", row.non_stop),
            *_told("not answered", row.errors),
            *_told("asked otherwise", row.changed),
        ]
        if row.simulated and report.simulated == "partly":
            said.append("SIMULATED, no real model")
        if row.retried:
            said.append(f"more than one call in {count_text(row.retried, 'run')}")
        if set(row.answered_by) - {row.model}:
            said += _told("answered by", row.answered_by)
        for words in said:
            yield f"  {printable(row.model)}: {words}"


def _told(what: str, counted: Mapping[str, int]) -> list[str]:
    if not counted:
        return []
    return [f"{what}: {', '.join(f'{_short(word)} ({times})' for word, times in counted.items())}"]


def _task_table(about: About, report: TaskReport, row: TaskRow) -> Table:
    table = _table(f"{row.title}{_simulated_title(about, report)}")
    width = max(len("model"), *(len(model.model) for model in report.models))
    table.add_column("model", overflow="fold", vertical="top", min_width=min(width, 28))
    table.add_column("", no_wrap=True, min_width=4)
    table.add_column("passed", justify="right", no_wrap=True, min_width=len("10 of 10"))
    table.add_column("median", justify="right", no_wrap=True, min_width=7)
    table.add_column("cost", justify="right", no_wrap=True, min_width=9)
    table.add_column("why", overflow="fold")
    for cell in row.cells:
        table.add_row(*map(Text, _cells(cell)))
    return table


def _cells(cell: Cell) -> Iterable[str]:
    yield printable(cell.model)
    yield UNKNOWN if not cell.passed.n else "pass" if cell.passes else "FAIL"
    yield f"{cell.passed.count} of {cell.passed.n}"
    yield duration(cell.median_seconds)
    yield UNKNOWN if cell.cost_nano is None else money(cell.cost_nano)
    yield "; ".join(
        _short(reason) + (f" ({times})" if times > 1 else "") for reason, times in cell.reasons.items()
    )


def _notes(about: About, report: TaskReport) -> Iterator[str]:
    low, _ = wilson(about.runs, about.runs)
    yield "score: mean over all answers of the gate each met worst, 0 to 100 %"
    yield "latencies: from receipt to last byte of delivered answers; output: with reasoning"
    yield "cost: mean per run; passed: of the runs that were answered; pass: every one of them"
    yield (
        f"n is {about.runs} a task: even {about.runs} of {about.runs} passed fits a true share of {100 * low:.0f} %. "
        "Raise --runs before you decide by it."
    )
    if about.parallel > 1:
        yield f"{about.parallel} requests ran at a time, which may have slowed each."
    yield from _simulated_lines(about, report)
    if about.times_faster is not None:
        yield f"Time ran {about.times_faster} times faster than the models' published pace."


def _table(title: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title=title, title_justify="left")
    table.title_style = table.header_style = "bold"
    return table


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 3]}..."


def _simulated_lines(about: About, report: TaskReport) -> list[str]:
    if about.times_faster is not None or report.simulated == "wholly":
        return [SIMULATED]
    return [PARTLY] if report.simulated == "partly" else []


def _simulated_title(about: About, report: TaskReport) -> str:
    words = _simulated(about, report)
    return f" ({words.removesuffix(': ')})" if words else ""


def _simulated(about: About, report: TaskReport) -> str:
    if about.times_faster is not None or report.simulated == "wholly":
        return "simulated: "
    return "partly simulated: " if report.simulated == "partly" else ""
