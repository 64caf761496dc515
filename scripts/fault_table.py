"""Runs the fault matrix and writes what came out into `docs/faults.md`: `python -m scripts.fault_table`.

The cells are those of `tests/gateway/test_faults.py`, run in the same way and judged by the same oracle; a cell that is
not as it should be says `FAILED`, and the command ends with 1. With `--check` nothing is written.
"""

import argparse
import asyncio
import datetime
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.gateway.faults.cases import ALL, CASES, Case
from tests.gateway.faults.clients import CLIENTS
from tests.gateway.faults.matrix import Cell, cells_of
from tests.gateway.faults.told import RAISED, Raised, complaints, raised_in_stream

from tiercel.domain.request import Format

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
BLOCK = "<!-- faults: {name} -->\n"
END = "<!-- end -->"
COMMAND = "python -m scripts.fault_table"
AT_ONCE = 4
"""Faults at a time: most of them only wait."""

Ran = tuple[Case, Format, tuple[Cell, ...]]


async def run_all(cases: Sequence[Case]) -> list[Ran]:
    """Every case at each of its upstream formats."""
    room = asyncio.Semaphore(AT_ONCE)

    async def run(case: Case, upstream: Format) -> Ran:
        async with room:
            with tempfile.TemporaryDirectory() as folder:
                return case, upstream, await cells_of(case, upstream, Path(folder))

    return await asyncio.gather(*(run(case, upstream) for case in cases for upstream in case.upstreams))


def outcome(ran: Iterable[Ran], *, stream: bool, backed: bool) -> str:
    """What all four clients got of one fault; several things where the upstream's format makes a difference."""
    words = []
    for case, upstream, cells in ran:
        for cell in cells:
            if (cell.stream, cell.backed) == (stream, backed):
                wrong = complaints(case, upstream, cell)
                words.append(f"FAILED ({cell.client}, {upstream})" if wrong else in_words(cell))
    return " or ".join(dict.fromkeys(words)) or "–"


def in_words(cell: Cell) -> str:
    """A cell that is as it should be."""
    problem = cell.record.problem
    match cell.record.outcome:
        case "passed" if len(cell.record.attempts) > 1:
            return "answered by the other"
        case "passed":
            return "answered"
        case "marked":
            return "the empty answer, marked"
        case "refused":
            return "the refusal"
        case "broken":
            return f"part, then `{problem}`"
        case _:
            wait = cell.seen.headers.get("retry-after")
            again = f", Retry-After {wait}" if wait else ""
            return f"`{problem}`{again}"


def fault_rows(ran: Sequence[Ran]) -> Iterable[tuple[str, ...]]:
    """One row a fault."""
    for case in dict.fromkeys(case.name for case, *_ in ran):
        its = [one for one in ran if one[0].name == case]
        found = its[0][0]
        upstreams = "all" if len(its) == len(ALL) else ", ".join(upstream for _, upstream, _ in its)
        cells = (
            outcome(its, stream=stream, backed=backed) for stream in (False, True) for backed in (True, False)
        )
        yield (found.row, f"`{found.name}`", found.about, upstreams, *cells)


def told_rows(ran: Sequence[Ran]) -> Iterable[tuple[str, ...]]:
    """One row a problem, as each SDK raised it."""
    met = {cell.record.problem for _, _, cells in ran for cell in cells}
    broken = {cell.record.problem for *_, cells in ran for cell in cells if cell.record.outcome == "broken"}
    for told in RAISED:
        if told in met:
            yield (f"`{told}`", *(in_one_cell(RAISED[told][client]) for client in CLIENTS))
        if told in broken:
            inside = (in_one_cell(raised_in_stream(told, client)) for client in CLIENTS)
            yield (f"`{told}` in a stream", *inside)


def in_one_cell(raised: Raised) -> str:
    """An SDK's exception."""
    status = "" if raised.status is None else f" {raised.status}"
    word = "" if raised.word is None else f" `{raised.word}`"
    return f"`{raised.error}`{status}{word}"


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rewritten(page: str, name: str, text: str) -> str:
    """The page with this block replaced."""
    beginning = re.escape(BLOCK.format(name=name))
    found = re.compile(f"({beginning}).*?({END})", re.DOTALL)
    if not found.search(page):
        raise SystemExit(f"{PAGE} has no block {name!r}")
    return found.sub(lambda match: match[1] + text + match[2], page)


def main() -> int:
    """Run, write, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    only_check = parser.parse_args().check
    began = time.monotonic()
    ran = asyncio.run(run_all(CASES))
    seconds = time.monotonic() - began
    cells = sum(len(cells) for *_, cells in ran)
    failed = [
        f"{case.row} {case.name} at {upstream}, {cell.name}: {wrong}"
        for case, upstream, found in ran
        for cell in found
        for wrong in complaints(case, upstream, cell)
    ]
    print(*failed, sep="\n", end="\n" if failed else "")
    today = datetime.datetime.now(tz=datetime.UTC).date()
    summary = f"{today}, `{COMMAND}`: {len(CASES)} faults, {cells:,} cells, {len(failed)} of them failed.\n"
    print(f"{summary.strip()} It took {seconds:.0f} s.")
    if not only_check:
        head = ("", "fault", "what happens", "upstream formats")
        columns = ("whole, with another", "whole, alone", "stream, with another", "stream, alone")
        page = rewritten(PAGE.read_text("utf-8"), "date", summary)
        page = rewritten(page, "table", grid((*head, *columns), fault_rows(ran)))
        page = rewritten(
            page, "told", grid(("told as", *(f"{client} client" for client in CLIENTS)), told_rows(ran))
        )
        PAGE.write_text(page, "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
