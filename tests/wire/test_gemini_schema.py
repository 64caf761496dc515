"""Schemas: Google's kind read as JSON Schema, and a client's JSON Schema in the subset that Google takes."""

from typing import Any

import pytest

from tiercel.wire.gemini.client_schema import json_schema
from tiercel.wire.gemini.target_schema import target_schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "TYPE_UNSPECIFIED", "title": "t"}, {"title": "t"}),
        (
            {"type": "ARRAY", "minItems": "2", "items": {"type": "NUMBER"}},
            {"type": "array", "minItems": 2, "items": {"type": "number"}},
        ),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "STRING", "enum": ["A_B"], "nullable": True},
            {"type": ["string", "null"], "enum": ["A_B", None]},
        ),
        (
            {"any_of": [{"type": "STRING"}], "nullable": True},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        (
            {
                "type": "OBJECT",
                "properties": {"min_items": {"type": "STRING"}},
                "property_ordering": ["min_items"],
            },
            {
                "type": "object",
                "properties": {"min_items": {"type": "string"}},
                "propertyOrdering": ["min_items"],
            },
        ),
        (
            {"type": "STRING", "default": {"type": "STRING"}, "example": {"a_b": "STRING"}},
            {"type": "string", "default": {"type": "STRING"}, "example": {"a_b": "STRING"}},
        ),
        (
            {"ref": "#/$defs/A", "defs": {"A": {"type": "INTEGER"}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"type": "integer"}}},
        ),
        ({"type": ["STRING", "NULL"]}, {"type": ["string", "null"]}),
        (True, True),
    ],
)
def test_googles_kind_is_read_as_json_schema(schema: Any, expected: Any) -> None:
    assert json_schema(schema) == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"$schema": "x", "type": "string", "default": "a"}, {"type": "string"}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"const": True}, {"description": '{"const":true}'}),
        ({"type": ["string", "null"], "enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a"]}),
        (
            {"type": "string", "minLength": 2, "description": "d"},
            {"type": "string", "description": 'd {"minLength":2}'},
        ),
        (
            {"type": "integer", "minimum": 1, "exclusiveMaximum": 3},
            {"type": "integer", "minimum": 1, "description": '{"exclusiveMaximum":3}'},
        ),
        ({"$ref": "#/$defs/A", "description": "d"}, {"$ref": "#/$defs/A"}),
        (
            {"$ref": "#/definitions/A", "definitions": {"A": {"const": 1}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"enum": [1]}}},
        ),
        ({"allOf": [{"$ref": "#/$defs/A"}], "title": "t"}, {"$ref": "#/$defs/A"}),
        ({"allOf": [{"a": 1}, {"b": 2}]}, {"description": '{"allOf":[{"a":1},{"b":2}]}'}),
        ({"oneOf": [{"const": "a"}]}, {"oneOf": [{"enum": ["a"]}]}),
        (
            {
                "type": "object",
                "properties": {"const": {"const": "x"}},
                "additionalProperties": {"pattern": "y"},
            },
            {
                "type": "object",
                "properties": {"const": {"enum": ["x"]}},
                "additionalProperties": {"description": '{"pattern":"y"}'},
            },
        ),
        (
            {"type": "array", "prefixItems": [{"const": 1}], "items": False},
            {"type": "array", "prefixItems": [{"enum": [1]}], "items": False},
        ),
        (False, False),
    ],
)
def test_a_clients_schema_is_written_in_the_subset(schema: Any, expected: Any) -> None:
    """T47: what is not taken is told in words, never left out silently."""
    assert target_schema(schema) == expected


def test_the_clients_own_schema_stays_as_it_is() -> None:
    schema = {"definitions": {"A": {"const": 1}}, "allOf": [{"$ref": "#/definitions/A"}]}
    before = {"definitions": {"A": {"const": 1}}, "allOf": [{"$ref": "#/definitions/A"}]}
    target_schema(schema)
    json_schema(schema)
    assert schema == before
