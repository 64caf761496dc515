"""The flat rows as lines of JSON, as CSV, and as Parquet."""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from tiercel.domain.errors import ConfigError
from tiercel.domain.json import Json, JsonObject
from tiercel.evals.exporting.rows import COLUMNS, as_json, flat_rows
from tiercel.evals.run_folder import RunFolder

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that spreadsheets would run."""
ROWS_AT_ONCE = 5_000


def json_lines(run: RunFolder) -> Iterator[bytes]:
    """A line for each answer, each with every column."""
    encode = msgspec.json.Encoder().encode
    for row in flat_rows(run):
        yield encode(row) + b"\n"


def csv_lines(run: RunFolder) -> Iterator[bytes]:
    """The table with its header. Lists and objects are JSON; a text that a spreadsheet would run gets an apostrophe."""
    yield _line(list(COLUMNS))
    for row in flat_rows(run):
        yield _line([_cell(row[name], kind == "json") for name, kind in COLUMNS.items()])


def write_parquet(run: RunFolder, target: Path) -> int:
    """Write the file; returns how many rows. Raises `ConfigError` where the library is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(
            "--to parquet needs more than was installed: pip install 'tiercel[evals]'"
        ) from error
    types = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
        "json": pyarrow.string(),
    }
    schema = pyarrow.schema([pyarrow.field(name, types[kind]) for name, kind in COLUMNS.items()])
    rows = map(_packed, flat_rows(run))
    written = 0
    with pyarrow.parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        while portion := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pyarrow.Table.from_pylist(portion, schema=schema))
            written += len(portion)
    return written


def _packed(row: JsonObject) -> JsonObject:
    return {name: as_json(row[name]) if kind == "json" else row[name] for name, kind in COLUMNS.items()}


def _cell(value: Json, packed: bool) -> str:
    if value is None:
        return ""
    if packed:
        return as_json(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULAS) else value
    return as_json(value)


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()
