"""Sketches against sorted lists."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.records.sketch import MANY, RELATIVE_ERROR, SMALLEST, Sketch

seconds = st.floats(min_value=0, max_value=1e11, allow_nan=False)
some = st.lists(seconds, max_size=60)


def sketch_of(values: list[float]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


def exact(values: list[float], q: float) -> float:
    return sorted(values)[max(1, math.ceil(q * len(values) - 1e-9)) - 1]


@given(some.filter(bool), st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_the_stated_error(values: list[float], q: float) -> None:
    found, right = sketch_of(values).quantile(q), exact(values, q)
    assert found is not None
    assert abs(found - right) <= max(RELATIVE_ERROR * right * (1 + 1e-9), SMALLEST)


@given(some, some)
def test_two_sketches_add_up_to_that_of_all_values(one: list[float], other: list[float]) -> None:
    together = sketch_of(one)
    together.merge(sketch_of(other))
    assert together.buckets == sketch_of(one + other).buckets


@given(some)
def test_it_survives_as_bytes(values: list[float]) -> None:
    sketch = sketch_of(values)
    assert Sketch.from_bytes(sketch.to_bytes()).buckets == sketch.buckets


def test_without_values_there_is_no_quantile() -> None:
    assert Sketch().quantile(0.5) is None
    assert Sketch().to_bytes() == b""


def test_ten_thousand_latencies_take_a_few_hundred_bytes() -> None:
    """From 0.1 s to 100 s, evenly over their logarithms: many more different ones than in life."""
    sketch = sketch_of([10 ** (-1 + 3 * i / 10_000) for i in range(10_000)])
    assert len(sketch.to_bytes()) < 1_000


@pytest.mark.parametrize("value", [-1.0, 0.0, 1e12, 1e300])
def test_what_no_clock_measures_breaks_nothing(value: float) -> None:
    assert sketch_of([value]).n == 1


@pytest.mark.parametrize("count", [0, 1, MANY - 1, MANY, 3 * MANY])
def test_many_sketches_at_once_are_the_same_as_one_after_the_other(count: int) -> None:
    single = [Sketch() for _ in range(count)]
    for place, sketch in enumerate(single):
        for value in (0.0, 0.1 * place, 7.5, 1e13):
            sketch.add(value)
    whole = Sketch()
    for sketch in single:
        whole.merge(sketch)
    assert Sketch.of_all([sketch.to_bytes() for sketch in single]).buckets == whole.buckets
