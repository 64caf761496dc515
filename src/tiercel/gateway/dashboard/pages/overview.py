"""The overview: what came, how it went, what it cost, and what to try next."""

import time
from collections import Counter
from typing import Any, get_args

import msgspec
from starlette.responses import Response

from tiercel.domain.errors import CallerError
from tiercel.gateway.dashboard.period import LENGTHS, Range, range_of
from tiercel.gateway.dashboard.view import PageRoute, Visitor
from tiercel.measure.amounts import percent
from tiercel.measure.next_steps import next_steps
from tiercel.measure.report import NO_EFFORT, NO_TIER, NOTHING_DELIVERED, Group, Report, summarise_tallies

MOST_LINES = 5
"""Groups in a chart; the rest are added up."""
REST = "the rest"
UNNAMED = {"model": NOTHING_DELIVERED, "tier": NO_TIER, "effort": NO_EFFORT}
"""What the report calls a group that sums have under no name."""


def show(visitor: Visitor) -> Response:
    """The page, for the range and the grouping that the address asks for."""
    # SQLAlchemy takes long to load
    from tiercel.records.query import is_empty
    from tiercel.records.series import Dimension

    dimensions: tuple[Dimension, ...] = get_args(Dimension)
    by = next((one for one in dimensions if one == visitor.query.get("by", "task")), None)
    if by is None:
        raise CallerError("invalid_request", f"by: choose one of {', '.join(dimensions)}")
    home = visitor.home
    if home.database_url is None and is_empty(home.folder):
        return visitor.render("overview.html", report=None, **_choices(by, range_of(visitor.query)))
    wanted = range_of(visitor.query)
    period = _load(visitor, wanted, by)
    if not {"range", "from", "to"} & visitor.query.keys():
        first = min(
            (tally.edges["first_at"] for tally in period.answers.values() if tally.edges), default=0.0
        )
        if first > time.time() - 3_300:
            wanted = range_of({"range": "1h"})
            period = _load(visitor, wanted, by)
    report = summarise_tallies(period.answers, by)
    return visitor.render(
        "overview.html",
        report=report,
        rows=[Row(group=group, share=_share(group, report)) for group in report.rows],
        spent=spent(report, by),
        steps=next_steps(period.answers),
        charts=charts(period, report),
        **_choices(by, wanted),
    )


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table, with its share of the cost."""

    group: Group
    share: float


def spent(report: Report, by: str) -> str:
    """Where the money went, in a sentence."""
    total = report.total.cost.known_nano
    if not total:
        return "Nothing that is priced was spent."
    dearest = max(report.rows, key=lambda group: group.cost.known_nano)
    share = dearest.cost.known_nano / total
    asked = dearest.requests / report.total.requests if report.total.requests else 0.0
    name = "what nobody answered" if dearest.name == NOTHING_DELIVERED else dearest.name
    return f"{percent(share)} of it went to {by} {name}, which is {percent(asked)} of the requests."


def charts(period: Any, report: Report) -> dict[str, Any]:
    """What the charts draw: times, and for each line its name and values."""
    return {
        "times": [step.start_at for step in period.steps],
        "step": period.step_seconds,
        "requests": _lines(period, report, "requests"),
        "cost": _lines(period, report, "cost_nano", 1e-9),
        "latency": [
            {"name": "p50", "values": [step.latency.quantile(0.5) for step in period.steps]},
            {"name": "p95", "values": [step.latency.quantile(0.95) for step in period.steps]},
        ],
    }


def _lines(period: Any, report: Report, what: str, scale: float = 1.0) -> list[dict[str, Any]]:
    """A line for each of the largest groups, and one for the rest; the group that sums have under no name has one."""
    unnamed = UNNAMED.get(report.by or "", "")
    sizes: Counter[str] = Counter()
    for step in period.steps:
        for group, counts in step.counts.items():
            sizes[group or unnamed] += counts[what]
    ranked = [name for name, size in sizes.most_common() if size]
    shown, rest = ranked[:MOST_LINES], set(ranked[MOST_LINES:])

    def line(own: set[str]) -> list[float]:
        return [
            scale * sum(counts[what] for group, counts in step.counts.items() if (group or unnamed) in own)
            for step in period.steps
        ]

    # a group has the same colour in every chart
    places = {group.name: place for place, group in enumerate(report.rows[:MOST_LINES])}
    lines = [{"name": name, "values": line({name}), "colour": places.get(name)} for name in shown]
    return [*lines, {"name": REST, "values": line(rest), "colour": MOST_LINES}] if rest else lines


def _share(group: Group, report: Report) -> float:
    total = report.total.cost.known_nano
    return group.cost.known_nano / total if total else 0.0


def _load(visitor: Visitor, wanted: Range, by: Any) -> Any:
    from tiercel.records.series import Wanted, load_period

    asked = Wanted(
        since=wanted.since,
        until=wanted.until,
        step_seconds=wanted.step_seconds,
        by=by,
        project=visitor.caller.project,
        is_open=wanted.live,
    )
    return load_period(visitor.home.folder, asked, database_url=visitor.home.database_url)


def _choices(by: str, wanted: Range) -> dict[str, Any]:
    return {
        "by": by,
        "range": wanted,
        "lengths": tuple(LENGTHS),
        "dimensions": ("task", "model", "tier", "effort"),
    }


OVERVIEW = PageRoute(path="/", show=show, title="Overview")
