"""The cost of a schema is bounded from above before anything is run, and what is cheap is quick."""

import json
import time

import pytest

from tiercel.checks.schema_cost import MAX_REFERENCE_DEPTH, UNBOUNDED, cost_of
from tiercel.checks.schemas import SchemaError, examine, prepare
from tiercel.domain.json import Json


def doubling(levels: int) -> Json:
    """A schema that expands to 2 ** levels."""
    definitions: dict[str, Json] = {"d0": {"type": "string"}}
    for level in range(1, levels + 1):
        definitions[f"d{level}"] = {"anyOf": [{"$ref": f"#/$defs/d{level - 1}"}] * 2}
    return {"$ref": f"#/$defs/d{levels}", "$defs": definitions}


def chain(length: int) -> Json:
    definitions = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{length}": {}}}


@pytest.mark.parametrize(
    ("schema", "evaluations"),
    [
        (True, 0),
        ({}, 1),
        ({"type": "object", "properties": {"a": {}, "b": {}}}, 4),
        ({"$ref": "#/$defs/a", "$defs": {"a": {}}}, 4),
        ({"$ref": "#"}, UNBOUNDED),
        ({"properties": {"next": {"$ref": "#"}}}, UNBOUNDED),
        ({"$ref": "#name"}, UNBOUNDED),
        ({"$ref": "https://example.com/a"}, UNBOUNDED),
        ({"$ref": "#/$defs/missing"}, UNBOUNDED),
        ({"$ref": "#/anyOf/0", "anyOf": [{}]}, 3),
        ({"items": {"$dynamicRef": "#x"}}, UNBOUNDED),
        ({"items": {"$id": "https://example.com/a", "$ref": "#/x"}}, UNBOUNDED),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {}}}, 4),
        (doubling(40), UNBOUNDED),
        (chain(MAX_REFERENCE_DEPTH + 5), UNBOUNDED),
    ],
)
def test_references_are_counted_as_their_targets(schema: Json, evaluations: int) -> None:
    assert cost_of(schema, 0).evaluations == evaluations


def test_doubling_references_double_the_count() -> None:
    assert cost_of(doubling(11), 0).evaluations > 2 * cost_of(doubling(10), 0).evaluations - 100
    assert cost_of(doubling(10), 0).evaluations > 2**10


@pytest.mark.parametrize(
    ("pattern", "size"),
    [("abc", 3), ("a{10}", 50), ("a{2,10}", 70), ("(a{10}){10}", 1100), ("a{,5}", 25), ("a{3,}", 15)],
)
def test_counted_repetitions_are_written_out(pattern: str, size: int) -> None:
    assert cost_of({"pattern": pattern}, 0).pattern_size == size
    assert cost_of({"patternProperties": {pattern: {}}}, 0).pattern_size == size


def test_enormous_repetitions_are_unbounded() -> None:
    assert cost_of({"pattern": "a{99999999999999}"}, 0).pattern_size == UNBOUNDED


@pytest.mark.parametrize(
    ("schema", "text", "cheap"),
    [
        ({"type": "object"}, "{}", True),
        (doubling(8), '"x"', True),
        (doubling(20), '"x"', False),
        ({"properties": {f"p{n}": {} for n in range(100)}}, json.dumps([1] * 5000), False),
        ({"pattern": "^[a-z]{2,40}$"}, '"abc"', True),
        ({"pattern": "(a{100}){1000}"}, '"abc"', False),
    ],
)
def test_cheap_depends_on_schema_and_answer(schema: Json, text: str, cheap: bool) -> None:
    assert cost_of(schema, 100).is_cheap_for(text) is cheap


@pytest.mark.parametrize(
    ("schema", "item"),
    [
        (doubling(10), 1),
        (doubling(5) | {"minItems": 100_000}, 1),
        ({"items": {"pattern": "(.*a.{18}b){1,20}x"}}, "ab" * 20),
        ({"items": {"type": "string", "pattern": r"^\p{L}+$"}}, "é" * 50),
        ({"items": {"required": [f"x{n}" for n in range(50)]}}, {}),
        ({"items": {"enum": [f"{'a' * 20}{n}" for n in range(2000)]}}, "a" * 21),
        ({"uniqueItems": True, "minItems": 100_000}, [1]),
        ({"items": {"anyOf": [{"items": {"const": n}} for n in range(10)]}}, ["x"]),
    ],
)
def test_what_counts_as_cheap_is_quick(schema: Json, item: Json) -> None:
    """Compiling, and validating the longest list for which it is cheap, stay far below the worker's deadline."""
    started = time.thread_time()
    prepared = prepare(json.dumps(schema).encode())
    assert prepared.validator is not None
    assert time.thread_time() - started < 0.25
    value = [item]
    while prepared.cost.is_cheap_for(json.dumps(value * 2)):
        value = value * 2
    started = time.thread_time()
    examine(prepared.validator, value)
    assert time.thread_time() - started < 0.25


def test_character_classes_and_ignored_case_weigh_more() -> None:
    assert cost_of({"pattern": r"\p{L}"}, 0).pattern_size > 50
    assert cost_of({"pattern": "(?i)abc"}, 0).pattern_size > 50 * 7 - 1


def test_a_schema_that_nests_too_deep_is_refused() -> None:
    deep: Json = {}
    for _ in range(70):
        deep = {"items": deep}
    with pytest.raises(SchemaError, match="the schema nests 71 levels deep, the limit is 64"):
        prepare(json.dumps(deep).encode())
