"""A compared split as `tiercel split status` shows it: tables of 80 columns, or JSON."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.amounts import period_text
from tiercel.domain.json import Json
from tiercel.domain.money import usd_text
from tiercel.evals.split_figures import ArmFigures, Compared, Contrast, Figure, Metric
from tiercel.measure.amounts import UNKNOWN, count_text, duration, money, percent

TITLES: dict[Metric, str] = {
    "success": "success",
    "accepted": "accepted by users",
    "cost_per_success": "cost per success",
    "latency_p95": "latency p95",
}
NOTES = (
    "units: sessions, users or single requests that were given the arm",
    "success: delivered, every gate passed, not rejected by the user",
    "per success: what all attempts cost, divided by the successes",
    "each interval holds at 95 %, alone, and for one look that was planned before",
)


def in_dollars(one: Compared) -> Json:
    """The split as plain JSON values, money in decimal dollars."""
    told: Any = msgspec.to_builtins(one)
    for arm in told["arms"]:
        cost = arm["figures"].pop("cost_per_success")
        for key in ("value", "low", "high"):
            cost[key] = None if cost[key] is None else usd_text(round(cost[key]))
        arm["figures"]["cost_per_success_usd"] = cost
    plain: Json = told
    return plain


def render(found: Sequence[Compared], console: Console, most: int | None) -> None:
    """Print these splits; `most` is how many requests were looked at, where there are more."""
    for one in found:
        _render(one, console)
        console.print()
    for note in NOTES:
        console.print(Text(note))
    if most is not None:
        console.print(Text(f"only the latest {most:,} requests were looked at (--most)"))


def _render(one: Compared, console: Console) -> None:
    for line in _heading(one):
        console.print(Text(line), soft_wrap=True)
    console.print()
    console.print(_table(one))
    for arm in one.arms:
        for metric, figure in arm.figures.items():
            if figure.lacks:
                console.print(Text(f"{arm.name}, {TITLES[metric]}: {figure.lacks}"), soft_wrap=True)
    for arm in one.arms:
        own = [contrast for contrast in one.contrasts if contrast.arm == arm.name]
        if own:
            console.print()
            console.print(Text(f"{arm.name} against {one.baseline}"), style="bold")
            for contrast in own:
                console.print(
                    Text(f"  {TITLES[contrast.metric]:<18} {_contrast_text(contrast)}"), soft_wrap=True
                )


def _heading(one: Compared) -> Iterator[str]:
    rules = f"rule{'s' if len(one.rules) > 1 else ''} {', '.join(one.rules)}"
    yield f"Split {one.split}, {rules}: {count_text(one.counted, 'request')} compared"
    if one.counted:
        yield period_text(one.since, one.until)
    if one.simulated:
        yield f"Simulated providers answered {one.simulated} of all {one.requests}."
    if one.incomplete:
        yield f"Left out: {count_text(one.incomplete, 'request')} for which an arm was out."
    if one.earlier:
        yield f"Left out: {count_text(one.earlier, 'request')} from before the shares last changed."
    if one.is_unfair:
        yield (
            f"Do not trust this: the arms were not given what their shares say (p = {one.p_shares:.1g}). Something "
            "loses requests of one arm."
        )
    if one.is_provisional and one.arms:
        yield "A first impression: an arm has fewer than 30 sessions, users or requests that stand alone."


COLUMNS: tuple[tuple[str, Callable[[ArmFigures], str]], ...] = (
    ("requests\nunits", lambda arm: f"{arm.requests:,}\n{arm.units:,}"),
    ("success", lambda arm: _cell(arm.figures["success"], _digits(arm.figures["success"]))),
    ("accepted\nby users", lambda arm: _cell(arm.figures["accepted"], _digits(arm.figures["accepted"]))),
    ("per\nsuccess", lambda arm: _cell(arm.figures["cost_per_success"], lambda nano: money(round(nano)))),
    ("latency\np95", lambda arm: _cell(arm.figures["latency_p95"], duration)),
)


def _table(one: Compared) -> Table:
    """The arms, each figure over its interval."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("arm\nshare", overflow="fold", vertical="top", min_width=8)
    for title, _ in COLUMNS:
        table.add_column(title, justify="right", vertical="top", no_wrap=True)
    for arm in one.arms:
        table.add_row(Text(f"{arm.name}\n{percent(arm.share)}"), *(Text(cell(arm)) for _, cell in COLUMNS))
    return table


def _cell(figure: Figure, shown: Callable[[float], str]) -> str:
    if figure.value is None:
        return UNKNOWN
    if figure.low is None and figure.high is None:
        return shown(figure.value)
    low, high = ("?" if end is None else shown(end) for end in (figure.low, figure.high))
    for unit in (" %", " ms", " s"):
        if low.endswith(unit) and high.endswith(unit):
            low = low.removesuffix(unit)
    return f"{shown(figure.value)}\n{low}-{high.removeprefix('$')}"


def _digits(figure: Figure) -> Callable[[float], str]:
    """Shares in whole percent; with one digit more where the interval is narrower than two points."""
    is_narrow = figure.low is not None and figure.high is not None and figure.high - figure.low < 0.02
    return (lambda share: f"{100 * share:.1f} %") if is_narrow else percent


def _contrast_text(contrast: Contrast) -> str:
    if contrast.value is None or contrast.verdict == "too little":
        return f"too little: {contrast.lacks}"
    shown = _points if contrast.kind == "difference" else _times
    low = "unbounded" if contrast.low is None else shown(contrast.low)
    high = "unbounded" if contrast.high is None else shown(contrast.high)
    unit = " points" if contrast.kind == "difference" else ""
    return f"{shown(contrast.value)}{unit} (95 % interval {low} to {high}): {contrast.verdict}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _times(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.0f} %"
