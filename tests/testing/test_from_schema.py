"""The smallest value for a schema: it fits, whatever the schema."""

import jsonschema_rs
import pytest

from tiercel.domain.json import Json
from tiercel.testing.lab.from_schema import smallest

SCHEMAS: list[Json] = [
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]},
    {"type": "array", "items": {"type": "number", "minimum": 3}, "minItems": 2},
    {"enum": ["x", "y"]},
    {"const": 7},
    {"type": ["string", "null"], "minLength": 12},
    {"type": "string", "maxLength": 3},
    {"type": "string", "format": "date"},
    {"type": "integer", "exclusiveMinimum": 4},
    {"type": "integer", "maximum": -2},
    {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    {
        "$defs": {"leaf": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
        "type": "object",
        "properties": {"leaf": {"$ref": "#/$defs/leaf"}},
        "required": ["leaf"],
    },
    {"type": "object"},
    True,
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_it_fits_the_schema(schema: Json) -> None:
    jsonschema_rs.validator_for(schema).validate(smallest(schema))


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert "next" in smallest(schema)
