"""Schemas as Google's clients write them, read as JSON Schema.

`parameters` and `responseSchema` are OpenAPI's kind: types in upper case, `nullable`, counts as strings, and keywords
in either spelling. Names of properties, and what stands in `enum`, `default` and `example`, are the caller's own.
"""

from tiercel.domain.json import Json, JsonObject
from tiercel.wire.gemini.spelling import camel

_UNSPECIFIED = "TYPE_UNSPECIFIED"
_COUNTS = frozenset(("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"))
_ONE = frozenset(("items", "additionalProperties"))
_LISTS = frozenset(("anyOf", "oneOf", "allOf", "prefixItems"))
_MAPS = frozenset(("properties", "defs", "$defs"))
_RENAMED = {"ref": "$ref", "defs": "$defs"}


def json_schema(schema: Json) -> Json:
    """The same schema as JSON Schema."""
    if not isinstance(schema, dict):
        return schema
    source = camel(schema)
    written = {_RENAMED.get(key, key): _value(key, value) for key, value in source.items()}
    if written.get("type") == _UNSPECIFIED.lower():
        del written["type"]
    if written.pop("nullable", None) is True:
        _allow_null(written)
    return written


def _value(key: str, value: Json) -> Json:
    if key == "type" and isinstance(value, str):
        return value.lower()
    if key == "type" and isinstance(value, list):
        return [item.lower() if isinstance(item, str) else item for item in value]
    if key in _COUNTS and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if key in _ONE:
        return json_schema(value)
    if key in _LISTS and isinstance(value, list):
        return [json_schema(item) for item in value]
    if key in _MAPS and isinstance(value, dict):
        return {name: json_schema(item) for name, item in value.items()}
    return value


def _allow_null(written: JsonObject) -> None:
    kind = written.get("type")
    if isinstance(kind, str):
        written["type"] = [kind, "null"]
        if isinstance(written.get("enum"), list) and None not in written["enum"]:
            written["enum"] = [*written["enum"], None]
    elif isinstance(written.get("anyOf"), list):
        written["anyOf"] = [*written["anyOf"], {"type": "null"}]
