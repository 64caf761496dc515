"""What `tiercel eval judge-check` prints: a table for each judge, what its verdicts come to, and how people agree."""

import argparse
from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.eval.finding import find_run
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import measured
from tiercel.evals.comparing.figure import Figure
from tiercel.evals.comparing.judge_check import JudgeCheck, PeopleCheck, check_judge, check_people
from tiercel.evals.evaluation import Evaluation
from tiercel.evals.judging.family import family_warnings
from tiercel.evals.reporting.json_report import in_dollars
from tiercel.evals.reporting.words import people as people_sentence
from tiercel.evals.statistics.interval import percent, points
from tiercel.measure.amounts import count_text, money, printable
from tiercel.policy.builtin import built_in_models

PASSED_ROWS = {
    "sensitivity": "of what people call right, it lets pass",
    "specificity": "of what people call wrong, it rejects",
    "length": "favours longer answers, more than people do, by",
}
PREFERRED_ROWS = {
    "sensitivity": "of what people prefer to the baseline's, it prefers",
    "specificity": "where people prefer the baseline's, it does",
    "length": "prefers the longer answer, more than people do, by",
}


def show_checks(args: argparse.Namespace) -> None:
    """Print them. Raises `ConfigError`."""
    found = find_run(args.run)
    run = measured(found)
    evaluation = run.manifest.evaluation
    if not evaluation.judges:
        raise ConfigError(
            f"{found.path}: the run has no judge; name one in eval.yaml (judges: …), and run again"
        )
    checks = [check_judge(run, name) for name in ([args.judge] if args.judge else evaluation.judges)]
    people = check_people(run)
    warnings = _warnings(evaluation, [check.judge for check in checks])
    if args.json:
        print(_as_json(checks, people, warnings))
        return
    console = Console(highlight=False, markup=False)
    for warning in warnings:
        console.print(_text(f"warning: {warning}", "yellow"))
    for check in checks:
        _print_check(check, console)
    _print_people(people, console)
    if not people.labellers:
        console.print(_text(f"No labels yet: tiercel eval label {found.path}", "yellow"))


def _print_check(check: JudgeCheck, console: Console) -> None:
    rows = PASSED_ROWS if check.what == "passed" else PREFERRED_ROWS
    table = Table(box=None, pad_edge=False, show_header=False, show_edge=False)
    for name, shown in (
        ("agrees with people on", _share(check.agreement)),
        ("Cohen's kappa", _plain(check.kappa)),
        (rows["sensitivity"], _share(check.sensitivity)),
        (rows["specificity"], _share(check.specificity)),
        ("flips with the order", _share(check.flips)),
        (rows["length"], _points(check.length)),
        ("gave no valid verdict", _invalid(check)),
        ("cost", _cost(check)),
    ):
        table.add_row(name, _text(shown))
    console.print()
    what = "single answers" if check.what == "passed" else "pairs with the baseline"
    by = f" by {'; '.join(check.by)}" if check.by else ""
    console.print(
        _text(f"Judge {check.judge}: {count_text(check.verdicts, 'verdict')} on {what}{by}", "bold")
    )
    console.print(table)
    for one in check.corrected:
        console.print(_text(people_sentence(one)))


def _print_people(people: PeopleCheck, console: Console) -> None:
    if len(people.labellers) < 2:
        return
    console.print()
    console.print(_text("Labellers among themselves", "bold"))
    console.print(_text(f"Krippendorff's alpha {_plain(people.alpha)}"))
    for (one, other), figure in people.kappas.items():
        console.print(_text(f"kappa of {one or 'unnamed'} and {other or 'unnamed'}: {_plain(figure)}"))


def _warnings(evaluation: Evaluation, judges: list[str]) -> list[str]:
    known = built_in_models()

    def maker_of(address: str) -> str:
        model = known.get(address.partition("@")[0].rpartition("/")[2])
        return "" if model is None else model.maker

    shown = {name: judge for name, judge in evaluation.judges.items() if name in judges}
    return family_warnings(msgspec.structs.replace(evaluation, judges=shown), maker_of)


def _as_json(checks: list[JudgeCheck], people: PeopleCheck, warnings: list[str]) -> str:
    among = {
        "labellers": people.labellers,
        "alpha": people.alpha,
        "kappas": [{"labellers": pair, "kappa": found} for pair, found in people.kappas.items()],
    }
    found = msgspec.to_builtins({"judges": checks, "people": among, "warnings": warnings})
    return msgspec.json.format(msgspec.json.encode(in_dollars(found)), indent=2).decode()


def _share(figure: Figure) -> str:
    if figure.value is None:
        return f"- ({figure.why})"
    return percent(figure.value) + _basis(figure, percent)


def _points(figure: Figure) -> str:
    if figure.value is None:
        return f"- ({figure.why})"
    return f"{points(figure.value)} points" + _basis(figure, points)


def _plain(figure: Figure) -> str:
    if figure.value is None:
        return f"- ({figure.why})"
    return f"{figure.value:.2f}" + _basis(figure, "{:.2f}".format)


def _basis(figure: Figure, form: Callable[[float], str]) -> str:
    within = (
        "" if figure.low is None or figure.high is None else f"{form(figure.low)} to {form(figure.high)}, "
    )
    why = f"; {figure.why}" if figure.why else ""
    return f" ({within}n = {figure.n:,}{why})"


def _cost(check: JudgeCheck) -> str:
    calls = count_text(check.calls, "call")
    if not check.unpriced_calls:
        return f"{money(check.cost_nano)} for {calls}"
    known = f"at least {money(check.cost_nano)}" if check.cost_nano else "unknown"
    return f"{known} for {calls}, {check.unpriced_calls:,} of them of unknown price"


def _invalid(check: JudgeCheck) -> str:
    asked = check.verdicts + check.invalid
    return f"{check.invalid:,} of {asked:,}" + (f", such as: {check.why_invalid}" if check.invalid else "")


def _text(words: str, style: str = "") -> Text:
    return Text(printable(words), style)
