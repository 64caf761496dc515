"""What a JSON Schema says of the value at one place, as far as it can be told before the whole value is there.

Followed are: `type`, `properties`, `required`, `additionalProperties`, `items`, `minItems`, `maxItems`; of strings,
numbers, booleans and null also `enum`, `const`, the bounds of numbers and lengths, `multipleOf` and `pattern`; and
`$ref` within the document. Whatever else a schema says is left to the check of the whole answer: what breaks a shape
always breaks its schema, and what fits it may still break it.
"""

from functools import lru_cache
from typing import TypeAlias

import jsonschema_rs
import msgspec

from tiercel.checks.schema_cost import PLAIN_REFERENCE, Cost, cost_of
from tiercel.checks.schemas import Finding, SchemaError, compile_schema, examine, prepare
from tiercel.domain.json import Json, JsonObject

SCALAR_KEYWORDS = (
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
)
AT_THE_END = frozenset(("enum", "const", "minLength", "pattern"))
"""What can be said of a string only once it has ended."""
MOST_REFERENCES = 32

Scalar: TypeAlias = tuple[jsonschema_rs.Validator, Cost]


class UnknownError(Exception):
    """Whether a value fits can only be told by the check of the whole answer."""


class Shape:
    """The values at one place. Its parts are made when first asked for: schemas may contain themselves."""

    def __init__(self, node: JsonObject, shapes: "Shapes") -> None:
        self._node = node
        self._shapes = shapes
        self._scalar: Scalar | None = None
        self._compiled = False
        types = node.get("type")
        self._types = _names(types if isinstance(types, list) else [types])
        self.required = _names(node.get("required"))
        self.min_items = _count(node.get("minItems"))
        self.max_items = _count(node.get("maxItems"))
        self.max_length = _count(node.get("maxLength"))
        listed = [*_listed(node.get("enum")), *([node["const"]] if "const" in node else ())]
        self._lists_scalars = bool(listed) and not any(isinstance(value, dict | list) for value in listed)
        self.ends_matter = not AT_THE_END.isdisjoint(node)

    def admits(self, kind: str) -> bool:
        """Whether values of this type may stand here: `object`, `array` or `string`."""
        if kind != "string" and self._lists_scalars:
            return False
        return not self._types or kind in self._types

    @property
    def wanted(self) -> str:
        """What may stand here, in words."""
        return f"of type {' or '.join(self._types)}" if self._types else "one of those that the schema lists"

    def property(self, name: str) -> "Shape | None":
        """The values under this key; `None` where the key may not be."""
        node = self._node
        properties = node.get("properties")
        if isinstance(properties, dict) and name in properties:
            return self._shapes.of(properties[name])
        return self._shapes.of(
            True if "patternProperties" in node else node.get("additionalProperties", True)
        )

    def item(self) -> "Shape | None":
        """The elements, where they are all alike; `None` where there may be none."""
        return self._shapes.of(True if "prefixItems" in self._node else self._node.get("items", True))

    def examine(self, text: str, value: Json) -> Finding | None:
        """What a string, number, boolean or null of this text breaks. Raises `UnknownError`."""
        if not self._compiled:
            self._scalar = self._shapes.scalar(self._node)
            self._compiled = True
        if self._scalar is None:
            return None
        validator, cost = self._scalar
        if not cost.is_cheap_for(text):
            raise UnknownError
        try:
            found = examine(validator, value)
        except SchemaError as error:
            raise UnknownError from error
        return None if found.valid else found


class Shapes:
    """The shapes of one schema."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._any = Shape({}, self)
        self._made: dict[int, Shape] = {}

    @property
    def root(self) -> Shape | None:
        """The whole value's."""
        return self.of(self._root)

    def of(self, node: Json) -> Shape | None:
        """The shape of a schema that stands in the root; `None` where nothing fits it."""
        if node is False:
            return None
        target = self._referred(node)
        if not isinstance(target, dict):
            return None if target is False else self._any
        shape = self._made.get(id(target))
        if shape is None:
            shape = self._made[id(target)] = Shape(target, self)
        return shape

    def scalar(self, node: JsonObject) -> Scalar | None:
        """A validator of what `node` says of values without parts, and what it may cost."""
        said = {key: node[key] for key in SCALAR_KEYWORDS if key in node}
        if not said:
            return None
        if isinstance(self._root, dict) and "$schema" in self._root:
            said["$schema"] = self._root["$schema"]
        try:
            return compile_schema(said), cost_of(said, len(msgspec.json.encode(said)))
        except SchemaError:
            return None

    def _referred(self, node: Json) -> Json:
        """What a schema stands for; `True` where that cannot be followed."""
        for _ in range(MOST_REFERENCES):
            if not isinstance(node, dict):
                return node
            if node is not self._root and ("$id" in node or "id" in node):
                return True
            if "$ref" not in node:
                return node
            node = self._pointed_at(node["$ref"])
        return True

    def _pointed_at(self, reference: Json) -> Json:
        if not isinstance(reference, str) or not PLAIN_REFERENCE.fullmatch(reference):
            return True
        target = self._root
        for step in reference.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, dict) or key not in target:
                return True
            if target is not self._root and isinstance(target.get("$id"), str):
                return True
            target = target[key]
        return target


@lru_cache(maxsize=128)
def root_shape(schema: bytes) -> Shape | None:
    """The shape of a schema that is there as JSON; `None` where nothing fits it. Raises `SchemaError` where it is too
    large."""
    prepare(schema)
    return Shapes(msgspec.json.decode(schema)).root


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _names(value: Json) -> tuple[str, ...]:
    """The texts in a list: a client's schema may have anything there, which the check of the whole then refuses."""
    return tuple([name for name in _listed(value) if isinstance(name, str)])


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
