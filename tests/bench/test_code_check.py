"""Right programs pass the check `code`, the same with one change mostly do not: a sample of what `bench` runs whole."""

import asyncio
import random
from functools import cache

import pytest

from bench.code_check import (
    CHANGES,
    DATA,
    Change,
    Tried,
    attempt_all,
    changed,
    changed_tasks,
    human_eval,
    mbpp,
    passes,
)
from tiercel.checks.sandbox.boxes import find_confinement
from tiercel.domain.errors import CheckError

PROGRAM = "def f(x):\n    if x < 3:\n        return x + 1\n    return None\n"


@pytest.mark.parametrize(
    ("change", "program"),
    [
        ("comparison turned round", "def f(x):\n    if x >= 3:\n        return x + 1\n    return None"),
        ("constant returned", "def f(x):\n    if x < 3:\n        return None\n    return None"),
    ],
)
def test_a_change_is_one_change(change: Change, program: str) -> None:
    assert changed(PROGRAM, change, random.Random(1)) == program


def test_a_number_is_off_by_one_at_one_place() -> None:
    found = {changed(PROGRAM, "number off by one", random.Random(seed)) for seed in range(20)}
    assert found == {PROGRAM.replace("3", "4").strip(), PROGRAM.replace("1", "2").strip()}


def test_where_there_is_nothing_to_change_nothing_is() -> None:
    assert [changed("def f(x): print(x)", change, random.Random(1)) for change in CHANGES] == [
        None,
        None,
        None,
    ]


@cache
def sample() -> tuple[Tried, ...]:
    """Some tasks of both sets, as they are and changed. Those that must pass have time, also on a busy machine."""
    if not DATA.exists():
        pytest.skip("the data of HumanEval and MBPP is not there")
    try:
        asyncio.run(find_confinement())
    except CheckError as error:
        pytest.skip(str(error))
    tasks = [*human_eval(DATA)[::12], *mbpp(DATA)[::75]]
    as_they_are = asyncio.run(attempt_all([("reference", task) for task in tasks], seconds=30.0))
    return (*as_they_are, *asyncio.run(attempt_all(changed_tasks(tasks), seconds=2.0)))


def test_reference_solutions_pass() -> None:
    missed = [
        (one.name, one.error, one.verdict) for one in sample() if one.group == "reference" and not passes(one)
    ]
    assert missed == []


def test_most_changed_ones_do_not() -> None:
    """Some changes make no difference, and some make one that no test asks for."""
    verdicts = [passes(one) for one in sample() if one.group != "reference"]
    assert None not in verdicts
    assert len(verdicts) > 40
    assert verdicts.count(False) > 0.75 * len(verdicts)
