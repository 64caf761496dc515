"""Values cross between the processes exactly; what cannot is referred to, and never rebuilt from code."""

import json
import math
from collections import Counter, OrderedDict, deque, namedtuple
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.checks.sandbox.inside.values import Encoded, decode, encode

Point = namedtuple("Point", "x y")


class References:
    """Keeps what does not go by value."""

    def __init__(self) -> None:
        self.kept: list[object] = []

    def refer(self, value: object) -> Encoded:
        self.kept.append(value)
        return {"handle": len(self.kept) - 1}

    def find(self, kind: str, body: Encoded) -> object:
        if kind != "handle":
            raise ValueError(kind)
        return self.kept[body]


def crossed(value: object) -> Any:
    references = References()
    return decode(json.loads(json.dumps(encode(value, references))), references)


HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=8,
)
VALUES = st.recursive(
    HASHABLE
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.sets(HASHABLE, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_arrives_as_it_was(value: object) -> None:
    arrived = crossed(value)
    assert (arrived, type(arrived)) == (value, type(value))


@pytest.mark.parametrize(
    "value",
    [
        2**53,
        -(10**4_000),
        -0.0,
        math.inf,
        "\ud800 lone",
        bytearray(b"ab"),
        range(1, 10, 2),
        Ellipsis,
        len,
        int,
        ValueError,
        Counter("hello"),
        OrderedDict(b=1, a=2),
        deque([1, 2], maxlen=3),
        Point(1, [2]),
        date(2026, 1, 31),
        datetime(2026, 1, 31, 12, 30),
        time(12, 30),
        timedelta(days=-1, microseconds=7),
        Decimal("1.10"),
        Fraction(1, 3),
        {(1, 2): {3}, None: [()]},
        {True: 1, "1": 2},
    ],
    ids=lambda value: type(value).__name__,
)
def test_rarer_values_do_too(value: Any) -> None:
    arrived = crossed(value)
    assert (repr(arrived), arrived == value) == (repr(value), True)


def test_a_number_longer_than_python_writes_out_does_too() -> None:
    assert crossed(10**6_000) == 10**6_000


def test_nan_stays_nan() -> None:
    assert math.isnan(crossed(math.nan))


@pytest.mark.parametrize("value", [object(), lambda: 1, type("Mine", (), {}), type("Mine", (int,), {})(1)])
def test_what_is_no_value_is_referred_to(value: object) -> None:
    assert crossed([value])[0] is value


def test_what_contains_itself_is_referred_to_as_a_whole() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert crossed(endless) is endless


def test_a_class_that_claims_to_be_a_standard_one_is_not_taken_for_it() -> None:
    claims = type("Decimal", (), {"__module__": "decimal", "__str__": lambda self: "1"})()
    assert crossed(claims) is claims


@pytest.mark.parametrize(
    "encoded",
    [
        {"pickle": "gASVAAAAAAAAAAA="},
        {"builtin": "__nothing__"},
        {"int": "zz"},
        {"bytes": "x"},
        {"dict": [[[], 1]]},
        {"dict": [1]},
        {"set": [[]]},
        {"range": [1, 2, 0]},
        {"namedtuple": ["P", ["class"], [1]]},
        {"Decimal": "one"},
        {"date": "yesterday"},
        {"handle": 99},
        {},
        {"a": 1, "b": 2},
    ],
    ids=str,
)
def test_nonsense_is_refused(encoded: Encoded) -> None:
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError, ArithmeticError)):
        decode(encoded, References())


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_json_comes_it_is_a_value_or_refused(encoded: Encoded) -> None:
    try:
        decode(encoded, References())
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        return
