"""The pairs of copies as a table: what the checks, the clock and the bill say of both sides."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiercel.measure.amounts import count_text, duration, money, percent, printable
from tiercel.measure.pairs import PairNumbers, SideNumbers

NOTES = (
    "passed: every gate of the rule that calls no model; failed: nobody answered",
    "only one side passed: pairs that tell the two apart, the live side first",
    "cost: of all calls; of the live side what its requests cost anyway",
    "These are counts. Whether a candidate may take over, only the verdict of a registered run says.",
)


def render(found: list[PairNumbers], console: Console) -> None:
    """Print the pairs; without any, what to do to have some."""
    if not found:
        console.print("No copy was answered in this time.", soft_wrap=True)
        console.print(
            "Next: `tiercel shadow start`, or give a rule of policy.toml a `shadow` table (docs/modes/shadow.md).",
            soft_wrap=True,
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
