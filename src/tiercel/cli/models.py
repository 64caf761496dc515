"""`tiercel models`: what is published about each model, with who says so, beside what your own traffic measured.

Calls nobody. Published figures that contradict each other are all shown, and marked; measurements stand apart.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tiercel.cli.configuration import add_file_arguments, load_configuration
from tiercel.cli.report import EXACT_UP_TO, SPEED, Part, parse_since, per_success, table_of, tokens_per_second
from tiercel.domain.catalog import Catalog
from tiercel.domain.claims import BENCHMARK, PRICE_FIELDS
from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json
from tiercel.domain.money import usd_text
from tiercel.domain.settings import Storage
from tiercel.measure.amounts import UNKNOWN, count_text, dollars, percent, printable, rate_text
from tiercel.measure.model_words import field_text, marks_of, nothing_text, source_numbers, value_text
from tiercel.measure.models import (
    Fact,
    Measured,
    ModelFacts,
    Stated,
    known_models,
    measured_by_model,
    measured_by_tallies,
)
from tiercel.measure.report import Group
from tiercel.policy.claims import PRICE_KEYS, load_claims, reckoned_by_model, shipped_claims
from tiercel.policy.problems import nearest

CONFLICT = "!"
"""Stands before each of several figures that contradict each other."""
SCORES = {
    "Terminal-Bench 2.1": "Terminal-\nBench 2.1",
    "SWE-bench Pro": "SWE-bench\nPro",
    "MCP-Atlas": "MCP-\nAtlas",
    "BrowseComp": "Browse-\nComp",
    "ClawEval": "Claw-\nEval",
}
"""The usual benchmarks and their columns."""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "models", help="what is published about models, beside what was measured", description=__doc__
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one model, with every claim and its source")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--claims", type=Path, metavar="FILE", help="more claims, in a file such as docs/models.md shows"
    )
    parser.add_argument(
        "--since", type=parse_since, metavar="TIME", help="measure only requests since then: 24h, 7d, a date"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="the data folder (default: as for `tiercel report`)"
    )
    add_file_arguments(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print claims and measurements. Raises `ConfigError` for an unreadable file or a model nobody knows."""
    claims = (*shipped_claims(), *(load_claims(args.claims) if args.claims else ()))
    settings = load_configuration(args).settings
    catalog = settings.catalog
    known = known_models(reckoned_by_model(catalog), claims, _measured(args, settings.storage))
    if args.name is not None:
        known = [one for one in known if one.name == args.name] or _nobody_knows(args.name, known)
    if args.json:
        print(msgspec.json.format(msgspec.json.encode([as_json(one) for one in known]), indent=2).decode())
        return 0
    console = Console(highlight=False)
    if args.name is None:
        render(known, catalog, console)
    else:
        render_one(known[0], catalog, console)
    return 0


def _measured(args: argparse.Namespace, storage: Storage) -> dict[str, Measured]:
    # SQLAlchemy takes long to load, and nothing else needs it here
    from tiercel.records.query import is_empty, load_history
    from tiercel.records.summed import load_tallies

    folder, url = (args.data, None) if args.data else (Path(storage.folder), storage.database_url)
    if args.data is None and url is None and is_empty(folder):
        return {}
    tallies = load_tallies(folder, since=args.since, database_url=url)
    if sum(tally.counts["requests"] for tally in tallies.values()) > EXACT_UP_TO:
        return measured_by_tallies(tallies)
    history = load_history(folder, since=args.since, database_url=url)
    return measured_by_model(history.records, history.feedback)


def _nobody_knows(name: str, known: Sequence[ModelFacts]) -> list[ModelFacts]:
    names = [one.name for one in known]
    fix = nearest(name, names) or "; `tiercel models` lists those that are known"
    raise ConfigError(f"{name}: no such model{fix}")


