"""The figures of `cascade.py` as tables and as JSON."""

import msgspec

from bench.cascade_curve import LEVELS, Sample, Way
from bench.cascade_rows import Rows
from bench.cascade_strategies import Interval, Ladder, Measured, Reached
from bench.figures import markdown
from tiercel.domain.json import Json, JsonObject
from tiercel.domain.money import NANO_PER_USD

TITLES = {
    "always_cheap": "the cheap model alone",
    "always_strong": "the strong model alone",
    "random_mix": "the two at random",
    "route_by_task": "route by task",
    "no_opinion": "ladder, checks of form only",
    "one_opinion": "ladder, one opinion",
    "other_opinion": "ladder, the other opinion",
    "two_opinions_without_majority": "ladder, two opinions, no majority",
    "two_opinions": "ladder, two opinions",
    "oracle": "oracle",
}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, of what and how."""

    data: str
    rows: Rows
    ladder: Ladder
    replicates: int
    seed: int
    measured: Measured

    @property
    def models(self) -> tuple[str, ...]:
        return (self.ladder.cheap, self.ladder.strong, *self.ladder.opinions)


def as_facts(report: Report) -> JsonObject:
    """Everything as JSON. Costs are shares of always asking the strong model."""
    measured, rows = report.measured, report.rows
    nano, quality = _strong(report)
    facts: JsonObject = {
        "data": report.data,
        "split": rows.split,
        "n": len(rows.queries),
        "left_out": rows.left_out,
        "cheap": report.ladder.cheap,
        "strong": report.ladder.strong,
        "opinions": list(report.ladder.opinions),
        "strict_json": report.ladder.strict_json,
        "prices": rows.prices,
        "texts_from_predictions": dict(rows.predicted(report.models)),
        "replicates": report.replicates,
        "seed": report.seed,
        "strong_quality": quality,
        "strong_usd_per_1000": nano * 1_000 / NANO_PER_USD,
        **{name: _strategy(report, reached) for name, reached in measured.strategies.items()},
    }
    facts["differences"] = {
        f"{difference.of}_less_{difference.less}": {
            **_by_level("cost_at", difference.cost_at),
            "intervals": _by_level("cost_at", difference.intervals),
        }
        for difference in measured.differences
    }
    if measured.chosen:
        facts["two_opinions"]["chosen_on_train"] = {
            f"for_{chosen.level}": {
                "mix": [list(part) for part in chosen.mix],
                "cost": chosen.cost,
                "quality_of_strong": chosen.quality,
                "intervals": {
                    "cost": list(chosen.cost_interval),
                    "quality_of_strong": list(chosen.quality_interval),
                },
            }
            for chosen in measured.chosen
        }
    return facts


def tables(report: Report) -> str:
    """Everything as Markdown."""
    rows, measured, ladder = report.rows, report.measured, report.ladder
    nano, quality = _strong(report)
    made = ", ".join(f"{model} {count}" for model, count in rows.predicted(report.models).items() if count)
    lines = [
        f"{report.data}, {rows.split}: n = {len(rows.queries)} questions that all four models answered "
        f"({rows.left_out} left out). {ladder.cheap} → {ladder.strong}; opinions: {', '.join(ladder.opinions)}.",
        f"The strong model is right on {quality:.1%} at ${nano * 1_000 / NANO_PER_USD:.2f} per 1,000 "
        f"({rows.prices} prices). Answers made from predictions: {made or 'none'}.",
        f"Costs in percent of the strong model's, every call priced; in parentheses 95 % intervals "
        f"({report.replicates:,} bootstrap samples by question, seed {report.seed}).",
        "",
        markdown([_heading(), *(_row(name, reached) for name, reached in measured.strategies.items())]),
        "",
        markdown(
            [["as set, nothing mixed", "cost", "right", "of the strong model", "went up"]]
            + [_setting(report, way) for name in _ladders() for way in _settings(report, name)]
        ),
    ]
    for difference in measured.differences:
        at_99 = LEVELS.index(99)
        value = _percent(difference.cost_at[at_99], difference.intervals[at_99])
        lines.append(f"\n{TITLES[difference.of]} less {TITLES[difference.less]}, cost at 99 %: {value}")
    for chosen in measured.chosen:
        mix = " + ".join(f"{share:.0%} {name}" for name, share in chosen.mix)
        cost = _percent(chosen.cost, chosen.cost_interval)
        gives = _percent(chosen.quality, chosen.quality_interval)
        lines.append(
            f"\nchosen on train for {chosen.level} %: {mix}: costs {cost}, gives {gives} of the quality"
        )
    return "\n".join(lines)


def _strong(report: Report) -> tuple[float, float]:
    return Sample(range(len(report.rows.queries))).point(report.measured.ways.strong)


def _strategy(report: Report, reached: Reached) -> JsonObject:
    found = reached.figures
    facts: JsonObject = {
        **_by_level("cost_at", found.cost_at),
        "quality_max": found.best,
        "cost_of_quality_max": found.cost_of_best,
        "intervals": {**_by_level("cost_at", reached.cost_at), "quality_max": list(reached.best)},
    }
    if reached.settings:
        facts["settings"] = [_setting_facts(report, way) for way in reached.settings]
    return facts


def _setting_facts(report: Report, way: Way) -> JsonObject:
    nano, quality = Sample(range(len(way.nano))).point(way)
    strong_nano, strong_quality = _strong(report)
    return {
        "name": way.name,
        "cost": nano / strong_nano,
        "quality": quality,
        "quality_of_strong": quality / strong_quality,
        "went_up": way.went_up,
    }


def _by_level(prefix: str, values: tuple[Json, ...] | tuple[Interval, ...]) -> JsonObject:
    return {
        f"{prefix}_{level}": list(value) if isinstance(value, tuple) else value
        for level, value in zip(LEVELS, values, strict=True)
    }


def _ladders() -> tuple[str, ...]:
    return ("no_opinion", "one_opinion", "other_opinion", "two_opinions")


def _settings(report: Report, name: str) -> tuple[Way, ...]:
    return report.measured.strategies[name].settings


def _heading() -> list[str]:
    return ["", *(f"cost at {level} %" for level in LEVELS), "most right", "at cost"]


def _row(name: str, reached: Reached) -> list[str]:
    found = reached.figures
    return [
        TITLES[name],
        *(_percent(value, around) for value, around in zip(found.cost_at, reached.cost_at, strict=True)),
        _percent(found.best, reached.best),
        f"{found.cost_of_best:.1%}",
    ]


def _setting(report: Report, way: Way) -> list[str]:
    facts = _setting_facts(report, way)
    return [
        way.name,
        f"{facts['cost']:.1%}",
        f"{facts['quality']:.1%}",
        f"{facts['quality_of_strong']:.1%}",
        f"{way.went_up:.1%}",
    ]


def _percent(value: float | None, around: Interval) -> str:
    if value is None:
        return "not reached"
    low, high = ("–" if end is None else f"{end * 100:.1f}" for end in around)
    return f"{value * 100:.1f} ({low} to {high})"
