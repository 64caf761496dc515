"""Where things lie in a report's charts, in percent of their width and height; the template draws them."""

import math
from collections.abc import Iterable, Sequence

import msgspec

from tiercel.evals.comparing.assessment import Assessment
from tiercel.evals.comparing.figure import Figure
from tiercel.evals.comparing.signals import Signals
from tiercel.evals.reporting.words import detail_text, money, share
from tiercel.evals.statistics.interval import points
from tiercel.measure import amounts

LINE_HEIGHT = 6.6
"""A line of labels in percent of the plane's height."""
LETTER_WIDTH = 2.6
"""A letter of a label in percent of the plane's width, on a phone."""


class Tick(msgspec.Struct, frozen=True):
    """A mark on an axis."""

    at: float
    text: str


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its interval on a horizontal axis; `colour` numbers the model, `state` is a verdict."""

    name: str
    at: float
    low: float
    high: float
    text: str
    colour: int = 0
    state: str = ""


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """Rows on one axis. `zero` and `margin` are where no difference, and the largest that is put up with, lie."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    zero: float = 0.0
    margin: float = 0.0


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """A model by price (`x`) and quality (`y`), with both intervals; all from the left and from the top.

    `label` is how high its name stands, left of it where it is far to the right (`is_right`). A name that had to make
    room for another's is `moved`.
    """

    name: str
    colour: int
    x: float
    y: float
    left: float
    right: float
    top: float
    bottom: float
    text: str
    is_right: bool
    label: float = 0.0
    moved: bool = False


class Plane(msgspec.Struct, frozen=True, kw_only=True):
    """Price across, quality up."""

    dots: tuple[Dot, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


class _Axis(msgspec.Struct, frozen=True):
    low: float
    high: float

    def at(self, value: float | None, otherwise: float = 0.0) -> float:
        if value is None:
            return otherwise
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)


def differences(assessment: Assessment) -> Bars | None:
    """Each candidate's difference from the baseline beside the margin; `None` without any."""
    found = [(one, one.comparison.difference) for one in assessment.contenders if one.comparison is not None]
    if not found:
        return None
    margin = assessment.analysis.margin
    ends = [end for _, difference in found for end in (difference.interval.low, difference.interval.high)]
    axis = _padded([*ends, 0.0, -margin, margin])
    return Bars(
        bars=tuple(
            Bar(
                name=one.name,
                at=axis.at(difference.value),
                low=axis.at(difference.interval.low),
                high=axis.at(difference.interval.high),
                text=f"{points(difference.value)} ({points(difference.interval.low)} to "
                f"{points(difference.interval.high)})",
                state=one.verdict,
            )
            for one, difference in found
        ),
        ticks=tuple(
            Tick(axis.at(value), f"{100 * value:+g}" if value else "0") for value in round_values(axis)
        ),
        zero=axis.at(0.0),
        margin=axis.at(-margin),
    )


def latencies(models: Sequence[Signals]) -> Bars | None:
    """Each model's p50 and p95 of latency: the bar runs from the one to the other; `None` where none is known."""
    found = [(at, model) for at, model in enumerate(models) if model.seconds.p50.value is not None]
    if not found:
        return None
    axis = _Axis(0.0, 1.05 * max(_slow(model) for _, model in found) or 1.0)
    return Bars(
        bars=tuple(
            Bar(
                name=model.name,
                at=axis.at(model.seconds.p50.value),
                low=axis.at(model.seconds.p50.value),
                high=axis.at(_slow(model)),
                text=_latency_text(model),
                colour=at % 6 + 1,
            )
            for at, model in found
        ),
        ticks=tuple(Tick(axis.at(value), f"{value:g} s") for value in round_values(axis)),
    )


def price_and_quality(models: Sequence[Signals]) -> Plane | None:
    """Cost per success and share passed of each model that has both; `None` with fewer than two."""
    found = [
        (at, model)
        for at, model in enumerate(models)
        if model.cost_per_success_nano.value is not None and model.passed.value is not None
    ]
    if len(found) < 2:
        return None
    dearest = max(_end(model.cost_per_success_nano) for _, model in found)
    across = _Axis(0.0, 1.08 * dearest or 1.0)
    lowest = min(_least(model.passed) for _, model in found)
    up = _Axis(max(0.0, math.floor(10 * lowest - 0.5) / 10), 1.0)
    return Plane(
        dots=_labelled([_dot(model, at % 6 + 1, across, up) for at, model in found]),
        across=tuple(Tick(across.at(nano), money(nano)) for nano in round_values(across, 4)),
        up=tuple(Tick(100 - up.at(value), share(value)) for value in round_values(up, 4)),
    )


def round_values(axis: _Axis, about: int = 5) -> list[float]:
    """Round numbers within an axis, some `about` of them."""
    rough = (axis.high - axis.low) / about
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * times for times in (1, 2, 2.5, 5, 10) if scale * times >= rough * 0.999)
    first = math.ceil(axis.low / step - 1e-9)
    last = math.floor(axis.high / step + 1e-9)
    return [float(f"{step * at:.10g}") for at in range(first, last + 1)]


def _dot(model: Signals, colour: int, across: _Axis, up: _Axis) -> Dot:
    cost, passed = model.cost_per_success_nano, model.passed
    x, y = across.at(cost.value), 100 - up.at(passed.value)
    return Dot(
        name=model.name,
        colour=colour,
        x=x,
        y=y,
        left=across.at(cost.low, x),
        right=across.at(cost.high, x),
        top=100 - up.at(passed.high, 100 - y),
        bottom=100 - up.at(passed.low, 100 - y),
        text=f"{model.name}: {detail_text(passed, share)}; {detail_text(cost, money)}",
        is_right=x > 70,
    )


def _labelled(dots: Sequence[Dot]) -> tuple[Dot, ...]:
    """The dots with their names above them, or below at the top; each further down until it covers no other's."""
    placed: list[Dot] = []
    for dot in sorted(dots, key=lambda one: one.y):
        first = dot.y + (8.0 if dot.y < 12 else -3.6)
        beside = sorted(one.label for one in placed if _overlap(dot, one))
        at = first
        for other in beside:
            if abs(at - other) < LINE_HEIGHT:
                at = other + LINE_HEIGHT
        placed.append(msgspec.structs.replace(dot, label=round(at, 2), moved=at != first))
    return tuple(placed)


def _overlap(one: Dot, other: Dot) -> bool:
    """Whether their names would meet if they stood at the same height."""
    (start, end), (other_start, other_end) = _reach(one), _reach(other)
    return start < other_end and other_start < end


def _reach(dot: Dot) -> tuple[float, float]:
    width = LETTER_WIDTH * (len(dot.name) + 2)
    return (dot.x - width, dot.x) if dot.is_right else (dot.x, dot.x + width)


def _padded(values: Iterable[float]) -> _Axis:
    ends = list(values)
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low)
    return _Axis(low - room, high + room)


def _end(figure: Figure) -> float:
    """The far end of an interval, unless it lies too far to leave room for the rest."""
    value = figure.value or 0.0
    return value if figure.high is None else min(figure.high, 3 * value)


def _least(figure: Figure) -> float:
    return (figure.value or 0.0) if figure.low is None else figure.low


def _slow(model: Signals) -> float:
    p95 = model.seconds.p95.value
    return (model.seconds.p50.value or 0.0) if p95 is None else p95


def _latency_text(model: Signals) -> str:
    p50, p95 = model.seconds.p50.value, model.seconds.p95.value
    late = f"p95 {amounts.duration(p95)}" if p95 is not None else "p95 not told"
    return f"{amounts.duration(p50)}, {late}"
