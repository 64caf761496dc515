"""A scorer that crashes, overruns or gives nonsense never counts against the candidate."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evals.scorers.build import answer
from tiercel.checks.registry import Registry
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Evaluation, Expectation, Item
from tiercel.evals.scorers.own import Own
from tiercel.evals.scorers.registry import ScorerRegistry
from tiercel.evals.scorers.run import contained, score_answer
from tiercel.evals.scorers.scorer import Scored, ScorerError, ScorerInfo


def own(function: Callable[..., object], seconds: float = 10.0) -> Own:
    return Own(info=ScorerInfo(name="own", summary="", seconds=seconds), function=function)


def crashes(text: str, value: object) -> float:
    raise RuntimeError("broken")


async def crashes_later(text: str, value: object) -> float:
    raise RuntimeError("broken")


async def never_ends(text: str, value: object) -> float:
    await asyncio.Event().wait()
    return 1.0


def sleeps(text: str, value: object) -> float:
    time.sleep(30)
    return 1.0


BAD = {
    "crashes": (crashes, "it crashed: RuntimeError: broken"),
    "crashes as a coroutine": (crashes_later, "crashed with RuntimeError: broken"),
    "takes too long": (never_ends, "took longer than 0.2 s"),
    "takes too long in its thread": (sleeps, "took longer than 0.2 s"),
    "gives a word": (lambda text, value: "good", "gave 'good', which is no score from 0 to 1"),
    "gives too much": (lambda text, value: 7, "gave 7, which is no score"),
    "gives no number": (lambda text, value: float("nan"), "gave nan, which is no score"),
    "gives nothing": (lambda text, value: None, "gave None"),
    "takes other arguments": (lambda: 1, "TypeError"),
}


@pytest.mark.parametrize(("function", "told"), BAD.values(), ids=BAD)
async def test_what_a_scorer_does_wrong_is_said_and_counts_for_nothing(
    function: Callable[..., object], told: str
) -> None:
    scorer = own(function, seconds=0.2 if "longer" in told else 10.0)
    found = await contained(scorer, answer("4"), Expectation(scorer="own"))
    assert isinstance(found, ScorerError)
    assert told in str(found)


GOOD = {
    "a truth": (lambda text, value: text == value, 1.0, ""),
    "a score": (lambda text, value: 0.25, 0.25, ""),
    "with a reason": (lambda text, value: (0.5, "half"), 0.5, "half"),
    "as it is inside": (lambda text, value: Scored(value=0.75, reason="so"), 0.75, "so"),
    "with the item": (lambda text, value, item: item["id"] == "q", 1.0, ""),
    "with its options": (lambda text, value, options: not options, 1.0, ""),
}


@pytest.mark.parametrize(("function", "value", "reason"), GOOD.values(), ids=GOOD)
async def test_a_function_of_ones_own_may_give(
    function: Callable[..., object], value: float, reason: str
) -> None:
    found = await contained(own(function), answer("4"), Expectation(scorer="own", value="4"))
    assert isinstance(found, Scored)
    assert (found.value, found.reason) == (value, reason)


def evaluated(expectation: Expectation) -> Evaluation:
    return Evaluation(name="e", candidates=(), items=(Item(id="q", body={}, expectations=(expectation,)),))


async def test_a_function_is_found_in_a_module_beside_the_evaluation(
    tmp_path: Path, registry: Registry
) -> None:
    tmp_path.joinpath("my_scorers_beside.py").write_text(
        "def even(text, value):\n    return int(text) % 2 == 0\n"
    )
    scorers = ScorerRegistry(registry, folder=tmp_path)
    expectation = Expectation(scorer="my_scorers_beside:even")
    scorers.prepare(evaluated(expectation))
    found = await score_answer(answer("4", expectation), scorers)
    assert found.passed


def test_a_module_that_breaks_when_imported_is_named(tmp_path: Path, registry: Registry) -> None:
    tmp_path.joinpath("my_broken_scorers.py").write_text("1 / 0\n")
    scorers = ScorerRegistry(registry, folder=tmp_path)
    with pytest.raises(ConfigError, match=r"my_broken_scorers:f.*ZeroDivisionError"):
        scorers.prepare(evaluated(Expectation(scorer="my_broken_scorers:f")))
