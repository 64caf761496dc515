"""Compares a parsed file with the table types it must have, and says everything that is wrong, in words.

The types are msgspec structs, so that the reader, the JSON Schema and the documentation have one source. msgspec
itself stops at the first mismatch; an operator wants them all.
"""

import math
import re
from functools import cache
from typing import Any

import msgspec.inspect as inspect

from tiercel.policy.problems import Problems, Steps, listed, nearest
from tiercel.policy.tables import FORMS


def find_problems(value: object, table_type: type, problems: Problems) -> None:
    """Notes every way in which `value` is not a `table_type`; notes nothing when it can be converted."""
    compare(value, _info(table_type), (), problems)


@cache
def _info(table_type: type) -> inspect.Type:
    """Taken apart once: a file of ten thousand rows has one type."""
    return inspect.type_info(table_type)


def compare(value: object, wanted: inspect.Type, path: Steps, problems: Problems) -> None:
    """One value against one type, with everything below it."""
    wanted = unwrap(wanted, value)
    match wanted:
        case inspect.StructType() if isinstance(value, dict):
            compare_table(value, wanted, path, problems)
        case inspect.DictType() if isinstance(value, dict):
            for key, item in value.items():
                compare_name(key, wanted.key_type, path, problems)
                compare(item, wanted.value_type, (*path, key), problems)
        case inspect.VarTupleType() if isinstance(value, list):
            if wanted.min_length and not value:
                problems.add(path, "the list is empty; name at least one")
            for position, item in enumerate(value):
                compare(item, wanted.item_type, (*path, label(item, position, wanted)), problems)
        case inspect.AnyType():
            compare_json(value, path, problems)
        case _:
            complaint = scalar_complaint(value, wanted)
            if complaint is not None:
                problems.add(path, complaint)


def compare_table(value: dict[str, Any], wanted: inspect.StructType, path: Steps, problems: Problems) -> None:
    fields = {field.encode_name: field for field in wanted.fields}
    split_names = 0
    for key, item in value.items():
        if key in fields:
            compare(item, fields[key].type, (*path, key), problems)
            continue
        fix = nearest(key, fields)
        if not fix and isinstance(item, dict) and len(path) == 2:
            split_names += 1
            fix = f'; a name with a dot is quoted: [{path[0]}."{path[1]}.{key}"]'
        problems.add((*path, key), f"no such key{fix or f'; the keys are {listed(fields)}'}")
    if split_names == len(value) > 0:
        return
    for name, field in fields.items():
        if field.required and name not in value:
            problems.add(path, f"{name!r} is missing: {description(field.type)}")


def compare_name(key: str, wanted: inspect.Type, path: Steps, problems: Problems) -> None:
    complaint = scalar_complaint(key, unwrap(wanted, key))
    if complaint is not None:
        problems.add((*path, key), f"a name that cannot be used: {complaint}")


def compare_json(value: object, path: Steps, problems: Problems) -> None:
    """Free content may hold whatever JSON can; TOML's dates, times and infinities cannot be carried."""
    match value:
        case dict():
            for key, item in value.items():
                compare_json(item, (*path, key), problems)
        case list():
            for position, item in enumerate(value):
                compare_json(item, (*path, position), problems)
        case bool() | int() | str() | None:
            return
        case float() if math.isfinite(value):
            return
        case _:
            problems.add(path, f"{kind(value)} cannot be used here; write it as text in quotes")


def scalar_complaint(value: object, wanted: inspect.Type) -> str | None:
    """What is wrong with a single value, or `None`."""
    match wanted:
        case inspect.StrType() if isinstance(value, str):
            return text_complaint(value, wanted)
        case inspect.LiteralType() if isinstance(value, str):
            words = [str(word) for word in wanted.values]
            return (
                None if value in words else f"{value!r} is not one of {listed(words)}{nearest(value, words)}"
            )
        case inspect.LiteralType() if value in wanted.values and not isinstance(value, bool):
            return None
        case inspect.BoolType() if isinstance(value, bool):
            return None
        case inspect.IntType() if isinstance(value, int) and not isinstance(value, bool):
            return number_complaint(value, wanted)
        case inspect.FloatType() if isinstance(value, int | float) and not isinstance(value, bool):
            return number_complaint(value, wanted)
        case _:
            return f"expected {describe(wanted)}, not {kind(value)}"


def text_complaint(value: str, wanted: inspect.StrType) -> str | None:
    if wanted.min_length and len(value) < wanted.min_length:
        return "the text is empty"
    if wanted.pattern is not None and not re.search(wanted.pattern, value):
        return f"expected {FORMS.get(wanted.pattern, wanted.pattern)}"
    return None


def number_complaint(value: float, wanted: inspect.IntType | inspect.FloatType) -> str | None:
    if not math.isfinite(value):
        return "expected a finite number"
    if wanted.ge is not None and value < wanted.ge:
        return f"{value} is too small; the least is {plain(wanted.ge)}"
    if wanted.gt is not None and value <= wanted.gt:
        return f"{value} is too small; it must be above {plain(wanted.gt)}"
    if wanted.le is not None and value > wanted.le:
        return f"{value} is too large; the most is {plain(wanted.le)}"
    if wanted.lt is not None and value >= wanted.lt:
        return f"{value} is too large; it must be below {plain(wanted.lt)}"
    return None


def plain(bound: float) -> str:
    """A bound without an exponent or a needless fraction."""
    return f"{bound:_.0f}" if float(bound).is_integer() else f"{bound}"


def unwrap(wanted: inspect.Type, value: object) -> inspect.Type:
    """The type without its description; of alternatives, the one whose kind the value has."""
    if isinstance(wanted, inspect.Metadata):
        return unwrap(wanted.type, value)
    if not isinstance(wanted, inspect.UnionType):
        return wanted
    options = [unwrap(t, value) for t in wanted.types if not isinstance(t, inspect.NoneType)]
    if len(options) == 1:
        return options[0]
    return next((option for option in options if has_kind(value, option)), wanted)


def has_kind(value: object, wanted: inspect.Type) -> bool:
    match wanted:
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.VarTupleType():
            return isinstance(value, list)
        case inspect.StrType() | inspect.LiteralType():
            return isinstance(value, str)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return False


def describe(wanted: inspect.Type) -> str:
    """A type in an operator's words."""
    match wanted:
        case inspect.Metadata():
            return describe(wanted.type)
        case inspect.UnionType():
            return " or ".join(describe(t) for t in wanted.types if not isinstance(t, inspect.NoneType))
        case inspect.LiteralType():
            return f"one of {listed(str(word) for word in wanted.values)}"
        case inspect.StructType() | inspect.DictType():
            return "a table"
        case inspect.VarTupleType():
            return "a list"
        case inspect.StrType():
            return "text in quotes"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number"
        case _:
            return "a number"


def kind(value: object) -> str:
    """What a TOML value is, in an operator's words; the value itself is not shown."""
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case str():
            return "text"
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case _:
            return "a date or time"


def description(wanted: inspect.Type) -> str:
    if isinstance(wanted, inspect.Metadata) and wanted.extra_json_schema:
        return str(wanted.extra_json_schema["description"])
    return describe(wanted)


def label(item: object, position: int, wanted: inspect.VarTupleType) -> str | int:
    """Tables in a list stand by their name where they have one: `[rules.hard-coding]`."""
    named = isinstance(wanted.item_type, inspect.StructType) and isinstance(item, dict)
    name = item.get("name") if named and isinstance(item, dict) else None
    return name if isinstance(name, str) and name else position