def as_json(known: ModelFacts) -> Json:
    """One model as plain JSON values. Prices are decimal dollars per million tokens."""
    facts = {
        PRICE_KEYS.get(fact.field, fact.field): {
            "conflict": fact.conflict,
            "values": [_stated_json(fact.field, stated) for stated in fact.stated],
        }
        for fact in known.facts
    }
    return {"name": known.name, "claims": facts, "measured": dollars(msgspec.to_builtins(known.measured))}


def _stated_json(field: str, stated: Stated) -> Json:
    value = stated.value
    plain = (
        usd_text(value) if field in PRICE_FIELDS and isinstance(value, int) else msgspec.to_builtins(value)
    )
    keys = ("source", "date", "assumed", "unverified", "note")
    claims = [{key: getattr(claim, key) for key in keys} for claim in stated.claims]
    return {"value": plain, "reckoned_with": stated.reckoned, "claims": claims}


def render(known: Sequence[ModelFacts], catalog: Catalog, console: Console) -> None:
    """Print the overview of all models."""
    conflicts = sum(len(one.conflicts) for one in known)
    heading = f"Tiercel models: {len(known)}, {count_text(conflicts, 'conflict')} among what is published"
    console.print(Text(heading))
    console.print()
    console.print(_facts_table(known))
    console.print()
    console.print(_scores_table(known))
    render_measured(known, console)
    console.print()
    for line in _notes(known, catalog):
        console.print(Text(line))


