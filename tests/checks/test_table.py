"""`table` finds a Markdown table of the wanted shape."""

import pytest

from tests.checks.build import measure
from tiercel.checks.table import TableCheck, find_tables
from tiercel.domain.json import JsonObject

GOOD = "Here:\n\n| City | **Size** |\n|------|:----:|\n| Bern | 1 |\n| Graz | 2 |\n\nThat is all."
BARE = "City | Size\n--- | ---\nBern | 1"
RAGGED = "| City | Size |\n|---|---|\n| Bern | 1 | x |\n"
ESCAPED = "| City | Size |\n|---|---|\n| a \\| b | 1 |\n"
NO_DELIMITER = "| City | Size |\n| Bern | 1 |\n"


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        (GOOD, {}, "a table as wanted"),
        (GOOD, {"columns": ["size", "City"], "min_rows": 2, "max_rows": 2}, "a table as wanted"),
        (GOOD, {"columns": ["Country"]}, "no column 'Country'"),
        (GOOD, {"min_rows": 3}, "2 rows, wanted at least 3"),
        (GOOD, {"max_rows": 1}, "2 rows, wanted at most 1"),
        (BARE, {}, "a table as wanted"),
        (ESCAPED, {}, "a table as wanted"),
        (RAGGED, {}, "row 1 has 3 cells, the header 2"),
        (RAGGED + "\n" + GOOD, {}, "a table as wanted"),
        (NO_DELIMITER, {}, "no Markdown table"),
        ("no table | at all", {}, "no Markdown table"),
        ("", {}, "no Markdown table"),
    ],
)
async def test_reason_says_what_the_table_lacks(text: str, options: JsonObject, reason: str) -> None:
    verdict = await measure(TableCheck(), text, options)
    assert (verdict.reason, verdict.score) == (reason, float(reason == "a table as wanted"))


def test_empty_cells_count() -> None:
    [table] = find_tables("| a | b |\n|---|---|\n| | |\n")
    assert table.rows == [["", ""]]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"min_rows": 3, "max_rows": 2}, "max_rows 2 is below min_rows 3: swap them"),
        ({"min_rows": -1}, "min_rows is -1: give 0 or more"),
        ({"columns": "City"}, "options: Expected `array`, got `str` - at `$.columns`"),
    ],
)
def test_bad_options_are_named(options: JsonObject, problem: str) -> None:
    assert TableCheck().problems(options) == [problem]
