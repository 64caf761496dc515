"""The arithmetic of both tables, and the takeaway in words."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.evals.build import cell, two_tasks
from tiercel.checks.registry import Registry
from tiercel.evals.run_suite import Run
from tiercel.evals.task_report import Cell, summarise_runs, takeaway


def run(model: str, task: str, **fields: object) -> Run:
    known: dict[str, Any] = {
        "number": 1,
        "state": "passed",
        "score": 1.0,
        "calls": 1,
        "answered_by": model,
    }
    return Run(**{"task": task, "model": model, **known, **fields})


RUNS = (
    run("a", "greet", seconds=1.0, output_tokens=10, cost_nano=100, finishes=("stop",)),
    run(
        "a", "add", seconds=2.0, output_tokens=20, cost_nano=300, finishes=("length",), lost=("temperature",)
    ),
    run("a", "greet", seconds=6.0, output_tokens=30, cost_nano=200, score=0.5, state="failed", reason="dull"),
    run("a", "add", state="error", score=None, reason="timeout", calls=2, cost_nano=50),
    run("b", "greet", state="failed", score=0.0, reason="empty", seconds=None, finishes=("length", "stop")),
)


def test_a_models_row_counts_answered_runs_and_keeps_errors_apart(registry: Registry) -> None:
    row = summarise_runs(two_tasks(registry), ("a", "b"), RUNS).models[0]
    assert (row.runs, row.answered, row.passed) == (4, 3, 2)
    assert row.score == pytest.approx(2.5 / 3)
    assert (row.average_seconds, row.median_seconds, row.fastest_seconds, row.slowest_seconds) == (3, 2, 1, 6)
    assert (row.output_tokens, row.cost_nano, row.retried) == (20, 200, 1)
    assert (row.non_stop, row.errors, row.changed) == (
        {"length": 1},
        {"timeout": 1},
        {"temperature not taken": 1},
    )


def test_a_model_without_delivered_answers_has_no_latency_and_no_price(registry: Registry) -> None:
    row = summarise_runs(two_tasks(registry), ("a", "b"), RUNS).models[1]
    assert (row.average_seconds, row.fastest_seconds, row.cost_nano, row.score) == (None, None, None, 0.0)


def test_a_cell_has_the_share_with_its_n_and_the_reasons(registry: Registry) -> None:
    greet, add = summarise_runs(two_tasks(registry), ("a", "b"), RUNS).tasks
    assert [(c.model, c.passed.count, c.passed.n, c.passes) for c in greet.cells] == [
        ("a", 1, 2, False),
        ("b", 0, 1, False),
    ]
    assert [(c.runs, c.passed.n, c.reasons) for c in add.cells] == [(2, 1, {"timeout": 1}), (0, 0, {})]
    assert greet.cells[0].cost_nano == 150


@pytest.mark.parametrize(
    ("simulated", "expected"),
    [((False, False), "no"), ((True, False), "partly"), ((True, True), "wholly")],
)
def test_simulated_models_make_the_report_a_simulated_one(
    simulated: tuple[bool, bool], expected: str, registry: Registry
) -> None:
    runs = [run(model, "greet", simulated=mark) for model, mark in zip("ab", simulated, strict=True)]
    assert summarise_runs(two_tasks(registry), ("a", "b"), runs).simulated == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([cell("a", 0, 0), cell("b", 0, 0)], "nobody answered: nothing to conclude"),
        (
            [cell("a", 0), cell("b", 0)],
            "none of these passes (n = 2 each): ask a stronger model, or look whether the gate asks too much",
        ),
        ([cell("a", 0), cell("b", 1)], "none passes every time; b comes closest, 1 of 2"),
        (
            [cell("a", 2, cost=900), cell("b", 2, cost=300), cell("c", 2, cost=310)],
            "all 3 pass (n = 2 each); b does it at 33 % of a's price",
        ),
        ([cell("a", 2, cost=100), cell("b", 2, cost=98)], "all 2 pass (n = 2 each); at about the same price"),
        (
            [cell("a", 2, cost=900), cell("b", 2, cost=5), cell("c", 0)],
            "all but c pass (n = 2 each); b does it at under 1 % of a's price",
        ),
        (
            [cell("a", 2, cost=900), cell("b", 0, cost=90), cell("c", 1, cost=300)],
            "only a passes (n = 2 each); the cheaper b (10 % of its price) needs a check, and a rung above it",
        ),
        (
            [cell("a", 2, cost=90), cell("b", 0, cost=900)],
            "only a passes (n = 2 each); none of the others is known to be cheaper",
        ),
        ([cell("a", 2)], "a passes (n = 2); nothing to compare it with"),
        (
            [cell("a", 2, cost=None), cell("b", 2, seconds=0.5)],
            "all 2 pass (n = 2 each); b is the fastest of them; the price of a is unknown",
        ),
        (
            [cell("a", 2, cost=None), cell("b", 2, cost=50), cell("c", 2, cost=100)],
            "all 3 pass (n = 2 each); b does it at 50 % of c's price (that of a is unknown)",
        ),
        (
            [cell("a", 2, cost=0), cell("b", 2, cost=0)],
            "all 2 pass (n = 2 each); at about the same price",
        ),
        (
            [cell("a", 1, 1), cell("b", 2, cost=10)],
            "all 2 pass (n = 1 to 2 each); b does it at 10 % of a's price",
        ),
        (
            [cell("a", 2), cell("b", 2), cell("c", 0), cell("d", 0)],
            "a and b pass (n = 2 each); at about the same price",
        ),
    ],
)
def test_the_takeaway_says_who_passes_with_n_and_what_it_costs(cells: Sequence[Cell], expected: str) -> None:
    assert takeaway(cells) == expected
