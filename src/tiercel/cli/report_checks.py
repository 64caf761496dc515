"""`tiercel report --checks`: what each check did, cost and saved, in tables of 80 columns or as JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.cli.amounts import period_text
from tiercel.domain.settings import Storage
from tiercel.measure.amounts import duration, money
from tiercel.measure.checks_account import Account, Line, account_of


class Part(NamedTuple):
    """One table: its title, its columns after the name, and which rungs have something to say in it."""

    title: str
    columns: tuple[tuple[str, Callable[[Line], str]], ...]
    concerns: Callable[[Line], bool]


NOTES = (
    "missed: did not pass its gate; changed: the client got another answer for it",
    "calls: of the ladder after a miss, until the next one; asked: second models",
    "own time: the check's, with waiting for those that it asked; in all",
    "kept: let go, or another elected, though there is a next rung; n of them",
    "saved: what their tokens cost at the next rung, less what the climbs cost",
    "lost: what answers cost that went up all the same, and opinions in vain",
    "An answer counts with every check that measured it: do not add checks up.",
    "Whether an answer that was let go is right, no check here knows.",
)
UNPRICED = "+: some calls have no known price; tiercel.toml may give models prices"


def made_account(storage: Storage, since: float | None) -> Account:
    """The account of what was recorded. Raises `ConfigError`."""
    # SQLAlchemy takes long to load, and no other command needs it here
    from tiercel.records.summed import load_check_tallies

    return account_of(
        load_check_tallies(Path(storage.folder), since=since, database_url=storage.database_url)
    )


def render_account(account: Account, console: Console) -> None:
    """Print the account; without any, why there is none."""
    if not account.checks:
        console.print("No check measured an answer in this time.", soft_wrap=True)
        return
    console.print(Text(f"Tiercel report: checks, {period_text(account.since, account.until)}"))
    measured = sum(line.done.measured for line in account.checks)
    simulated = sum(line.done.simulated for line in account.checks)
    if simulated:
        every = "All" if simulated == measured else f"{simulated} of {measured}"
        console.print(Text(f"{every} measured answers came from simulated providers."))
    for part in PARTS:
        console.print()
        console.print(_table(part, account))
    console.print()
    for note in NOTES:
        console.print(Text(note))
    if any(line.caused.unpriced for line in account.checks):
        console.print(Text(UNPRICED))


def _table(part: Part, account: Account) -> Table:
    """Each check altogether, and below it its rungs."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title=part.title, title_justify="left")
    table.title_style = table.header_style = "bold"
    table.add_column("check, at rung", vertical="bottom", overflow="fold")
    for column, _ in part.columns:
        table.add_column(column, justify="right", vertical="bottom", no_wrap=True)
    for check in account.checks:
        rungs = [line for line in account.rungs if line.check == check.check and part.concerns(line)]
        named = [(check.check, check), *((f"  {line.rung}", line) for line in rungs)]
        for name, line in named:
            table.add_row(Text(name), *(Text(cell(line)) for _, cell in part.columns))
    return table


def _count(of: Callable[[Line], int]) -> Callable[[Line], str]:
    return lambda line: str(of(line))


def _cost(line: Line) -> str:
    return money(line.caused.total_nano) + ("+" if line.caused.unpriced else "")


PARTS = (
    Part(
        "What checks found",
        (
            ("n", _count(lambda line: line.done.measured)),
            ("errors", _count(lambda line: line.done.errors)),
            ("missed", _count(lambda line: line.done.missed)),
            ("changed", _count(lambda line: line.done.changed)),
        ),
        lambda line: True,
    ),
    Part(
        "What was done about it",
        (
            ("re-\nasked", _count(lambda line: line.done.re_asked)),
            ("esca-\nlated", _count(lambda line: line.done.escalated)),
            ("elected", _count(lambda line: line.done.elected)),
            ("repaired", _count(lambda line: line.done.repaired)),
        ),
        lambda line: line.done.missed > 0 or line.done.repaired > 0 or line.done.elected > 0,
    ),
    Part(
        "What it cost",
        (
            ("asked", _count(lambda line: line.caused.asked)),
            ("calls", _count(lambda line: line.caused.calls)),
            ("cost", _cost),
            ("own\ntime", lambda line: duration(line.caused.own_seconds)),
            ("time of\ncalls", lambda line: duration(line.caused.calls_seconds)),
        ),
        lambda line: line.caused.asked > 0 or line.caused.calls > 0,
    ),
    Part(
        "Against always asking the next rung",
        (
            ("kept", _count(lambda line: line.saved.kept)),
            ("saved", lambda line: money(line.saved.saved_nano)),
            ("went\nup", _count(lambda line: line.saved.sent_on)),
            ("lost", lambda line: money(line.saved.lost_nano)),
            ("net", lambda line: money(line.saved.net_nano)),
        ),
        lambda line: line.saved.kept > 0 or line.saved.sent_on > 0 or line.saved.lost_nano > 0,
    ),
)
