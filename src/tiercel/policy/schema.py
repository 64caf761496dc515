"""JSON Schemas (draft 2020-12) of both files, made from the very tables that read them, so that editors complete."""

from typing import Any

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.policy.policy_tables import PolicyFile
from tiercel.policy.settings_tables import SettingsFile

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def policy_schema() -> JsonObject:
    """The schema of `policy.toml`."""
    return schema_of(PolicyFile)


def settings_schema() -> JsonObject:
    """The schema of `tiercel.toml`."""
    return schema_of(SettingsFile)


def schema_of(table: type[msgspec.Struct]) -> JsonObject:
    (root,), definitions = msgspec.json.schema_components([table], ref_template="#/$defs/{name}")
    cleaned: dict[str, Any] = {name: without_null(definition) for name, definition in definitions.items()}
    return {"$schema": DRAFT, **root, "$defs": cleaned}


def without_null(schema: Json) -> Json:
    """The schema without what TOML cannot say: null as a value or default. Class names are no help to an operator."""
    if isinstance(schema, list):
        return [without_null(item) for item in schema if item not in (None, {"type": "null"})]
    if not isinstance(schema, dict):
        return schema
    result = {key: without_null(value) for key, value in schema.items() if key != "title"}
    if not isinstance(result.get("default", 0), str | int | float):
        del result["default"]
    alternatives = result.get("anyOf")
    if isinstance(alternatives, list) and len(alternatives) == 1:
        del result["anyOf"]
        result = alternatives[0] | result
    return result
