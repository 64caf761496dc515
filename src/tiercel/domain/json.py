"""JSON as a type, for the few places where a value is carried without being understood."""

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""Anything `json.loads` may return. Used only for fields of clients and providers that we carry and do not read."""

JsonObject: TypeAlias = dict[str, Any]
