"""The seven signals of a model: each with its interval, or the reason why there is none."""

from pathlib import Path

import pytest

from tests.evals.comparing.runs import items_of, measured, rows, run_of
from tiercel.checks.registry import Registry
from tiercel.evals.comparing.assessment import assess_run
from tiercel.evals.comparing.metrics import CODE_SCORERS, FORMAT_SCORERS
from tiercel.evals.comparing.signals import Signals
from tiercel.evals.evaluation import Expectation
from tiercel.evals.judging import judging_scorers
from tiercel.evals.reporting.table import signal_rows
from tiercel.evals.results import CallMade, Score
from tiercel.evals.scorers.registry import ScorerRegistry

CALL = CallMade(model="m")


def signals(marks: str, **fields: object) -> Signals:
    return assess_run(run_of({"m": marks}, **fields)).models[0]  # type: ignore[arg-type]  # fields of a result


def test_cached_answers_have_no_latency() -> None:
    items = items_of(40)
    cached = rows("m", "+" * 20, items[:20], cached=True, seconds=None)
    found = assess_run(measured([*cached, *rows("m", "+" * 20, items[20:], seconds=2.0)], items)).models[0]
    assert (found.cached, found.seconds.p50.n, found.seconds.p50.value) == (20, 20, 2.0)
    only = assess_run(measured(cached, items[:20])).models[0]
    assert only.seconds.p50.value is None
    assert only.seconds.p50.why == "all answers came from the cache"


@pytest.mark.parametrize(
    ("n", "given"), [(19, (True, False, False)), (20, (True, True, False)), (500, (True,) * 3)]
)
def test_percentiles_are_refused_below_their_least_number(n: int, given: tuple[bool, bool, bool]) -> None:
    found = signals("+" * n).seconds
    assert tuple(figure.value is not None for figure in (found.p50, found.p95, found.p99)) == given
    assert found.p99.why == ("" if n == 500 else f"500 values are needed, and there are {n}")


def test_cost_per_success_charges_failures_too() -> None:
    found = signals("+-" * 20)
    assert found.cost_per_success_nano.value == 2_000_000
    assert found.cost_per_success_nano.low is not None


@pytest.mark.parametrize(
    ("marks", "cost", "why"),
    [
        ("+-", None, "the price of 2 of 2 answers is not known"),
        ("--", 5, "nothing passed"),
        ("ee", 5, "nothing was answered"),
    ],
)
def test_a_cost_that_cannot_be_told_says_why(marks: str, cost: int | None, why: str) -> None:
    found = signals(marks, cost_nano=cost).cost_per_success_nano
    assert (found.value, found.why) == (None, why)


def test_format_following_is_of_items_that_ask_for_a_form() -> None:
    asking = items_of(10, expectations=(Expectation(scorer="is-json"), Expectation(scorer="contains")))
    for_none = [item for item in items_of(20)[10:]]
    met = (Score(name="is-json", met=True), Score(name="contains", met=False))
    results = rows("m", "-" * 9, asking[:9], scores=met)
    results += rows("m", "-", asking[9:], scores=(Score(name="is-json", met=False),), kind="invalid_json")
    found = assess_run(measured([*results, *rows("m", "-" * 10, for_none)], [*asking, *for_none])).models[0]
    assert (found.format_following.value, found.format_following.n) == (0.9, 10)


def test_reasoning_counts_items_that_were_right_every_time() -> None:
    items = items_of(4, metadata={"task": "reasoning"})
    results = [*rows("m", "++--", items, 1), *rows("m", "+-+-", items, 2)]
    found = assess_run(measured(results, items)).models[0]
    assert (found.reasoning.value, found.reasoning.n) == (0.25, 4)


@pytest.mark.parametrize(
    "asked", [{"expectations": (Expectation(scorer="code"),)}, {"metadata": {"task": "coding"}}]
)
def test_coding_accuracy_is_of_items_whose_answers_are_run(asked: dict[str, object]) -> None:
    items = [*items_of(2, **asked), *items_of(4)[2:]]
    found = assess_run(run_of({"m": "+---"}, items)).models[0]
    assert (found.coding.value, found.coding.n) == (0.5, 2)


def test_what_an_evaluation_cannot_show_says_so() -> None:
    found = signals("+-", finish=None, calls=(), ttfa_seconds=None)
    assert [
        figure.why
        for figure in (
            found.format_following,
            found.reasoning,
            found.coding,
            found.stopped,
            found.retried,
            found.ttfa_seconds.p50,
        )
    ] == [
        "no item asks for a form",
        "no item has metadata task: reasoning",
        "no item is scored by running code, nor has metadata task: coding",
        "no finish reason is known",
        "no calls are known",
        "it is only known of streams",
    ]


def test_finish_reasons_and_retries_are_shares_with_their_counts() -> None:
    items = items_of(4)
    results = rows("m", "++", items[:2]) + rows("m", "--", items[2:], finish="length", calls=(CALL, CALL))
    found = assess_run(measured(results, items)).models[0]
    assert (found.stopped.value, found.finishes) == (0.5, {"stop": 2, "length": 2})
    assert (found.retried.value, found.retried.n) == (0.5, 4)


@pytest.mark.parametrize(
    ("cost", "judge", "text", "detail"),
    [
        (1_000_000, Score(name="j", cost_nano=500_000, calls=1), "$0.003", "and $0.0015 for judges"),
        (
            1_000_000,
            Score(name="j", cost_nano=500_000, calls=2, unpriced_calls=1),
            "$0.003",
            "and at least $0.0015 for judges; 3 judge calls of unknown price",
        ),
        (0, Score(name="j", calls=1), "$0", ""),
        (
            None,
            Score(name="j", calls=1, unpriced_calls=1),
            "unknown",
            "3 answers of unknown price; 3 judge calls of unknown price",
        ),
    ],
)
def test_what_was_spent_says_what_is_not_in_it(
    cost: int | None, judge: Score, text: str, detail: str
) -> None:
    """Free and of unknown price are two things."""
    model = signals("+++", cost_nano=cost, scores=(judge,))
    (spent,) = (row.cells[0] for row in signal_rows((model,)) if row.key == "spent_usd")
    assert (spent.text, spent.detail) == (text, detail)


def test_another_pair_has_no_price_where_a_judge_has_none() -> None:
    judge = Score(name="j", calls=1, unpriced_calls=1)
    known = run_of({"old": "+-++", "new": "++-+"}, cost_nano=1_000_000)
    unknown = run_of({"old": "+-++", "new": "++-+"}, cost_nano=1_000_000, scores=(judge,))
    assert [assess_run(one).contenders[0].cost_per_pair_nano for one in (known, unknown)] == [2_000_000, None]


def test_errors_are_counted_by_kind_and_cost_what_they_cost() -> None:
    found = signals("++ee")
    assert (found.answered, found.errors, found.spent_nano) == (2, {"timeout": 2}, 4_000_000)
    assert found.cost_per_success_nano.value == 1_000_000


def test_the_scorers_that_make_signals_exist() -> None:
    known = {info.name for info in ScorerRegistry(Registry.load(), judging_scorers(), folder=Path()).infos}
    assert known >= FORMAT_SCORERS | CODE_SCORERS
