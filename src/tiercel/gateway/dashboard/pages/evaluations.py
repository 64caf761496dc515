"""Evaluations: which runs there are, what each came to, and everybody's answers beside each other."""

from collections.abc import Callable, Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from starlette.responses import Response

from tiercel.domain.errors import CallerError, ConfigError
from tiercel.gateway.dashboard.commands import Commands
from tiercel.gateway.dashboard.run_items import KINDS, list_items
from tiercel.gateway.dashboard.runs import Run, runs_below
from tiercel.gateway.dashboard.view import PageRoute, Visitor, dollars
from tiercel.measure.amounts import duration, percent

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; form-action 'none'"
)
"""The report is one file with its style in it; it may load nothing and run nothing."""
Form: TypeAlias = Callable[[float], str]
COMMANDS = Commands(kept_seconds=300.0)
MOST_ITEMS = 20


def show_list(visitor: Visitor) -> Response:
    """The runs below the configured folder."""
    root = root_of(visitor)
    return visitor.render("evaluations.html", runs=runs_below(root), root=root.name)


def show_run(visitor: Visitor) -> Response:
    """What one run came to, and its items. Raises `CallerError` where there is none of this name."""
    run = run_of(visitor)
    kind = visitor.query.get("show")
    if kind is not None and kind not in KINDS:
        raise CallerError("invalid_request", f"show: choose one of {', '.join(KINDS)}")
    items = list_items(run.folder, kind=kind, after=visitor.query.get("after", ""), most=MOST_ITEMS)
    found, problem = _found(run)
    return visitor.render(
        "evaluation.html",
        run=run,
        found=found,
        problem=problem,
        items=items,
        kinds=KINDS,
        signals=[] if found is None else list(signals(found["models"])),
    )


def _found(run: Run) -> tuple[Any, str]:
    """What `tiercel eval compare` says, `None` as long as it is at work; or why it says nothing."""
    words = ("eval", "compare", str(run.folder), "--json", "--fail-on", "never")
    try:
        return COMMANDS.json(*words, stamp=stamp_of(run)), ""
    except ConfigError as error:
        return None, str(error)


def show_report(visitor: Visitor) -> Response:
    """The whole report as the one file that it is."""
    run = run_of(visitor)
    page = COMMANDS.file("eval", "report", str(run.folder), "-o", ending=".html", stamp=stamp_of(run))
    return Response(
        page, media_type="text/html; charset=utf-8", headers={"content-security-policy": REPORT_POLICY}
    )


def root_of(visitor: Visitor) -> Path:
    """The folder below which runs lie."""
    configured = visitor.home.runtime.state.settings.dashboard.evaluations
    return Path(configured).resolve() if configured else visitor.home.folder.resolve().parent


def run_of(visitor: Visitor) -> Run:
    """The run that the address names, of those that there are: no path is made of what somebody sent."""
    key = visitor.query.get("run", "")
    for run in runs_below(root_of(visitor)):
        if run.key == key:
            return run
    raise CallerError("not_found", f"There is no run {key[:80]!r} here.")


def stamp_of(run: Run) -> str:
    """Changes with every answer and label of the run."""
    sizes = []
    for name in ("results.jsonl", "labels.jsonl"):
        path = run.folder / name
        sizes.append(path.stat().st_size if path.exists() else 0)
    return str(sizes)


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of each model: its figure, and what that rests on, in words."""

    name: str
    meaning: str
    cells: tuple[tuple[str, str], ...]


def signals(models: list[Any]) -> Iterator[Signal]:
    """The rows of the table, from the comparison's own figures."""
    for name, meaning, place, form in SIGNALS:
        figures = [reduce(getitem, place, model) for model in models]
        yield Signal(name=name, meaning=meaning, cells=tuple(_cell(one, form) for one in figures))


def _cell(figure: dict[str, Any], form: Form) -> tuple[str, str]:
    if figure["value"] is None:
        return "–", figure["why"]
    count = f"n = {figure['n']:,}"
    if figure["low"] is None or figure["high"] is None:
        return form(figure["value"]), count
    return form(figure["value"]), f"{form(figure['low'])} to {form(figure['high'])}, {count}"


SIGNALS: tuple[tuple[str, str, tuple[str, ...], Form], ...] = (
    ("passed", "answers that met every expectation", ("passed",), percent),
    ("latency, median", "from when the request was due to its last token", ("seconds", "p50"), duration),
    ("latency, p95", "one answer in twenty takes longer", ("seconds", "p95"), duration),
    (
        "cost per success",
        "what all answers cost, over those that passed",
        ("cost_per_success_usd",),
        dollars,
    ),
    ("format following", "of items that ask for a form", ("format_following",), percent),
    ("reasoning", "of items of reasoning, right every time", ("reasoning",), percent),
    ("coding", "of items whose answers are run", ("coding",), percent),
    ("ended by itself", "answers that no limit cut off", ("stopped",), percent),
    ("took more than one call", "retry, fallback, repair or escalation", ("retried",), percent),
)
"""What each signal is called and means, where it stands in a model's figures, and how it is written."""

EVALUATIONS = PageRoute(path="/evaluations", show=show_list, title="Evaluations", operators_only=True)
EVALUATION = PageRoute(path="/evaluations/run", show=show_run, operators_only=True)
REPORT = PageRoute(path="/evaluations/report", show=show_report, operators_only=True)
