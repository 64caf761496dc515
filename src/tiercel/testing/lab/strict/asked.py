"""Who is asked, what an objection is, and how JSON is looked at whose shape nobody vouches for. Pure."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from tiercel.domain.json import Json, JsonObject
from tiercel.policy.builtin import BuiltInModel, built_in_models

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request reached, and its headers in lower case. `model` is the model's own name."""

    provider: str
    model: str
    headers: Mapping[str, str] = {}

    @property
    def known(self) -> BuiltInModel:
        """What is published about the model."""
        return built_in_models()[self.model]


class Objection(msgspec.Struct, frozen=True, kw_only=True):
    """Why the provider refuses, with a 400."""

    message: str
    code: str | None = None


def names_in(text: str) -> frozenset[str]:
    """The names in a text that lists them."""
    return frozenset(text.split())


def objects(value: Json) -> list[JsonObject]:
    """The objects of a list; of anything else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def object_in(source: Json, key: str) -> JsonObject:
    """The object under a key, or an empty one."""
    value = source.get(key) if isinstance(source, dict) else None
    return value if isinstance(value, dict) else {}


def unknown(body: JsonObject, known: frozenset[str]) -> Iterator[str]:
    """The names that a provider which refuses unknown ones does not know."""
    yield from (name for name in body if name not in known)


def loose_places(schema: Json, path: str = "") -> Iterator[str]:
    """Where a schema is not strict: objects that allow other properties, or do not require all of theirs."""
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from loose_places(item, f"{path}[{number}]")
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if isinstance(properties, dict):
        required = schema.get("required")
        complete = isinstance(required, list) and set(required) == set(properties)
        if schema.get("additionalProperties") is not False or not complete:
            yield path or "()"
        for name, inner in properties.items():
            yield from loose_places(inner, f"{path}.{name}")
    for key in ("items", "anyOf", "$defs"):
        inner = schema.get(key)
        if isinstance(inner, dict) and key == "$defs":
            inner = list(inner.values())
        yield from loose_places(inner, f"{path}.{key}")
