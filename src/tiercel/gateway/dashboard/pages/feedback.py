"""Feedback: what users said of answers, by task and model, and what it says about the checks."""

from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response

from tiercel.gateway.dashboard.period import LENGTHS, range_of
from tiercel.gateway.dashboard.view import PageRoute, Visitor
from tiercel.measure.rate import Rate, rate
from tiercel.records.tally import RequestTally


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of one task's answers by one model. `missed` are those that the user rejected although every check
    had passed; `heard` is the share of requests of which anything was said."""

    task: str
    model: str
    accepted: Rate
    heard: Rate
    missed: int


def show(visitor: Visitor) -> Response:
    """The page, for the range that the address asks for."""
    from tiercel.records.opinions import OpinionSearch, find_opinions
    from tiercel.records.query import is_empty
    from tiercel.records.series import Wanted, load_period

    wanted, home = range_of(visitor.query, default="30d"), visitor.home
    values: dict[str, Any] = {"range": wanted, "lengths": tuple(LENGTHS)}
    if home.database_url is None and is_empty(home.folder):
        return visitor.render("feedback.html", total=None, lines=[], found=None, chart=None, **values)
    project = visitor.caller.project
    asked = Wanted(
        since=wanted.since,
        until=wanted.until,
        step_seconds=wanted.step_seconds,
        project=project,
        percentiles=False,
        is_open=wanted.live,
    )
    period = load_period(home.folder, asked, database_url=home.database_url)
    return visitor.render(
        "feedback.html",
        total=line("all", "", period.answers.values()),
        lines=lines_of(period.answers),
        found=find_opinions(
            home.folder,
            OpinionSearch(project=project, after=visitor.query.get("after", "")),
            database_url=home.database_url,
        ),
        chart=_chart(period),
        **values,
    )


def lines_of(answers: dict[Any, RequestTally]) -> list[Line]:
    """A line for each task and model of which anything was said, those with most rejected passes first."""
    groups: dict[tuple[str, str], list[RequestTally]] = {}
    for cell, tally in answers.items():
        groups.setdefault((cell.task, cell.model), []).append(tally)
    lines = [line(task, model, tallies) for (task, model), tallies in groups.items()]
    spoken = [one for one in lines if one.accepted.n]
    return sorted(spoken, key=lambda one: (-one.missed, -one.accepted.n, one.task, one.model))


def line(task: str, model: str, tallies: Iterable[RequestTally]) -> Line:
    """All of these together."""
    total = RequestTally()
    for tally in tallies:
        total.merge(tally)
    counts = total.counts
    return Line(
        task=task,
        model=model,
        accepted=rate(counts["accepted"], counts["opinions"]),
        heard=rate(counts["opinions"], counts["requests"]),
        missed=counts["rejected_passed"],
    )


def _chart(period: Any) -> dict[str, Any]:
    shares = []
    for step in period.steps:
        opinions = sum(counts["opinions"] for counts in step.counts.values())
        accepted = sum(counts["accepted"] for counts in step.counts.values())
        shares.append(100 * accepted / opinions if opinions else None)
    return {
        "times": [step.start_at for step in period.steps],
        "step": period.step_seconds,
        "lines": [{"name": "accepted", "values": shares}],
    }


FEEDBACK = PageRoute(path="/feedback", show=show, title="Feedback")
