"""Bounds, without running it, how much work validating against a schema can be.

A client's schema can be exponential (each definition naming the next one twice) or its patterns enormous. What is not
evidently cheap is evaluated in the isolated worker, where it can be killed.
"""

import re

import msgspec

from tiercel.domain.json import Json

MAX_BYTES = 262_144
MAX_DEPTH = 64
"""Beyond either, a schema is refused."""

CHEAP_BYTES = 65_536
CHEAP_DEPTH = 32
CHEAP_STEPS = 20_000
"""A failed branch of `anyOf` costs up to 10 µs, as it becomes a Python object; a passed one far below 1."""

CHEAP_PATTERN_STEPS = 20_000_000
CHEAP_PATTERN_SIZE = 20_000
UNBOUNDED = 10**9
MAX_REFERENCE_DEPTH = 200

PLAIN_REFERENCE = re.compile(r"#(?:/.*)?", re.DOTALL)
CLASS_WEIGHT = 50
LARGE_CLASS = re.compile(r"\\[pPwWdDsSbB]")
IGNORE_CASE = re.compile(r"\(\?[a-zA-Z]*i")
COUNTED = re.compile(r"\{(\d+)?(?:,(\d+)?)?\}")


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """`evaluations` is how many schemas the root can expand to for one value; `pattern_size` the size of all its
    regular expressions with their counted repetitions written out. Both are upper bounds."""

    size: int
    depth: int
    evaluations: int
    pattern_size: int

    def is_cheap_for(self, text: str) -> bool:
        """Whether validating the value of this JSON text stays in the low milliseconds."""
        nodes = 1 + text.count(",") + text.count(":") + text.count("[") + text.count("{")
        return (
            self.size <= CHEAP_BYTES
            and self.depth <= CHEAP_DEPTH
            and self.pattern_size <= CHEAP_PATTERN_SIZE
            and self.evaluations * nodes <= CHEAP_STEPS
            and self.pattern_size * len(text) <= CHEAP_PATTERN_STEPS
        )


def cost_of(schema: Json, size: int) -> Cost:
    """The cost of a schema that takes `size` bytes as JSON."""
    depth = _depth(schema)
    if depth > MAX_DEPTH:
        return Cost(size=size, depth=depth, evaluations=UNBOUNDED, pattern_size=UNBOUNDED)
    expansion = Expansion(schema)
    evaluations = expansion.count(schema, 0)
    return Cost(size=size, depth=depth, evaluations=evaluations, pattern_size=_pattern_size(schema))


class Expansion:
    """Counts the schemas that a schema becomes when each reference is replaced by its target.

    Every object counts, also those that are not schemas. Recursion counts as unbounded: it may well be linear in
    the answer, but the worker can tell that cheaply. So does what is not a plain pointer into the same document.
    """

    def __init__(self, root: Json) -> None:
        self.root = root
        self.counted: dict[int, int] = {}
        self.open: set[int] = set()

    def count(self, node: Json, references: int) -> int:
        if not isinstance(node, dict | list):
            return 0
        if id(node) in self.open or references > MAX_REFERENCE_DEPTH:
            return UNBOUNDED
        if id(node) not in self.counted:
            self.open.add(id(node))
            self.counted[id(node)] = min(UNBOUNDED, self._expanded(node, references))
            self.open.discard(id(node))
        return self.counted[id(node)]

    def _expanded(self, node: Json, references: int) -> int:
        if isinstance(node, list):
            return sum(self.count(item, references) for item in node)
        if any(isinstance(node.get(key), str) for key in ("$dynamicRef", "$recursiveRef")):
            return UNBOUNDED
        if node is not self.root and any(isinstance(node.get(key), str) for key in ("$id", "id")):
            return UNBOUNDED  # pointers below it start elsewhere
        total = 1 + sum(self.count(value, references) for value in node.values())
        reference = node.get("$ref")
        if isinstance(reference, str):
            total += self._referred(reference, references + 1)
        return total

    def _referred(self, reference: str, references: int) -> int:
        if not PLAIN_REFERENCE.fullmatch(reference):
            return UNBOUNDED
        target = self.root
        for step in reference.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and key in target:
                target = target[key]
            elif isinstance(target, list) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            else:
                return UNBOUNDED
        return self.count(target, references)


def _depth(value: Json) -> int:
    """How deep arrays and objects nest; found level by level, so that depth itself cannot hurt."""
    level, depth = [value], 0
    while level:
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        depth += 1
    return depth


def _pattern_size(node: Json) -> int:
    if isinstance(node, list):
        return sum(map(_pattern_size, node))
    if not isinstance(node, dict):
        return 0
    total = sum(map(_pattern_size, node.values()))
    if isinstance(node.get("pattern"), str):
        total += _written_out(node["pattern"])
    if isinstance(node.get("patternProperties"), dict):
        total += sum(map(_written_out, node["patternProperties"]))
    return min(UNBOUNDED, total)


def _written_out(pattern: str) -> int:
    """The length of a pattern, in which classes weigh more as they hold thousands of characters, times the product of
    its counted repetitions: as large as nesting them could make it."""
    size = len(pattern) + CLASS_WEIGHT * len(LARGE_CLASS.findall(pattern))
    if "(?" in pattern and IGNORE_CASE.search(pattern):
        size *= CLASS_WEIGHT
    for least, most in COUNTED.findall(pattern):
        size *= max(1, int(least or 0), int(most or 0)) if len(least) + len(most) < 10 else UNBOUNDED
        if size >= UNBOUNDED:
            return UNBOUNDED
    return size
