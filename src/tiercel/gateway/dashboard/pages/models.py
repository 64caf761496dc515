"""Models: what is published about each, with who says so, beside what was measured; and who answers at this moment."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import msgspec
from starlette.responses import Response

from tiercel.domain.claims import BENCHMARK, Claim
from tiercel.domain.errors import CallerError
from tiercel.gateway.dashboard.loading import answers_in
from tiercel.gateway.dashboard.period import LENGTHS, range_of
from tiercel.gateway.dashboard.standing import Standing, standings_now
from tiercel.gateway.dashboard.view import PageRoute, Visitor
from tiercel.measure.model_words import field_text, marks_of, nothing_text, source_numbers, value_text
from tiercel.measure.models import Fact, Measured, ModelFacts, known_models, measured_by_tallies
from tiercel.measure.report import Group, Report, summarise_tallies
from tiercel.policy.claims import reckoned_by_model, shipped_claims
from tiercel.records.tally import Tallies

LISTED = ("input", "output", "window", "efforts", "tokens_per_second")
"""The fields that the list shows."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about one field: the value that Tiercel uses, else the first, and what others say instead."""

    value: str
    others: tuple[str, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A model in the list. `group` has its numbers on real traffic, or where there was none on simulated answers."""

    name: str
    cells: dict[str, Cell]
    conflicts: int
    standings: tuple[Standing, ...]
    group: Group | None
    simulated: bool

    @property
    def is_callable(self) -> bool:
        return any(one.is_callable for one in self.standings)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a field on a model's own page: who says it, by number or in words, and what is to be known of it."""

    value: str
    sources: tuple[int, ...] = ()
    who: str = ""
    marks: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A field on a model's own page: `nothing` stands where nobody says anything."""

    name: str
    said: tuple[Said, ...]
    nothing: str
    conflict: bool


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Who says something about a model. `notes` are what a reader should know of it."""

    number: int
    name: str
    date: str
    unverified: bool
    notes: tuple[str, ...]

    @property
    def is_address(self) -> bool:
        return self.name.startswith(("https://", "http://"))


async def show_list(visitor: Visitor) -> Response:
    """All models. Health is read on the event loop, everything else in a thread."""
    standings = standings_now(visitor.home.runtime.state)
    return await asyncio.to_thread(_list, visitor, standings)


async def show_one(visitor: Visitor) -> Response:
    """One model. Raises `CallerError` for one that nobody knows."""
    standings = standings_now(visitor.home.runtime.state)
    return await asyncio.to_thread(_one, visitor, standings)


def _list(visitor: Visitor, standings: Mapping[str, Standing]) -> Response:
    wanted = range_of(visitor.query, default="7d")
    lines = [_line(one, standings) for one in _known(visitor, answers_in(visitor, wanted))]
    here = [line for line in lines if line.is_callable]
    return visitor.render(
        "models.html",
        range=wanted,
        lengths=tuple(LENGTHS),
        here=here,
        elsewhere=[line for line in lines if not line.is_callable],
        troubled=[one for line in here for one in line.standings if one.kind in ("warn", "bad")],
        simulated=any(line.simulated for line in lines),
    )


def _line(one: ModelFacts, standings: Mapping[str, Standing]) -> Line:
    return Line(
        name=one.name,
        cells={field: _cell(one.fact(field)) for field in LISTED},
        conflicts=len(one.conflicts),
        standings=_serving(one.name, standings),
        group=one.measured.real or one.measured.simulated,
        simulated=one.measured.real is None and one.measured.simulated is not None,
    )


def _cell(fact: Fact) -> Cell:
    value, *others = [value_text(fact.field, stated.value) for stated in fact.stated] or [""]
    return Cell(value=value, others=tuple(others))


def _one(visitor: Visitor, standings: Mapping[str, Standing]) -> Response:
    name: str = visitor.request.path_params["name"]
    wanted = range_of(visitor.query, default="30d")
    answers = answers_in(visitor, wanted, model=name)
    one = next((known for known in _known(visitor, answers) if known.name == name), None)
    if one is None:
        raise CallerError("not_found", f"There is no model {name[:80]!r}.")
    numbers = source_numbers(one.facts)
    report, simulated = _by_task(answers)
    return visitor.render(
        "model.html",
        name=name,
        range=wanted,
        lengths=tuple(LENGTHS),
        standings=_serving(name, standings),
        conflicts=len(one.conflicts),
        facts=[
            _told(fact, numbers, one.measured) for fact in one.facts if not fact.field.startswith(BENCHMARK)
        ],
        scores=[_told(fact, numbers, one.measured) for fact in one.facts if fact.field.startswith(BENCHMARK)],
        sources=list(_sources(one.facts, numbers)),
        lines=report.rows if len(report.rows) < 2 else (report.total, *report.rows),
        simulated=simulated,
    )


def _by_task(answers: Tallies) -> tuple[Report, bool]:
    """The numbers by task, and whether they are of simulated answers: those count only where there are no others."""
    real = {cell: tally for cell, tally in answers.items() if not cell.simulated}
    return summarise_tallies(real or answers, "task"), bool(answers) and not real


def _told(fact: Fact, numbers: Mapping[tuple[str, str], int], measured: Measured) -> Told:
    said = tuple(
        Said(
            value=value_text(fact.field, stated.value),
            sources=tuple(dict.fromkeys(numbers[claim.source, claim.date] for claim in stated.claims)),
            marks=marks_of(stated),
        )
        for stated in fact.stated
    )
    return Told(
        name=field_text(fact.field),
        said=(*said, *_measured_speeds(measured)) if fact.field == "tokens_per_second" else said,
        nothing=nothing_text(fact.field),
        conflict=fact.conflict,
    )


def _measured_speeds(measured: Measured) -> Iterator[Said]:
    """Right below what is claimed; all other measurements have no claim beside them."""
    for group, who in ((measured.real, "your traffic"), (measured.simulated, "simulated answers")):
        speed = group.speed.tokens_per_second if group else None
        if speed is not None and speed.p50 is not None:
            yield Said(value=f"{speed.p50:,.0f}", who=f"{who}, p50 of {speed.n:,}", marks=("measured",))


def _sources(facts: Sequence[Fact], numbers: Mapping[tuple[str, str], int]) -> Iterator[Source]:
    claims = [claim for fact in facts for stated in fact.stated for claim in stated.claims]
    for (name, date), number in numbers.items():
        own = [claim for claim in claims if (claim.source, claim.date) == (name, date)]
        yield Source(
            number=number,
            name=name,
            date=date,
            unverified=any(claim.unverified for claim in own),
            notes=tuple(dict.fromkeys(claim.note for claim in own if claim.note)),
        )


def _serving(model: str, standings: Mapping[str, Standing]) -> tuple[Standing, ...]:
    return tuple(one for one in standings.values() if one.deployment.model.name == model)


def _known(visitor: Visitor, answers: Tallies) -> list[ModelFacts]:
    reckoned = reckoned_by_model(visitor.home.runtime.state.settings.catalog)
    return known_models(reckoned, _shipped(), measured_by_tallies(answers))


@cache
def _shipped() -> tuple[Claim, ...]:
    return shipped_claims()


MODELS = PageRoute(path="/models", show=show_list, title="Models")
MODEL = PageRoute(path="/models/{name:path}", show=show_one)
