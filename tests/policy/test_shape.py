"""The reader's own comparison agrees with msgspec, which does the conversion, on every value."""

import copy
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.policy import shipped_policy_text
from tiercel.policy.policy_tables import PolicyFile
from tiercel.policy.problems import Problems
from tiercel.policy.settings_tables import SettingsFile
from tiercel.policy.shape import find_problems

SHIPPED = tomllib.loads(shipped_policy_text())
SETTINGS = tomllib.loads("""
version = 1
[listener]
keys_env = ["A"]
port = 1
[storage]
retention_days = 3
[providers.own]
format = "anthropic"
base_url = "http://x"
key_env = ["A", "B"]
residency = "eu"
headers = { "X-Title" = "t" }
[models.m]
modalities = ["text"]
efforts = ["low"]
served_by = { own = "m" }
[models.m.prices]
input_usd_per_million = 1
output_usd_per_million = 2.5
long = { input_usd_per_million = 1, output_usd_per_million = 2 }
[deployments.d]
model = "m"
provider = "own"
weight = 2
""")

scalars = st.one_of(
    st.booleans(),
    st.integers(-5, 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "fast", "text", "high", "a@low", "a b", "deliver", "1"]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "ladder", "when", "check", "a b", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every path into a table, inner nodes and leaves."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def replaced(table: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    result = copy.deepcopy(table)
    node: Any = result
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return result


def noted(table: object, kind: type) -> list[str]:
    problems = Problems("file", {})
    find_problems(table, kind, problems)
    return problems.lines


def converts(table: object, kind: type) -> bool:
    try:
        msgspec.convert(table, kind)
    except msgspec.ValidationError:
        return False
    return True


@given(path=st.sampled_from(list(places(SHIPPED))), value=values)
def test_policy_problems_are_noted_exactly_where_conversion_would_fail(
    path: tuple[str | int, ...], value: Any
) -> None:
    """Any value put anywhere into a policy is either noted as a problem or converts."""
    table = replaced(SHIPPED, path, value)
    assert (noted(table, PolicyFile) == []) == converts(table, PolicyFile)


@given(path=st.sampled_from(list(places(SETTINGS))), value=values)
def test_settings_problems_are_noted_exactly_where_conversion_would_fail(
    path: tuple[str | int, ...], value: Any
) -> None:
    """Any value put anywhere into settings is either noted as a problem or converts."""
    table = replaced(SETTINGS, path, value)
    assert (noted(table, SettingsFile) == []) == converts(table, SettingsFile)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    """TOML can write nan and inf; no deadline can be either."""
    table = replaced(SHIPPED, ("limits", "deadline_seconds"), value)
    assert noted(table, PolicyFile) == ["file: limits.deadline_seconds: expected a finite number"]
