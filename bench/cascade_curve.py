"""What a level of quality costs: mixtures of ways to answer, their frontier, and bootstrap intervals. Arithmetic only.

A *way* is what each question cost and how right its answer was. Where a level lies between two ways, questions are
given to one or the other at random, which costs and gives what lies between them on a straight line.
"""

import random
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TypeAlias

import msgspec

LEVELS = (100, 99, 95)
"""Of the strong model's quality, in percent."""

ROUNDING = 1e-12
"""How far below a level counts as reaching it, so that the strong model reaches its own whatever rounding did."""

Point: TypeAlias = tuple[float, float]
"""Mean cost and mean quality."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to answer: by question the nano-dollars of all calls, and the score of what was delivered.

    `went_up` is the share of questions that the strong model was asked.
    """

    name: str
    nano: tuple[int, ...]
    scores: tuple[float, ...]
    went_up: float = 0.0


class Sample:
    """Some of the questions, perhaps several times. Means of one way are taken once."""

    def __init__(self, picks: Sequence[int]) -> None:
        self.picks = picks
        self._take: Callable[[Sequence[float]], tuple[float, ...]] | None = None
        if len(picks) > 1:  # of one place, itemgetter gives no tuple
            self._take = itemgetter(*picks)
        self._points: dict[int, Point] = {}

    def point(self, way: Way) -> Point:
        """What this way costs and gives on average."""
        found = self._points.get(id(way))
        if found is None:
            found = self._points[id(way)] = (self._mean(way.nano), self._mean(way.scores))
        return found

    def _mean(self, column: Sequence[float]) -> float:
        if self._take is None:
            return float(column[self.picks[0]])
        return sum(self._take(column)) / len(self.picks)


Curve: TypeAlias = Callable[[Sample], list[Point]]
"""The points that a strategy can mix, on a sample of the questions."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy reaches. Costs are shares of always asking the strong model; `None` where a level is not
    reached. `best` is the highest mean score, `cost_of_best` what that costs."""

    cost_at: tuple[float | None, ...]
    best: float
    cost_of_best: float


def mixing(ways: Sequence[Way]) -> Curve:
    """The strategy that gives each question to one of these ways, at random where two are mixed."""
    return lambda sample: [sample.point(way) for way in ways]


def foreseeing(cheap: Way, strong: Way) -> Curve:
    """The strategy that knows beforehand where only the strong model is right, and asks it where that pays most: an
    oracle, which nobody has."""
    extra = [up - down for up, down in zip(strong.nano, cheap.nano, strict=True)]
    gain = [up - down for up, down in zip(strong.scores, cheap.scores, strict=True)]
    pays = [place for place in range(len(gain)) if gain[place] > 0]
    order = sorted(pays, key=lambda place: max(extra[place], 0) / gain[place])

    def curve(sample: Sample) -> list[Point]:
        count = len(sample.picks)
        times = [0] * len(gain)
        for place in sample.picks:
            times[place] += 1
        cost, quality = sample.point(cheap)
        points = [(cost, quality)]
        for place in order:
            if times[place]:
                cost += times[place] * extra[place] / count
                quality += times[place] * gain[place] / count
                points.append((cost, quality))
        return points

    return curve


def by_task(cheap: Way, strong: Way, tasks: Sequence[str]) -> list[Way]:
    """The ways that send whole tasks to the strong model, one task more each time.

    The order is that of gain by cost on these very questions, which favours the strategy: nobody knows it beforehand.
    """

    def worth(task: str) -> float:
        places = [place for place, other in enumerate(tasks) if other == task]
        gain = sum(strong.scores[place] - cheap.scores[place] for place in places)
        return gain / max(1, sum(strong.nano[place] - cheap.nano[place] for place in places))

    order = sorted(set(tasks), key=lambda task: (-worth(task), task))
    ways: list[Way] = []
    for count in range(1, len(order)):
        up = set(order[:count])
        chosen = [strong if task in up else cheap for task in tasks]
        ways.append(
            Way(
                name=f"{', '.join(order[:count])} to the strong model",
                nano=tuple(way.nano[place] for place, way in enumerate(chosen)),
                scores=tuple(way.scores[place] for place, way in enumerate(chosen)),
                went_up=sum(way is strong for way in chosen) / len(chosen),
            )
        )
    return ways


def frontier(points: Sequence[Point]) -> list[int]:
    """The places of the points that no mixture of others beats, cheapest first."""
    kept: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: (points[place][0], -points[place][1])):
        if kept and points[place][1] <= points[kept[-1]][1]:
            continue
        while len(kept) > 1 and _bends_up(points[kept[-2]], points[kept[-1]], points[place]):
            kept.pop()
        kept.append(place)
    return kept


def mixture(points: Sequence[Point], quality: float) -> list[tuple[int, float]] | None:
    """The cheapest mixture that reaches this quality: places with their shares; `None` where none does."""
    below: int | None = None
    for place in frontier(points):
        if points[place][1] >= quality:
            if below is None:
                return [(place, 1.0)]
            share = (quality - points[below][1]) / (points[place][1] - points[below][1])
            return [(below, 1 - share), (place, share)]
        below = place
    return None


def mixed(points: Sequence[Point], mix: Sequence[tuple[int, float]]) -> Point:
    """What a mixture costs and gives."""
    return (
        sum(share * points[place][0] for place, share in mix),
        sum(share * points[place][1] for place, share in mix),
    )


def figures(points: Sequence[Point], strong: Point) -> Figures:
    """What can be reached with these points beside the strong model alone."""
    costs: list[float | None] = []
    for level in LEVELS:
        mix = mixture(points, strong[1] * level / 100 - ROUNDING)
        costs.append(None if mix is None else mixed(points, mix)[0] / strong[0])
    top = points[frontier(points)[-1]]
    return Figures(cost_at=tuple(costs), best=top[1], cost_of_best=top[0] / strong[0])


def resamples(count: int, replicates: int, seed: int) -> list[Sample]:
    """Bootstrap samples of the questions, always the same for a seed."""
    dice = random.Random(seed)
    return [Sample(dice.choices(range(count), k=count)) for _ in range(replicates)]


def interval(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """The middle 95 % of these values; what was not reached counts as above all others."""
    ordered = sorted(values, key=lambda value: float("inf") if value is None else value)
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]


def _bends_up(a: Point, b: Point, c: Point) -> bool:
    """Whether `b` lies on or below the line from `a` to `c`."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])
