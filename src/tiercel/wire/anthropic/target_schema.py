"""A client's JSON Schema in the subset that Anthropic's structured output takes.

The answer is checked against the client's own schema, so what is left out here is not left unchecked. What a model
can still be told is kept in words, in the description.
"""

import msgspec

from tiercel.domain.json import Json, JsonObject

_UNSUPPORTED = frozenset(
    (
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "propertyNames",
        "dependentRequired",
        "dependentSchemas",
        "if",
        "then",
        "else",
        "not",
    )
)
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "prefixItems")


def target_schema(schema: Json) -> Json:
    """The same schema without what is not taken; every object closed, as is demanded."""
    if not isinstance(schema, dict):
        return schema
    written: JsonObject = {}
    dropped: JsonObject = {}
    for key, value in schema.items():
        if key in _UNSUPPORTED or (key == "minItems" and value not in (0, 1)):
            dropped[key] = value
        elif key in _MAPS and isinstance(value, dict):
            written[key] = {name: target_schema(item) for name, item in value.items()}
        elif key == "oneOf" and isinstance(value, list):
            written["anyOf"] = [target_schema(item) for item in value]
        elif key in _LISTS and isinstance(value, list):
            written[key] = [target_schema(item) for item in value]
        elif key == "items":
            written[key] = target_schema(value)
        else:
            written[key] = value
    if written.get("type") == "object" or "properties" in written:
        written["additionalProperties"] = False
    if dropped:
        words = msgspec.json.encode(dropped).decode()
        said = written.get("description")
        written["description"] = f"{said} {words}" if isinstance(said, str) and said else words
    return written
