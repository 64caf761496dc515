"""The strategies that are compared, each a set of ways to answer that it may mix, and what they reach."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from bench.cascade_climb import Climber, Outcome, Setting, climb_all, plan_of
from bench.cascade_curve import (
    LEVELS,
    ROUNDING,
    Curve,
    Figures,
    Sample,
    Way,
    by_task,
    figures,
    foreseeing,
    interval,
    mixed,
    mixing,
    mixture,
    resamples,
)
from bench.cascade_rows import Rows
from tiercel.checks.registry import Registry

Interval = tuple[float | None, float | None]

COMPARED = (("two_opinions", "one_opinion"), ("two_opinions", "route_by_task"))


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers first, who is asked when that was not enough, and the two that are asked beside the first.

    `strict_json`: whether clients ask for JSON by `response_format`, and not only in words.
    """

    cheap: str
    strong: str
    opinions: tuple[str, ...]
    strict_json: bool = False


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """Every way to answer that was tried on one set of questions."""

    cheap: Way
    strong: Way
    no_opinion: tuple[Way, ...]
    one_opinion: tuple[Way, ...]
    other_opinion: tuple[Way, ...]
    majority: tuple[Way, ...]
    """Two opinions, where the majority's answer is delivered."""
    no_majority: tuple[Way, ...]
    """Two opinions, where an answer that is outvoted goes up."""

    @property
    def two_opinions(self) -> tuple[Way, ...]:
        return (self.cheap, *self.majority, *self.no_majority, self.strong)


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy reaches, with 95 % intervals; `settings` are the ways it has of its own."""

    figures: Figures
    cost_at: tuple[Interval, ...]
    best: Interval
    settings: tuple[Way, ...] = ()


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A mixture chosen on other questions for a level, and what it costs and gives (of the strong model's) here."""

    level: int
    mix: tuple[tuple[str, float], ...]
    cost: float
    quality: float
    cost_interval: Interval
    quality_interval: Interval


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """By how much one strategy's cost at each level differs from another's, on the same questions."""

    of: str
    less: str
    cost_at: tuple[float | None, ...]
    intervals: tuple[Interval, ...]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is told of one set of questions."""

    ways: Ways
    strategies: dict[str, Reached]
    differences: tuple[Difference, ...]
    chosen: tuple[Chosen, ...] = ()


async def ways_of(rows: Rows, ladder: Ladder) -> Ways:
    """Climb every ladder with every question."""
    first, second = ladder.opinions
    async with _climbing(rows, ladder) as climbed:
        return Ways(
            cheap=_alone(rows, ladder.cheap),
            strong=_alone(rows, ladder.strong),
            no_opinion=await climbed(Setting()),
            one_opinion=await climbed(Setting(opinions=(first,))),
            other_opinion=await climbed(Setting(opinions=(second,))),
            majority=await climbed(*_both(ladder, elect=True)),
            no_majority=await climbed(*_both(ladder, elect=False)),
        )


async def two_opinion_ways(rows: Rows, ladder: Ladder) -> tuple[Way, tuple[Way, ...], Way]:
    """Only the two models alone and, between them, the ladders with two opinions."""
    async with _climbing(rows, ladder) as climbed:
        ways = await climbed(*_both(ladder, elect=True), *_both(ladder, elect=False))
    return _alone(rows, ladder.cheap), ways, _alone(rows, ladder.strong)


@asynccontextmanager
async def _climbing(rows: Rows, ladder: Ladder) -> AsyncIterator[Callable[..., Awaitable[tuple[Way, ...]]]]:
    """What climbs these ladders with all questions, one way for each setting."""
    registry = Registry.load()
    climber = Climber(registry, strict_json=ladder.strict_json)

    async def climbed(*settings: Setting) -> tuple[Way, ...]:
        made: list[Way] = []
        for setting in settings:
            plan = plan_of(ladder.cheap, ladder.strong, setting, registry)
            made.append(_way(setting.name, await climb_all(climber, plan, rows.queries)))
        return tuple(made)

    try:
        yield climbed
    finally:
        await registry.aclose()


def _both(ladder: Ladder, *, elect: bool) -> list[Setting]:
    return [Setting(opinions=ladder.opinions, at_least=share, elect=elect) for share in (0.5, 1.0)]


def measure(
    ways: Ways, tasks: Sequence[str], *, replicates: int, seed: int, chosen_on: Ways | None = None
) -> Measured:
    """What each strategy reaches, with intervals over resampled questions. Samples are shared, so that differences
    are taken on the same questions."""
    curves, settings = _strategies(ways, tasks)
    whole = Sample(range(len(tasks)))
    samples = resamples(len(tasks), replicates, seed)
    values = {name: _figures(curve, ways.strong, whole) for name, curve in curves.items()}
    spread = {
        name: [_figures(curve, ways.strong, sample) for sample in samples] for name, curve in curves.items()
    }
    reached = {
        name: Reached(
            figures=values[name],
            cost_at=tuple(
                interval([one.cost_at[place] for one in spread[name]]) for place in range(len(LEVELS))
            ),
            best=interval([one.best for one in spread[name]]),
            settings=settings[name],
        )
        for name in curves
    }
    differences = tuple(
        Difference(
            of=of,
            less=less,
            cost_at=_less(values[of], values[less]),
            intervals=tuple(
                interval([_less(a, b)[place] for a, b in zip(spread[of], spread[less], strict=True)])
                for place in range(len(LEVELS))
            ),
        )
        for of, less in COMPARED
    )
    chosen = () if chosen_on is None else _chosen(ways, chosen_on, whole, samples)
    return Measured(ways=ways, strategies=reached, differences=differences, chosen=chosen)


def _strategies(ways: Ways, tasks: Sequence[str]) -> tuple[dict[str, Curve], dict[str, tuple[Way, ...]]]:
    """Each strategy's curve, and the ways it has of its own. All that are not one model alone may also give a question
    to one of the two models directly."""
    routed = tuple(by_task(ways.cheap, ways.strong, tasks))
    own: dict[str, tuple[Way, ...]] = {
        "random_mix": (),
        "route_by_task": routed,
        "no_opinion": ways.no_opinion,
        "one_opinion": ways.one_opinion,
        "other_opinion": ways.other_opinion,
        "two_opinions_without_majority": ways.no_majority,
        "two_opinions": (*ways.majority, *ways.no_majority),
    }
    curves: dict[str, Curve] = {
        "always_cheap": mixing([ways.cheap]),
        "always_strong": mixing([ways.strong]),
        **{name: mixing([ways.cheap, *own_ways, ways.strong]) for name, own_ways in own.items()},
        "oracle": foreseeing(ways.cheap, ways.strong),
    }
    return curves, {name: own.get(name, ()) for name in curves}


def _figures(curve: Curve, strong: Way, sample: Sample) -> Figures:
    return figures(curve(sample), sample.point(strong))


def _less(one: Figures, other: Figures) -> tuple[float | None, ...]:
    return tuple(
        None if a is None or b is None else a - b for a, b in zip(one.cost_at, other.cost_at, strict=True)
    )


def _chosen(ways: Ways, chosen_on: Ways, whole: Sample, samples: Sequence[Sample]) -> tuple[Chosen, ...]:
    """The mixtures of `two_opinions` that reach each level on other questions, applied to these."""
    there = Sample(range(len(chosen_on.cheap.nano)))
    points = [there.point(way) for way in chosen_on.two_opinions]
    found: list[Chosen] = []
    for level in LEVELS:
        mix = mixture(points, there.point(chosen_on.strong)[1] * level / 100 - ROUNDING)
        assert mix is not None, "the strong model alone reaches every level"

        def applied(sample: Sample, mix: list[tuple[int, float]] = mix) -> tuple[float, float]:
            strong = sample.point(ways.strong)
            cost, quality = mixed([sample.point(way) for way in ways.two_opinions], mix)
            return cost / strong[0], quality / strong[1]

        cost, quality = applied(whole)
        spread = [applied(sample) for sample in samples]
        found.append(
            Chosen(
                level=level,
                mix=tuple((ways.two_opinions[place].name, share) for place, share in mix),
                cost=cost,
                quality=quality,
                cost_interval=interval([one for one, _ in spread]),
                quality_interval=interval([one for _, one in spread]),
            )
        )
    return tuple(found)


def _way(name: str, outcomes: Sequence[Outcome]) -> Way:
    up = sum(any(charge.why == "escalation" for charge in outcome.charges) for outcome in outcomes)
    return Way(
        name=name,
        nano=tuple(outcome.nano for outcome in outcomes),
        scores=tuple(outcome.score for outcome in outcomes),
        went_up=up / len(outcomes),
    )


def _alone(rows: Rows, model: str) -> Way:
    """One model asked directly, unchecked."""
    calls = [query.calls[model] for query in rows.queries]
    return Way(
        name=f"{model} alone",
        nano=tuple(call.nano for call in calls),
        scores=tuple(call.score for call in calls),
    )
