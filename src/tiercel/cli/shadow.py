"""`tiercel shadow`: how candidates do on copies of requests, beside what was delivered."""

import argparse
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.amounts import count_text, dollars, duration, money, percent, printable
from tiercel.cli.configuration import SETTINGS_FILE
from tiercel.cli.report import parse_since, storage_of
from tiercel.domain.settings import Storage
from tiercel.measure.pairs import PairNumbers, SideNumbers, numbers_of

NOTES = (
    "passed: every gate of the rule that calls no model; failed: nobody answered",
    "only one side passed: pairs that tell the two apart, the live side first",
    "cost: of all calls; of the live side what its requests cost anyway",
    "These are counts. Whether a candidate may take over, they do not say.",
)


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "shadow", help="how candidates do on copies of requests", description=__doc__
    )
    commands = parser.add_subparsers(dest="shadow_command", metavar="COMMAND", required=True)
    status = commands.add_parser(
        "status",
        help="pairs by rule and candidate",
        description="Pairs by rule and candidate: what the checks, the clock and the bill say of both sides.",
    )
    status.add_argument("--rule", metavar="NAME", help="only pairs of this rule")
    status.add_argument(
        "--since",
        type=parse_since,
        metavar="TIME",
        help="only requests that came since then: 90m, 24h, 7d, 2w ago, or an ISO date such as 2026-08-01 (UTC)",
    )
    status.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help=f"the data folder (default: the one that ./{SETTINGS_FILE} names, else {Storage().folder})",
    )
    status.add_argument("--json", action="store_true", help="print all numbers as JSON")
    status.set_defaults(func=run_status)


def run_status(args: argparse.Namespace) -> int:
    """Print the pairs. Raises `ConfigError` where nothing was recorded yet."""
    # SQLAlchemy takes long to load, and no other command needs it here
    from tiercel.records.pairs import each_pair

    storage = storage_of(args.data)
    found = numbers_of(
        each_pair(Path(storage.folder), since=args.since, rule=args.rule, database_url=storage.database_url)
    )
    if args.json:
        plain = dollars(msgspec.to_builtins(found))
        print(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode())
    else:
        render(found, Console(highlight=False))
    return 0


def render(found: list[PairNumbers], console: Console) -> None:
    """Print the pairs; without any, what to do to have some."""
    if not found:
        console.print("No copy was answered in this time.", soft_wrap=True)
        console.print(
            "Next: give a rule of policy.toml a `shadow` table (docs/modes/shadow.md).", soft_wrap=True
        )
        return
    total = sum(one.pairs for one in found)
    spent = sum(one.spent_nano for one in found)
    console.print(Text(f"{count_text(total, 'pair')}; the copies cost {money(spent)}"))
    simulated = sum(one.simulated for one in found)
    if simulated:
        every = "All copies" if simulated == total else f"{simulated} of {total} copies"
        console.print(Text(f"{every} were answered by simulated providers."))
    console.print()
    console.print(_table(found))
    console.print()
    for note in NOTES:
        console.print(Text(note))


def _table(found: list[PairNumbers]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.header_style = "bold"
    table.add_column("rule, candidate", overflow="fold", vertical="bottom")
    for column in ("pairs", "passed", "failed", "only one\nside passed", "p50", "cost"):
        table.add_column(column, justify="right", vertical="bottom", no_wrap=True)
    for one in found:
        who = f"{one.rule} ({one.run})" if one.run else one.rule
        table.add_row(Text(printable(who)), str(one.pairs), *_cells(one.live, one.only_live))
        table.add_row(Text(f"  {printable(one.candidate)}"), "", *_cells(one.shadow, one.only_shadow))
    return table


def _cells(side: SideNumbers, alone: int) -> tuple[str, ...]:
    cost = money(side.known_nano) + ("+" if side.unpriced else "")
    seconds = duration(side.seconds.p50)
    return (percent(side.passed.share), str(side.failed), str(alone), seconds, cost)
