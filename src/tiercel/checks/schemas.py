"""Compiles JSON Schemas and says what a value breaks. Fetches nothing: a reference to elsewhere is an error.

`format` is an annotation here, as the specification has it by default: no answer fails for a date without a zone.
"""

from functools import lru_cache
from typing import NoReturn

import jsonschema_rs
import msgspec

from tiercel.checks.schema_cost import MAX_BYTES, MAX_DEPTH, Cost, cost_of
from tiercel.domain.json import Json

MAX_WORDS = 300
PATTERN_BYTES = 1_000_000
"""How large one compiled regular expression may become."""

GAVE_UP = frozenset({"BacktrackLimitExceeded", "RegexEngineFailure"})


class SchemaError(ValueError):
    """A schema that cannot be used, in words. `detail` may quote the schema: for its author, not for records."""

    def __init__(self, words: str, detail: str = "") -> None:
        super().__init__(words)
        self.detail = detail


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a validator found: where the first error lies (a JSON path), which keyword it breaks, and the validator's
    words, in which values of the answer are masked. `null_at` is set where the error is a null under a key."""

    valid: bool
    path: str = ""
    keyword: str = ""
    message: str = ""
    null_at: tuple[str | int, ...] | None = None


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A schema with its cost, and its validator where the linear-time engine can run it in this process."""

    schema: Json
    cost: Cost
    validator: jsonschema_rs.Validator | None


@lru_cache(maxsize=128)
def prepare(text: bytes) -> Prepared:
    """The schema of these bytes, ready for use. Raises `SchemaError` where it is too large."""
    if len(text) > MAX_BYTES:
        raise SchemaError(f"the schema has {len(text)} bytes, the limit is {MAX_BYTES}")
    schema = msgspec.json.decode(text)
    cost = cost_of(schema, len(text))
    if cost.depth > MAX_DEPTH:
        raise SchemaError(f"the schema nests {cost.depth} levels deep, the limit is {MAX_DEPTH}")
    validator = None
    if cost.is_cheap_for(""):
        try:
            validator = compile_schema(schema)
        except SchemaError:
            # Unsupported patterns (lookaround) are not told apart from wrong schemas here: the worker knows.
            validator = None
    return Prepared(schema=schema, cost=cost, validator=validator)


def compile_schema(schema: Json, *, linear: bool = True) -> jsonschema_rs.Validator:
    """A validator; `linear` runs patterns in linear time but knows no lookaround. Raises `SchemaError`."""
    engine = jsonschema_rs.RegexOptions if linear else jsonschema_rs.FancyRegexOptions
    try:
        return jsonschema_rs.validator_for(
            schema,
            validate_formats=False,
            retriever=_refuse,
            pattern_options=engine(size_limit=PATTERN_BYTES),
            mask="the value",
        )
    except jsonschema_rs.ValidationError as error:
        where = json_path(tuple(error.instance_path))
        raise SchemaError(f"the schema cannot be used at {where}", error.message[:MAX_WORDS]) from None
    except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError("the schema cannot be used", str(error)[:MAX_WORDS]) from None


def examine(validator: jsonschema_rs.Validator, value: Json) -> Finding:
    """What `value` breaks first. Raises `SchemaError` where a pattern could not be matched to its end.

    One error only: each carries a copy of what it complains about, so that all of them can take seconds to make.
    """
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        if type(error.kind).__name__ in GAVE_UP:
            raise SchemaError("a pattern of the schema takes too long") from None
        path = tuple(error.instance_path)
        is_null = bool(path) and isinstance(path[-1], str) and error.instance is None
        return Finding(
            valid=False,
            path=json_path(path),
            keyword=error.kind.name,
            message=error.message[:MAX_WORDS],
            null_at=path if is_null else None,
        )
    return Finding(valid=True)


def json_path(steps: tuple[str | int, ...]) -> str:
    """`$.items[0].name`, shortened where it is long."""
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path if len(path) <= 100 else path[:99] + "…"


def _refuse(uri: str) -> NoReturn:
    raise ValueError("references to other documents are not followed")
