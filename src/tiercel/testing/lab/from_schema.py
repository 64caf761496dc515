"""The smallest JSON value that fits a schema, for prompts the lab has no answer to. Pure.

It reads what such schemas use: types, enum, const, properties, items, bounds, unions, local references.
A `pattern` is not solved: such a string is plain text, and the gateway's check will say so.
"""

from collections.abc import Sequence

from tiercel.domain.json import Json, JsonObject

MAX_DEPTH = 24
SCALARS: dict[str, Json] = {"string": "simulated", "boolean": True, "null": None}
FORMATTED = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "simulated@example.com",
    "uri": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def smallest(schema: Json) -> Json:
    """A value for this schema: required properties only, first alternatives, lower bounds."""
    root: JsonObject = schema if isinstance(schema, dict) else {}
    return _value(root, root, 0)


def _value(schema: Json, root: JsonObject, depth: int) -> Json:
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    schema = _resolved(schema, root)
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return _value({**schema[union][0]}, root, depth + 1)
    return _of_kind(_kind(schema), schema, root, depth)


def _resolved(schema: JsonObject, root: JsonObject) -> JsonObject:
    for _ in range(MAX_DEPTH):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Json = root
        for step in reference[2:].split("/"):
            target = target.get(step, {}) if isinstance(target, dict) else {}
        schema = target if isinstance(target, dict) else {}
    return schema


def _kind(schema: JsonObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    if isinstance(kind, Sequence) and kind:
        return str(kind[0])
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _of_kind(kind: str, schema: JsonObject, root: JsonObject, depth: int) -> Json:
    if kind == "object":
        properties = schema.get("properties", {})
        return {
            name: _value(properties.get(name, {}), root, depth + 1) for name in schema.get("required", ())
        }
    if kind == "array":
        return [_value(schema.get("items", {}), root, depth + 1) for _ in range(schema.get("minItems", 0))]
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    if kind == "string":
        return _string(schema)
    return SCALARS.get(kind)


def _number(schema: JsonObject, *, whole: bool) -> Json:
    if "minimum" in schema:
        return schema["minimum"]
    if "exclusiveMinimum" in schema:
        return schema["exclusiveMinimum"] + (1 if whole else 0.5)
    return min(0, schema.get("maximum", 0))


def _string(schema: JsonObject) -> str:
    text = FORMATTED.get(schema.get("format", ""), "simulated")
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", max(len(text), 1_000))
    return text.ljust(shortest, ".")[:longest]
