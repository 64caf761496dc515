"""Evaluations: which runs there are, what each came to, and its whole report."""

from pathlib import Path

from starlette.responses import Response

from tiercel.domain.errors import CallerError
from tiercel.gateway.dashboard.commands import Commands
from tiercel.gateway.dashboard.runs import Run, runs_below
from tiercel.gateway.dashboard.view import PageRoute, Visitor

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; form-action 'none'"
)
"""The report is one file with its style in it; it may load nothing and run nothing."""
COMMANDS = Commands(kept_seconds=300.0)


def show_list(visitor: Visitor) -> Response:
    """The runs below the configured folder."""
    root = root_of(visitor)
    return visitor.render("evaluations.html", runs=runs_below(root), root=root.name)


def show_run(visitor: Visitor) -> Response:
    """What one run came to. Raises `CallerError` where there is none of this name."""
    run = run_of(visitor)
    found = COMMANDS.json(
        "eval", "compare", str(run.folder), "--json", "--fail-on", "never", stamp=stamp_of(run)
    )
    return visitor.render("evaluation.html", run=run, found=found)


def show_report(visitor: Visitor) -> Response:
    """The report as one file, to be shown in a frame."""
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


EVALUATIONS = PageRoute(path="/evaluations", show=show_list, title="Evaluations", operators_only=True)
EVALUATION = PageRoute(path="/evaluations/run", show=show_run, operators_only=True)
REPORT = PageRoute(path="/evaluations/report", show=show_report, operators_only=True)
