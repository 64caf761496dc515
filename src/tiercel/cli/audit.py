"""`tiercel audit`: where each task really runs, what its rules rest on, and what is worth an evaluation.

Reads records, policy and prices; calls nobody and changes nothing. It recommends no switch: it lists what to evaluate.
"""

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.configuration import add_file_arguments, load_configuration
from tiercel.cli.report import parse_since, per_success
from tiercel.domain.catalog import Catalog
from tiercel.domain.json import Json
from tiercel.domain.settings import Storage
from tiercel.measure.amounts import UNKNOWN, count_text, dollars, money, percent, printable
from tiercel.measure.audit import LEAST_SAVING, Audit, audit_sums, price_borders
from tiercel.measure.audit_words import BASES, candidate_notes, numbers_text, rule_warnings
from tiercel.measure.models import disputed_prices, known_models
from tiercel.policy.claims import reckoned_by_model, shipped_claims
from tiercel.policy.evidence import evidence_ages
from tiercel.records.tally import Tallies
from tiercel.records.uses import Uses

MOST_SHOWN = 12
"""So many candidates are printed; all of them are in the JSON."""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "audit", help="where tasks run, on what evidence, what to evaluate", description=__doc__
    )
    parser.add_argument(
        "--since",
        type=parse_since,
        metavar="TIME",
        help="only requests since then: 24h, 30d, 2w, an ISO date",
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="the data folder (default: as for `tiercel report`)"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    add_file_arguments(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print the audit. Raises `ConfigError` where files cannot be read."""
    loaded = load_configuration(args)
    rules = loaded.policy.rules
    catalog = loaded.settings.catalog
    answers, uses = _sums(args, loaded.settings.storage, catalog)
    ages = evidence_ages(rules, datetime.now(UTC).date())
    result = audit_sums(answers, uses, rules, ages, catalog)
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(as_json(result)), indent=2).decode())
    else:
        known = known_models(reckoned_by_model(catalog), shipped_claims(), {})
        render(result, Console(highlight=False), disputed_prices(known))
    return 0


def _sums(args: argparse.Namespace, storage: Storage, catalog: Catalog) -> tuple[Tallies, Uses]:
    # SQLAlchemy takes long to load, and no other command needs it here
    from tiercel.records.query import is_empty
    from tiercel.records.summed import load_audit

    folder, url = (args.data, None) if args.data else (Path(storage.folder), storage.database_url)
    if args.data is None and url is None and is_empty(folder):
        return {}, {}
    return load_audit(folder, price_borders(catalog), since=args.since, database_url=url)


def as_json(result: Audit) -> Json:
    """The audit as plain JSON values, money in decimal dollars."""
    plain: dict[str, Any] = msgspec.to_builtins(result)
    for shown, rule in zip(plain["rules"], result.rules, strict=True):
        shown["stale"] = rule.stale
    for shown, candidate in zip(plain["candidates"], result.candidates, strict=True):
        shown["usd"], shown["candidate_usd"] = (
            dollars({"cost_nano": shown.pop(key)})["cost_usd"] for key in ("nano", "candidate_nano")
        )
        shown["saving"] = candidate.saving
    return dollars(plain)


def render(result: Audit, console: Console, disputed: frozenset[str] = frozenset()) -> None:
    """Print the audit; without records, what the rules rest on and what to do to have some."""
    for line in _heading(result):
        console.print(Text(line))
    if result.records:
        console.print()
        console.print(_placements_table(result))
    console.print()
    console.print(_rules_table(result))
    for line in rule_warnings(result.rules):
        console.print(Text(line))
    console.print()
    if result.records:
        _render_candidates(result, disputed, console)
    else:
        console.print('Next: send requests to `tiercel serve` with model "auto", or try `tiercel demo`.')


def _heading(result: Audit) -> Iterator[str]:
    if not result.records:
        yield "Tiercel audit: no requests were recorded in this time."
        return
    yield f"Tiercel audit: {count_text(result.records, 'request')}, {day(result.since)} to {day(result.until)}"
    if result.simulated:
        yield "SIMULATED: the lab answered all of them; none of it says anything of models."
    elif result.left_out:
        yield f"{count_text(result.left_out, 'simulated request')} left out."


def day(moment: float | None) -> str:
    """A moment's day, UTC."""
    return UNKNOWN if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def _table(title: str, folded: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title=title, title_justify="left")
    table.title_style = table.header_style = "bold"
    for heading in folded:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _placements_table(result: Audit) -> Table:
    columns = ("since", "n", "success", "per\nsuccess")
    table = _table("Where tasks run", ("task\nby rule", "answered by\nin tier"), columns)
    for one in result.placements:
        by = "nobody\n" if one.model is None else f"{printable(one.model)}\n{printable(one.tier or 'none')}"
        table.add_row(
            Text(f"{printable(one.task)}\n{printable(one.rule or 'none')}"),
            Text(by),
            Text(day(one.since)),
            Text(str(one.requests)),
            Text(percent(one.success.share)),
            Text(per_success(one.cost)),
        )
    return table


def _rules_table(result: Audit) -> Table:
    table = _table("What the rules rest on", ("rule",), ("n", "last used", "evidence", "days old"))
    table.add_column("source", overflow="fold")
    for rule in result.rules:
        evidence = rule.evidence
        table.add_row(
            Text(printable(rule.name or "none") + ("" if rule.in_policy else " *")),
            Text(str(rule.requests)),
            Text(day(rule.until)),
            Text(evidence.date if evidence else "none"),
            Text(UNKNOWN if rule.evidence_days is None else str(rule.evidence_days)),
            Text(printable(evidence.source) if evidence else ""),
        )
    return table


def _render_candidates(result: Audit, disputed: frozenset[str], console: Console) -> None:
    share = f"{100 * LEAST_SAVING:.0f} %"
    if not result.candidates:
        console.print(Text("Worth an evaluation", style="bold"))
        console.print(Text(f"Nothing here that could serve this traffic is cheaper by {share} or more."))
        return
    shown = result.candidates[:MOST_SHOWN]
    title = f"Worth an evaluation: cheaper by {share} or more; most to save first"
    table = _table(title, ("task\nanswered by", "evaluate\nbecause of"), ("now", "then", "saves", "n"))
    for one in shown:
        marks = " *" * (not one.callable) + " !" * (one.candidate in disputed)
        table.add_row(
            Text(f"{printable(one.task)}\n{printable(one.model)}"),
            Text(f"{printable(one.candidate)}{marks}\n{BASES[one.basis]}"),
            Text(money(one.nano)),
            Text(money(one.candidate_nano)),
            Text(percent(one.saving)),
            Text(numbers_text(one)),
        )
    console.print(table)
    if len(result.candidates) > len(shown):
        console.print(Text(f"... and {len(result.candidates) - len(shown)} more: tiercel audit --json"))
    console.print()
    for line in candidate_notes(shown, disputed):
        console.print(Text(line))
