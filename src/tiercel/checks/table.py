"""Does the answer hold a Markdown table of the wanted shape?"""

import re

import msgspec

from tiercel.checks.check import Ask, CheckInfo, Subject, option_problems, read_options
from tiercel.domain.climb import Verdict
from tiercel.domain.json import JsonObject

NAME = "table"

DELIMITER_CELL = re.compile(r":?-+:?")
CELL_BORDER = re.compile(r"(?<!\\)\|")


class TableOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the table must have; column names are compared without case, emphasis and white space at their ends."""

    columns: tuple[str, ...] = ()
    min_rows: int = 1
    max_rows: int | None = None


class Table(msgspec.Struct, frozen=True):
    """A Markdown table: the header's cells and those of each row below the delimiter."""

    header: list[str]
    rows: list[list[str]]


class TableCheck:
    """1 if some table of the answer has the columns, a number of rows within bounds, and no ragged row."""

    info = CheckInfo(
        name=NAME,
        summary="the answer holds a Markdown table, every row as wide as its header",
        options={
            "columns": "list of column names that must be present, in any order",
            "min_rows": "fewest rows below the header (default 1)",
            "max_rows": "most rows below the header",
        },
    )

    def problems(self, options: JsonObject) -> list[str]:
        found = option_problems(TableOptions, options)
        if found:
            return found
        wanted = read_options(TableOptions, options)
        if wanted.min_rows < 0:
            found.append(f"min_rows is {wanted.min_rows}: give 0 or more")
        if wanted.max_rows is not None and wanted.max_rows < wanted.min_rows:
            found.append(f"max_rows {wanted.max_rows} is below min_rows {wanted.min_rows}: swap them")
        return found

    async def measure(self, subject: Subject, options: JsonObject, ask: Ask | None) -> Verdict:
        wanted = read_options(TableOptions, options)
        if silent := subject.nothing_to_read:
            return Verdict(check=NAME, score=1.0, reason=silent)
        complaints = [complaint(table, wanted) for table in find_tables(subject.choice.text)]
        if None in complaints:
            return Verdict(check=NAME, score=1.0, reason="a table as wanted")
        reason = (complaints[0] if complaints else None) or "no Markdown table"
        return Verdict(
            check=NAME,
            score=0.0,
            reason=reason,
            message=f"The answer needs a Markdown table; yours: {reason}. Give the whole answer again.",
        )


def find_tables(text: str) -> list[Table]:
    """Every table: a header line, a delimiter line of as many cells, and the lines with a `|` that follow."""
    lines = text.splitlines()
    tables: list[Table] = []
    place = 1
    while place < len(lines):
        header, delimiter = split_row(lines[place - 1]), split_row(lines[place])
        if not _heads_a_table(header, delimiter):
            place += 1
            continue
        rows: list[list[str]] = []
        place += 1
        while place < len(lines) and "|" in lines[place]:
            rows.append(split_row(lines[place]))
            place += 1
        tables.append(Table(header, rows))
    return tables


def split_row(line: str) -> list[str]:
    """The cells of a line; none where it has no `|`. An escaped `|` is part of its cell."""
    if "|" not in line:
        return []
    line = line.strip().removeprefix("|")
    cells = [cell.strip() for cell in CELL_BORDER.split(line)]
    return cells[:-1] if len(cells) > 1 and cells[-1] == "" else cells


def complaint(table: Table, wanted: TableOptions) -> str | None:
    """What this table lacks, or `None` where it is as wanted."""
    names = {_plain(cell) for cell in table.header}
    missing = [column for column in wanted.columns if _plain(column) not in names]
    if missing:
        return f"no column {missing[0]!r}"
    if len(table.rows) < wanted.min_rows:
        return f"{len(table.rows)} rows, wanted at least {wanted.min_rows}"
    if wanted.max_rows is not None and len(table.rows) > wanted.max_rows:
        return f"{len(table.rows)} rows, wanted at most {wanted.max_rows}"
    for number, row in enumerate(table.rows, start=1):
        if len(row) != len(table.header):
            return f"row {number} has {len(row)} cells, the header {len(table.header)}"
    return None


def _heads_a_table(header: list[str], delimiter: list[str]) -> bool:
    return (
        bool(header)
        and len(header) == len(delimiter)
        and all(DELIMITER_CELL.fullmatch(cell) for cell in delimiter)
    )


def _plain(cell: str) -> str:
    return cell.strip(" \t*_`").casefold()
