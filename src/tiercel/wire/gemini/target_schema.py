"""A client's JSON Schema in the subset that Gemini's `responseJsonSchema` and `parametersJsonSchema` take.

The list is Google's own (https://ai.google.dev/api/generate-content, `responseJsonSchema`, 2026-11-20). The answer is
checked against the client's own schema, so what is left out here is not left unchecked; what a model can still be told
is kept in words, in the description.
"""

import msgspec

from tiercel.domain.json import Json, JsonObject

_TAKEN = frozenset(
    (
        "$id",
        "$defs",
        "$ref",
        "$anchor",
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    )
)
_SILENT = frozenset(("$schema", "$comment", "examples", "example", "default", "deprecated", "discriminator"))
"""Keywords that allow and forbid nothing."""
_MAPS = frozenset(("properties", "$defs"))
_LISTS = frozenset(("anyOf", "oneOf", "prefixItems"))
_ONE = frozenset(("items", "additionalProperties"))
_OLD_PLACE = "#/definitions/"


def target_schema(schema: Json) -> Json:
    """The same schema without what is not taken."""
    if not isinstance(schema, dict):
        return schema
    source = _plainer(schema)
    if isinstance(source.get("$ref"), str):  # beside a reference nothing else may stand
        return {key: _taken(key, value) for key, value in source.items() if key.startswith("$")}
    written: JsonObject = {}
    dropped: JsonObject = {}
    for key, value in source.items():
        if key in _TAKEN:
            written[key] = _taken(key, value)
        elif key not in _SILENT:
            dropped[key] = value
    if dropped:
        words = msgspec.json.encode(dropped).decode()
        said = written.get("description")
        written["description"] = f"{said} {words}" if isinstance(said, str) and said else words
    return written


def _plainer(schema: JsonObject) -> JsonObject:
    """What has another spelling here, in that spelling."""
    source = dict(schema)
    if isinstance(source.get("definitions"), dict):
        source["$defs"] = {**source.pop("definitions"), **source.get("$defs", {})}
    whole = source.get("allOf")
    if isinstance(whole, list) and len(whole) == 1 and isinstance(whole[0], dict):
        del source["allOf"]
        source = {**_plainer(whole[0]), **source}
    if isinstance(source.get("const"), str | int | float) and not isinstance(source["const"], bool):
        source["enum"] = [source.pop("const")]
    listed = source.get("enum")
    if isinstance(listed, list) and None in listed and isinstance(source.get("type"), list):
        source["enum"] = [value for value in listed if value is not None]  # the type says it already
    return source


def _taken(key: str, value: Json) -> Json:
    if key == "$ref" and isinstance(value, str) and value.startswith(_OLD_PLACE):
        return "#/$defs/" + value.removeprefix(_OLD_PLACE)
    if key in _MAPS and isinstance(value, dict):
        return {name: target_schema(item) for name, item in value.items()}
    if key in _LISTS and isinstance(value, list):
        return [target_schema(item) for item in value]
    return target_schema(value) if key in _ONE else value
