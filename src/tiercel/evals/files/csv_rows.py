"""CSV as rows: columns are variables, but for those that promptfoo writes with two underscores, and an item's own."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import JsonObject
from tiercel.evals.files.documents import read_whole
from tiercel.evals.files.short_form import as_number
from tiercel.evals.files.tables import ALIASES

EXPECTED = re.compile(r"__expected(\d*)\Z")
METADATA = re.compile(r"__metadata:(.+?)(\[\])?\Z")
CONFIG = re.compile(r"__config:__expected(\d*):(threshold|weight|metric)\Z")
OWN = frozenset(("id", "input", "target", *ALIASES)) - {"messages"}
"""Columns that mean the same as in a line of JSON. They are variables as well, as promptfoo takes them."""
MAX_FIELD = 16_000_000

Short = Callable[[str], JsonObject]
"""Reads the short form of an expectation."""
Complain = Callable[[int, str], None]
"""Takes what is wrong with the row that begins on a line."""
Tell = Callable[[str], None]
"""The same for one row."""


def csv_rows(path: Path, name: str, short: Short, complain: Complain) -> Iterator[tuple[int, JsonObject]]:
    """Each row with the line it begins on. Raises `ConfigError` where it is no table; blank rows are no items.

    `complain` is told of rows that are none, and of columns that mean nothing; the other rows and columns still count.
    """
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(io.StringIO(read_whole(path), newline=""), strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        _check_header(header, name, partial(complain, 1))
        before = reader.line_num
        for fields in reader:
            line, before = before + 1, reader.line_num
            if not any(field.strip() for field in fields):
                continue
            if len(fields) != len(header):
                complain(
                    line,
                    f"{len(fields)} fields under {len(header)} columns; a field with a comma stands in quotes",
                )
                continue
            yield line, _row(dict(zip(header, fields, strict=True)), short, partial(complain, line))
    except csv.Error as error:
        raise ConfigError(f"{name}: line {reader.line_num}: not CSV: {error}") from error


def _check_header(header: list[str], name: str, tell: Tell) -> None:
    if not header:
        raise ConfigError(f"{name}: is empty; the first line names the columns")
    for column in header:
        if header.count(column) > 1 or not column:
            raise ConfigError(f"{name}: line 1: the column {column!r} has no name of its own")
        known = (
            EXPECTED.match(column)
            or METADATA.match(column)
            or CONFIG.match(column)
            or column in ("__metric", "__threshold", "__description")
        )
        if column.startswith("__") and not known:
            tell(
                f"the column {column!r} is not known; there are __expected, __expected1 …, "
                "__metric, __threshold, __description, __metadata:NAME and __config:__expected:threshold"
            )


def _row(fields: dict[str, str], short: Short, tell: Tell) -> JsonObject:
    row: JsonObject = {}
    variables: JsonObject = {}
    metadata: JsonObject = {}
    expected: dict[str, JsonObject] = {}
    for column, text in fields.items():
        if column.startswith("__"):
            _special(column, text, row, metadata, expected, short)
            continue
        variables[column] = text
        if column in OWN and text:
            row[column] = text
    for column, text in fields.items():
        configured = CONFIG.match(column)
        if configured is not None and text.strip():
            _configure(configured, text.strip(), expected, tell)
    metric = fields.get("__metric", "").strip()
    if metric:
        for one in expected.values():
            one.setdefault("metric", metric)
    row["vars"] = variables
    if expected:
        row["assert"] = list(expected.values())
    if metadata:
        row["metadata"] = metadata
    return row


def _special(
    column: str,
    text: str,
    row: JsonObject,
    metadata: JsonObject,
    expected: dict[str, JsonObject],
    short: Short,
) -> None:
    text = text.strip()
    if not text:
        return
    if column == "__threshold":
        row["threshold"] = as_number(text)
    elif column == "__description":
        row["description"] = text
    elif (named := METADATA.match(column)) is not None:
        metadata[named[1]] = [one.strip() for one in text.split(",")] if named[2] else text
    elif (numbered := EXPECTED.match(column)) is not None:
        expected[numbered[1] or "1"] = short(text)


def _configure(configured: re.Match[str], text: str, expected: dict[str, JsonObject], tell: Tell) -> None:
    one = expected.get(configured[1] or "1")
    if one is None:
        tell(f"{configured[0]} is given, and __expected{configured[1]} is empty")
        return
    one[configured[2]] = text if configured[2] == "metric" else as_number(text)