def _facts_table(known: Sequence[ModelFacts]) -> Table:
    table = _plain_table("What is published; prices per million tokens", "model")
    for heading in ("input", "output", "window", "tok/s", "weights", "sources"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in known:
        sources = source_numbers(one.facts)
        table.add_row(
            Text(printable(one.name)),
            *(Text(_cell(one.fact(field), "unknown")) for field in ("input", "output")),
            *(Text(_cell(one.fact(field))) for field in ("window", "tokens_per_second", "open_weights")),
            Text(str(len(sources))),
        )
    return table


def _scores_table(known: Sequence[ModelFacts]) -> Table:
    table = _plain_table("Published benchmark scores; memory to run it oneself", "model")
    for heading in SCORES.values():
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("least\nmemory, GB", justify="right", no_wrap=True)
    for one in known:
        fields = (*(f"{BENCHMARK}{name}" for name in SCORES), "self_host_gb")
        table.add_row(Text(printable(one.name)), *(Text(_cell(one.fact(field))) for field in fields))
    return table


def _cell(fact: Fact, nothing: str = UNKNOWN) -> str:
    """All values of a fact, one below the other."""
    mark = f"{CONFLICT} " if fact.conflict else ""
    return "\n".join(mark + value_text(fact.field, stated.value) for stated in fact.stated) or nothing


def _notes(known: Sequence[ModelFacts], catalog: Catalog) -> Iterator[str]:
    yield f"{CONFLICT}: published figures differ; first what Tiercel routes and bills by"
    yield "-: no claim known. `tiercel models NAME` shows every claim with its source"
    unserved = [one.name for one in known if not catalog.serving(one.name)]
    if len(unserved) == len(known):
        yield "none can be called here: no provider has a key"
    elif unserved:
        yield f"cannot be called here, no provider with a key: {', '.join(unserved)}"


def render_one(one: ModelFacts, catalog: Catalog, console: Console) -> None:
    """Print every claim about one model with its sources."""
    conflicts = count_text(len(one.conflicts), "conflict")
    console.print(Text(f"Tiercel models: {printable(one.name)}, {conflicts} among what is published"))
    console.print(Text(_served_by(one.name, catalog)))
    console.print()
    numbers = source_numbers(one.facts)
    table = _plain_table("What is published; prices per million tokens", "")
    for heading in ("value", "sources", ""):
        table.add_column(heading, overflow="fold")
    for fact in one.facts:
        for position, stated in enumerate(fact.stated):
            name = "" if position else field_text(fact.field)
            table.add_row(*(Text(cell) for cell in (name, *_stated_cells(fact, stated, numbers))))
        if not fact.stated:
            table.add_row(Text(field_text(fact.field)), Text(nothing_text(fact.field)))
        if fact.field == "tokens_per_second":
            for cells in measured_speeds(one.measured):
                table.add_row("", *(Text(cell) for cell in cells))
    console.print(table)
    _render_sources(one.facts, numbers, console)
    render_measured([one], console)
    console.print()
    console.print(Text(f"{CONFLICT}: published figures differ. used: Tiercel routes and bills by it"))


def _served_by(name: str, catalog: Catalog) -> str:
    callable_here = [deployment.provider.name for deployment in catalog.serving(name)]
    keyless = [d for d in catalog.keyless.values() if d.model.name == name]
    lacking = [f"{d.provider.name} ({d.provider.key_env} is not set)" for d in keyless]
    return f"Served by: {', '.join((*callable_here, *lacking)) or 'no provider of yours'}"


def _stated_cells(fact: Fact, stated: Stated, numbers: dict[tuple[str, str], int]) -> tuple[str, str, str]:
    mark = f"{CONFLICT} " if fact.conflict else ""
    says = " ".join(f"[{numbers[claim.source, claim.date]}]" for claim in stated.claims)
    return mark + value_text(fact.field, stated.value), says, ", ".join(marks_of(stated))


def measured_speeds(measured: Measured) -> Iterator[tuple[str, str, str]]:
    """What was measured, to stand right below what is claimed: the value, who says so, and on how many answers."""
    for group, who in ((measured.real, "your traffic"), (measured.simulated, "SIMULATED")):
        speed = group.speed.tokens_per_second if group else None
        if speed is not None and speed.p50 is not None:
            yield tokens_per_second(speed.p50), who, f"measured, p50 of n {speed.n}"


def _render_sources(facts: Sequence[Fact], numbers: dict[tuple[str, str], int], console: Console) -> None:
    claims = [claim for fact in facts for stated in fact.stated for claim in stated.claims]
    if numbers:
        console.print(Text("\nSources", style="bold"))
    for (source, date), number in numbers.items():
        own = [claim for claim in claims if (claim.source, claim.date) == (source, date)]
        unverified = ", unverified" if any(claim.unverified for claim in own) else ""
        console.print(Text(printable(f"[{number}] {source}")), soft_wrap=True)
        notes = dict.fromkeys(claim.note for claim in own if claim.note)
        about = f"{date or 'undated'}{unverified}" + "".join(f". {note}" for note in notes)
        console.print(Padding(Text(printable(about)), (0, 0, 0, 4)))


def render_measured(known: Sequence[ModelFacts], console: Console) -> None:
    """Print what was measured, real and simulated answers in tables of their own."""
    real = [one.measured.real for one in known if one.measured.real]
    simulated = [one.measured.simulated for one in known if one.measured.simulated]
    if not real and not simulated:
        console.print(Text("\nMeasured on your traffic: nothing yet.", style="bold"))
        console.print('Next: send requests to `tiercel serve` with model "auto", or try `tiercel demo`.')
        return
    if real:
        _render_groups("Measured on your traffic", real, console)
    if simulated:
        _render_groups("SIMULATED: the lab answered, which says nothing of these models", simulated, console)
    error = max(one.measured.percentile_error for one in known)
    if error:
        console.print(Text(f"p50, p95: within {percent(error)}; all other numbers are exact"))


def _render_groups(title: str, groups: Sequence[Group], console: Console) -> None:
    console.print()
    console.print(Text(title, style="bold"))
    for part in (QUALITY, SPEED):
        console.print(table_of(part, "model", groups))


def _plain_table(title: str, first: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title=title, title_justify="left")
    table.title_style = table.header_style = "bold"
    table.add_column(first, overflow="fold")
    return table


QUALITY = Part(
    "Success and cost",
    (
        ("requests", lambda g: str(g.requests)),
        ("success", lambda g: percent(g.quality.success.share)),
        ("per\nsuccess", lambda g: per_success(g.cost)),
        ("calls", lambda g: str(g.calls.n)),
        ("failed", lambda g: percent(g.calls.failed.share)),
        ("format\nvalid", lambda g: rate_text(g.calls.format_valid)),
    ),
)
