"""Records as others read them: a line of JSON each, or a Parquet file. Every field is there, also where it is empty.

The columns of a Parquet file are made from the nouns themselves, so that both forms have the same names.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Feedback, Record

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_ONCE = 5_000


def json_lines(found: Iterable[tuple[Record, Feedback | None]]) -> Iterator[bytes]:
    """One line for each record, its feedback in the field `feedback`."""
    encode = msgspec.json.Encoder().encode
    for record, feedback in found:
        yield encode(plain(record) | {"feedback": plain(feedback)}) + b"\n"


def write_parquet(found: Iterable[tuple[Record, Feedback | None]], target: Path) -> int:
    """Writes the file; returns how many records. Raises `ConfigError` where the library is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(
            "--format parquet needs more than was installed: pip install 'tiercel[evals]'"
        ) from error
    fields = [
        pyarrow.field(name, _column(inspect.type_info(hint)))
        for name, hint in (*_hints(Record), ("feedback", Feedback | None))
    ]
    schema = pyarrow.schema(fields)
    rows = (plain(record) | {"feedback": plain(feedback)} for record, feedback in found)
    written = 0
    with pyarrow.parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        while portion := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pyarrow.Table.from_pylist(portion, schema=schema))
            written += len(portion)
    return written


def plain(value: Any) -> Any:
    """Structs as dictionaries of all their fields, tuples as lists."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _hints(kind: type[msgspec.Struct]) -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(kind):
        yield field.name, field.type


def _column(info: inspect.Type) -> "pyarrow.DataType":
    """The column that holds values of this type."""
    import pyarrow

    match info:
        case inspect.UnionType(types=types):
            # of several kinds, no noun of a record has more than one beside null
            return _column(next(one for one in types if not isinstance(one, inspect.NoneType)))
        case inspect.StructType(cls=kind):
            return pyarrow.struct(
                [pyarrow.field(name, _column(inspect.type_info(hint))) for name, hint in _hints(kind)]
            )
        case inspect.VarTupleType(item_type=item):
            return pyarrow.list_(_column(item))
        case inspect.BoolType():
            return pyarrow.bool_()
        case inspect.IntType():
            return pyarrow.int64()
        case inspect.FloatType():
            return pyarrow.float64()
        case inspect.StrType() | inspect.LiteralType():
            return pyarrow.string()
        case _:
            raise TypeError(f"no column for {info}")
