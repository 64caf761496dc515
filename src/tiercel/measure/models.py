"""Models as they are claimed to be, beside what one's own traffic measured: two things that are never mixed."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tiercel.domain.claims import BENCHMARK, FIELDS, PRICE_FIELDS, USUAL_BENCHMARKS, Claim, Value, agree
from tiercel.domain.record import Feedback, Record
from tiercel.measure.report import Group, Report, summarise, summarise_tallies
from tiercel.records.tally import Cell, RequestTally


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """One value and who states it. `reckoned` is whether Tiercel routes and bills with it; its own claim is first."""

    value: Value
    reckoned: bool
    claims: tuple[Claim, ...]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about one field: no value where nobody says anything, several where they disagree."""

    field: str
    stated: tuple[Stated, ...]

    @property
    def conflict(self) -> bool:
        return len(self.stated) > 1


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A model's numbers on one's own traffic, and apart from them those that simulated providers produced. p50 and p95
    may be off by `percentile_error`, as a share of them."""

    real: Group | None = None
    simulated: Group | None = None
    percentile_error: float = 0.0


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One model: every field with what is claimed, and what was measured."""

    name: str
    facts: tuple[Fact, ...]
    measured: Measured

    def fact(self, field: str) -> Fact:
        """The fact of this field, also where nobody says anything."""
        return next((fact for fact in self.facts if fact.field == field), Fact(field=field, stated=()))

    @property
    def conflicts(self) -> tuple[Fact, ...]:
        return tuple(fact for fact in self.facts if fact.conflict)


def facts_of(reckoned: Mapping[str, Claim], claims: Sequence[Claim]) -> tuple[Fact, ...]:
    """What is said about one model: `reckoned` is what Tiercel uses, by field, and `claims` what others publish.

    Every usual field is there, with no value where nobody states one; then the benchmarks.
    """
    usual = [f"{BENCHMARK}{name}" for name in USUAL_BENCHMARKS]
    others = {claim.field for claim in claims} - {*FIELDS, *usual}
    return tuple(
        Fact(field=field, stated=tuple(_stated(reckoned.get(field), [c for c in claims if c.field == field])))
        for field in (*FIELDS, *usual, *sorted(others))
    )


def known_models(
    reckoned: Mapping[str, Mapping[str, Claim]], claims: Sequence[Claim], measured: Mapping[str, Measured]
) -> list[ModelFacts]:
    """Every model that is reckoned with, claimed about, or measured; `reckoned` is by model and field."""
    names = dict.fromkeys((*reckoned, *(claim.model for claim in claims), *sorted(measured)))
    return [
        ModelFacts(
            name=name,
            facts=facts_of(reckoned.get(name, {}), [claim for claim in claims if claim.model == name]),
            measured=measured.get(name, Measured()),
        )
        for name in names
    ]


def disputed_prices(known: Iterable[ModelFacts]) -> frozenset[str]:
    """The models of which other prices are published than those that Tiercel reckons with."""
    return frozenset(one.name for one in known if any(fact.field in PRICE_FIELDS for fact in one.conflicts))


def _stated(own: Claim | None, claims: Iterable[Claim]) -> list[Stated]:
    """The values, ours first, then in the order in which they are claimed."""
    groups: list[list[Claim]] = [[own]] if own is not None else []
    for claim in claims:
        same = next((group for group in groups if agree(group[0].value, claim.value)), None)
        if same is None:
            groups.append([claim])
        else:
            same.append(claim)
    return [Stated(value=group[0].value, reckoned=group[0] is own, claims=tuple(group)) for group in groups]


def measured_by_model(
    records: Iterable[Record], feedback: Mapping[str, Feedback] | None = None
) -> dict[str, Measured]:
    """What the records say about each model. Simulated answers are never counted among real ones."""
    every = list(records)
    return _measured(
        summarise([record for record in every if not record.simulated], feedback, "model"),
        summarise([record for record in every if record.simulated], feedback, "model"),
    )


def measured_by_tallies(tallies: Mapping[Cell, RequestTally]) -> dict[str, Measured]:
    """The same from sums; its percentiles are those of sketches."""
    return _measured(
        summarise_tallies({cell: own for cell, own in tallies.items() if not cell.simulated}, "model"),
        summarise_tallies({cell: own for cell, own in tallies.items() if cell.simulated}, "model"),
    )


def _measured(real: Report, simulated: Report) -> dict[str, Measured]:
    """Models that were called, also those whose answers never were delivered."""
    ours, theirs = (
        {group.name: group for group in report.rows if group.calls.n} for report in (real, simulated)
    )
    return {
        name: Measured(
            real=ours.get(name), simulated=theirs.get(name), percentile_error=real.percentile_error
        )
        for name in {*ours, *theirs}
    }
