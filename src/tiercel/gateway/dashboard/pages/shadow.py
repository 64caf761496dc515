"""Shadow and split: candidates on copies of requests and on a share of them, with what that is evidence of.

Verdicts are those of `tiercel shadow status` and `tiercel split status`; the pairs themselves come from the records.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.responses import Response

from tiercel.domain.errors import CallerError, ConfigError
from tiercel.domain.record import ShadowPair
from tiercel.domain.shadow import ShadowRun
from tiercel.gateway.dashboard.commands import Commands, data_words
from tiercel.gateway.dashboard.pages.requests import readable
from tiercel.gateway.dashboard.view import PageRoute, Visitor, dollars
from tiercel.measure.amounts import duration, percent
from tiercel.records.shadow_store import ShadowStore

COMMANDS = Commands(kept_seconds=120.0)
MOST_PAIRS = 20
METRICS = {
    "success": "success",
    "accepted": "accepted by users",
    "cost_per_success_usd": "cost per success",
    "latency_p95": "latency p95",
}
"""Figures of an arm, by their names in the command's JSON."""
FORMS: dict[str, Callable[[Any], str]] = {
    "success": percent,
    "accepted": percent,
    "cost_per_success_usd": dollars,
    "latency_p95": duration,
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a command says: `None` while it is at work, or why it says nothing."""

    found: Any
    problem: str = ""


NO_SPLITS = Told(found={"splits": [], "is_cut": False})


def show(visitor: Visitor) -> Response:
    """Registered runs with their evidence, copies by rule, splits."""
    from tiercel.records.query import is_empty  # SQLAlchemy takes long to load

    home = visitor.home
    data = data_words(home.storage)
    nothing_yet = home.database_url is None and is_empty(home.folder)
    runs = _runs(visitor)
    if nothing_yet and not runs:
        return visitor.render("shadow.html", shadow=None, split=None)
    shadow = _told("shadow", "status", "--all", "--json", *data)
    split = NO_SPLITS if nothing_yet else _told("split", "status", "--json", *data)
    return visitor.render(
        "shadow.html",
        runs=runs,
        shadow=shadow,
        split=split,
        at_work_still=any(one.found is None and not one.problem for one in (shadow, split)),
        charts=chart,
        metrics=METRICS,
        forms=FORMS,
        contrasts={name.removesuffix("_usd"): title for name, title in METRICS.items()},
        difference=difference,
    )


def show_pairs(visitor: Visitor) -> Response:
    """The pairs of one run, those that tell the two sides apart unless all are asked for."""
    from tiercel.records.pair_search import PairSearch, find_pairs

    home, run = visitor.home, visitor.query.get("run", "")
    asked = PairSearch(
        run=run,
        differing=visitor.query.get("show") != "all",
        after=_behind(visitor.query.get("after", "")),
        most=MOST_PAIRS,
    )
    found = find_pairs(home.folder, asked, database_url=home.database_url)
    more = None if found.more is None else "~".join(map(str, found.more))
    return visitor.render(
        "shadow_pairs.html",
        run=run,
        found=found,
        next=more,
        is_same=is_same,
        readable=readable,
        differing=asked.differing,
        keeps_content=home.storage.content,
    )


def chart(path: dict[str, Any]) -> dict[str, Any]:
    """How the capital of each bet went, with the line that it has to reach."""
    lines = []
    for at, line in enumerate(path["lines"]):
        count = len(line["log10_capital"])
        lines.append({"name": line["claim"], "values": line["log10_capital"], "colour": at})
        name = f"needed for {line['claim']}"
        lines.append({"name": name, "values": [line["needed"]] * count, "colour": at, "dashed": True})
    return {"times": path["at"], "step": 0, "lines": lines}


def is_same(pair: ShadowPair) -> bool:
    """Whether both sides said the same, by their hashes."""
    live, shadow = pair.live.said, pair.shadow.said
    return live is not None and shadow is not None and live.key == shadow.key


def difference(contrast: dict[str, Any]) -> str:
    """How an arm differs: in points, or as a factor, with the interval."""
    values = [contrast[name] for name in ("value", "low", "high")]
    if contrast["kind"] == "difference":
        value, low, high = ("?" if one is None else f"{100 * one:+.1f}" for one in values)
        return f"{value} points ({low} to {high})"
    value, low, high = (
        "?" if one is None else f"{one:.3g}" if one < 1_000 else f"{one:,.0f}" for one in values
    )
    return f"{value} times as much ({low} to {high})"


def _runs(visitor: Visitor) -> tuple[ShadowRun, ...]:
    store = ShadowStore(visitor.home.folder, visitor.home.database_url)
    try:
        return store.runs()
    finally:
        store.close()


def _told(*words: str) -> Told:
    try:
        return Told(found=COMMANDS.json(*words))
    except ConfigError as error:
        return Told(found=None, problem=str(error))


def _behind(text: str) -> Any:
    from tiercel.records.pair_search import BehindPair

    if not text:
        return None
    at, _, rest = text.partition("~")
    record_id, _, candidate = rest.partition("~")
    try:
        return BehindPair(float(at), record_id, candidate)
    except ValueError:
        raise CallerError("invalid_request", "after: take it from the link of a page") from None


SHADOW = PageRoute(path="/shadow", show=show, title="Shadow and split", operators_only=True)
SHADOW_PAIRS = PageRoute(path="/shadow/pairs", show=show_pairs, operators_only=True)
