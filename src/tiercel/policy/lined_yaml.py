"""YAML with the line of every value, for files that others wrote. Reads data only: no tag makes an object.

The one module that needs PyYAML, which the extras `litellm` and `evals` bring.
"""

from math import isfinite
from typing import Any, TypeAlias

import msgspec

from tiercel.domain.errors import ConfigError

MAX_DEPTH = 40
MAX_NODES = 200_000
"""Anchors can make a small file as large as one likes, and refer to themselves."""
Scalar: TypeAlias = str | int | float | bool | None


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A value and the line it stands on, counted from 1. Exactly one of the three is of use."""

    line: int
    scalar: Scalar = None
    table: "dict[str, Node] | None" = None
    items: "tuple[Node, ...] | None" = None

    def at(self, *keys: str) -> "Node | None":
        """What stands below these keys, one in the other; `None` where nothing does."""
        node: Node | None = self
        for key in keys:
            node = node.table.get(key) if node is not None and node.table is not None else None
        return None if node is None or node.is_empty else node

    @property
    def is_empty(self) -> bool:
        return self.scalar is None and self.table is None and self.items is None

    @property
    def entries(self) -> "dict[str, Node]":
        """The table's entries; none of what is no table."""
        return self.table or {}

    @property
    def list(self) -> "tuple[Node, ...]":
        """The items; none of what is no list."""
        return self.items or ()

    @property
    def text(self) -> str | None:
        """The scalar as text; `None` where there is none."""
        return None if self.scalar is None or self.is_table_or_list else str(self.scalar)

    @property
    def number(self) -> float | None:
        """The scalar as a finite number, also where it is written as text; `None` where it is none."""
        if self.scalar is None or isinstance(self.scalar, bool):
            return None
        try:
            number = float(self.scalar)
        except (ValueError, OverflowError):
            return None
        return number if isfinite(number) else None

    @property
    def is_table_or_list(self) -> bool:
        return self.table is not None or self.items is not None


def read_yaml(text: str, name: str, *, extra: str = "litellm", unique_keys: bool = False) -> Node:
    """The one document in `text`. Raises `ConfigError` with the line where it is not YAML, or, with `unique_keys`,
    where a key stands twice in one table. `extra` is what to install where the library is missing.
    """
    try:
        import yaml
    except ImportError as error:
        raise ConfigError(
            f"reading YAML needs more than was installed: pip install 'tiercel[{extra}]'"
        ) from error
    try:
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            reader = _Reader(loader, yaml, name, unique_keys=unique_keys)
            return Node(line=1) if root is None else reader.node(root, 0)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise ConfigError(f"{name}: line {line}: not YAML: {error.problem or 'it cannot be read'}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: it holds characters that YAML does not allow") from error
    except ValueError as error:  # a date such as 2026-02-30
        raise ConfigError(f"{name}: not YAML: {type(error).__name__} in a value") from error


class _Reader:
    """Makes our nodes of the library's, which has no types of its own to speak of."""

    def __init__(self, loader: Any, yaml: Any, name: str, *, unique_keys: bool) -> None:
        self._loader = loader
        self._yaml = yaml
        self._name = name
        self._unique_keys = unique_keys
        self._count = 0

    def node(self, node: Any, depth: int) -> Node:
        line: int = node.start_mark.line + 1
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            raise ConfigError(f"{self._name}: line {line}: nested too deeply, or too large")
        if isinstance(node, self._yaml.MappingNode):
            if self._unique_keys:
                self._refuse_twins(node)
            self._loader.flatten_mapping(node)
            pairs = [(self.node(key, depth + 1).text, value) for key, value in node.value]
            table = {key: self.node(value, depth + 1) for key, value in pairs if key is not None}
            return Node(line=line, table=table)
        if isinstance(node, self._yaml.SequenceNode):
            return Node(line=line, items=tuple(self.node(item, depth + 1) for item in node.value))
        value = self._loader.construct_object(node)
        if isinstance(value, str) and not value.isascii() and not _is_text(value):
            raise ConfigError(
                f"{self._name}: line {line}: half of a character, which no file of ours can hold"
            )
        return Node(
            line=line, scalar=value if isinstance(value, str | int | float | bool | None) else str(value)
        )

    def _refuse_twins(self, node: Any) -> None:
        """Before merged keys (`<<`) are put in: those may be overridden."""
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, self._yaml.ScalarNode) or key.tag.endswith(":merge"):
                continue
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ConfigError(
                    f"{self._name}: line {line}: the key {key.value!r} stands on line {seen[key.value]} already; "
                    "only one of them can hold"
                )
            seen[key.value] = line


def _is_text(value: str) -> bool:
    """Whether it can be written: YAML's escapes can name half a character."""
    return not any("\ud800" <= char <= "\udfff" for char in value)
