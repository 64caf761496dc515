"""What `tiercel eval compare` prints: the verdicts, the signals of each model, and the items that differ."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.eval.report_write import tell_github
from tiercel.cli.eval.runs_named import command_of, look
from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.comparing.contender import Contender
from tiercel.evals.comparing.gate import Outcome, outcome
from tiercel.evals.reporting.json_report import as_json
from tiercel.evals.reporting.judge_words import judge_sentence
from tiercel.evals.reporting.markdown import why
from tiercel.evals.reporting.table import signal_rows
from tiercel.evals.reporting.words import bounds_kept, group_titles, headline, left_out, people
from tiercel.measure.amounts import count_text, printable

COLOURS = {"better": "green", "not worse": "green", "worse": "red", "cannot tell": "yellow"}
MOST_LISTED = 10


def show_comparison(args: argparse.Namespace) -> Outcome | None:
    """Print it; the gate's word, or `None` where nothing was to be compared. Raises `ConfigError`."""
    looked = look(args)
    assessment = looked.assessment
    command = command_of(args, looked, Path("report.html"))
    if args.json:
        print(as_json(assessment, command, args.fail_on), end="")
    else:
        _print(assessment, command, Console(highlight=False))
    if args.github:
        tell_github(assessment, command)
    return outcome(assessment, args.fail_on) if assessment.contenders or assessment.bounded else None


def _print(assessment: Assessment, command: str, console: Console) -> None:
    for warning in assessment.warnings:
        console.print(_text(warning, "yellow"))
    for one in assessment.contenders:
        said = headline(one, assessment)
        lead = _text(said.lead, f"bold {COLOURS[one.verdict]}")
        console.print()
        console.print(lead.append(f" ({said.basis}).", "default not bold"))
        for sentence in said.more:
            console.print(_text(f"  {sentence}"))
        for sentence in left_out(one):
            console.print(_text(f"  Left out: {sentence}.", "dim"))
    for alone in assessment.alone:
        if alone.guardrails:
            console.print(_text(bounds_kept(alone.name, alone.guardrails)))
    console.print()
    console.print(_signals(assessment))
    for found in assessment.labelled:
        console.print()
        console.print(_text(people(found)))
    for check in assessment.judges:
        console.print()
        console.print(_text(judge_sentence(check)))
    for one in assessment.contenders:
        _print_lost(one, assessment, console)
    console.print()
    console.print(Text(f"Side by side: {command}"), soft_wrap=True)


def _signals(assessment: Assessment) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for model in assessment.models:
        table.add_column(_text(model.name), overflow="fold", ratio=1)
    for row in signal_rows(assessment.models):
        cells = []
        for cell in row.cells:
            shown = Text(printable(cell.text))
            if cell.detail:
                shown.append(f"\n{printable(cell.detail)}", "dim")
            cells.append(shown)
        table.add_row(row.name, *cells)
    return table


def _print_lost(one: Contender, assessment: Assessment, console: Console) -> None:
    """The items that only the baseline got right: what would be lost."""
    lost = one.differing.only_baseline
    if not lost:
        return
    what, *_ = group_titles(one, assessment)
    console.print()
    console.print(_text(f"{what}: {count_text(len(lost), 'item')}", "bold"))
    for beside in lost[:MOST_LISTED]:
        where = f" ({beside.item.source}:{beside.item.line})" if beside.item.line else ""
        console.print(_text(f"  {beside.item.id}{where}: {why(beside)}"))
    if len(lost) > MOST_LISTED:
        console.print(_text(f"  and {len(lost) - MOST_LISTED:,} more"))


def _text(words: str, style: str = "") -> Text:
    return Text(printable(words), style)
