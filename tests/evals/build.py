"""Short ways to make suites, answers and cells of a table."""

from tiercel.checks.registry import Registry
from tiercel.domain.request import Part, Text
from tiercel.domain.response import Choice, Finish, FinishReason, ModelResponse
from tiercel.evals.suite import Suite, read_suite
from tiercel.evals.task_report import Cell
from tiercel.measure.rate import rate

HEAD = 'version = 1\ntitle = "Two tasks"\n'
TASKS = """
[[tasks]]
name = "greet"
prompt = "Say hello."
gates = [{ check = "contains", options = { all = ["hello"] } }]

[[tasks]]
name = "add"
title = "Addition"
prompt = "What is 2 + 2?"
expected = "4"
gates = ["finished", "number"]
"""


def suite_of(text: str, registry: Registry) -> Suite:
    return read_suite(text, "suite.toml", registry.resolve)


def two_tasks(registry: Registry) -> Suite:
    """One about words, one about a number."""
    return suite_of(HEAD + TASKS, registry)


def said(text: str, *parts: Part, finish: FinishReason = "stop") -> ModelResponse:
    """An answer of this text."""
    texts = (Text(text=text),) if text else ()
    return ModelResponse(choices=(Choice(parts=(*texts, *parts), finish=Finish(reason=finish)),))


def cell(model: str, passed: int, n: int = 2, cost: int | None = 100, seconds: float | None = 1.0) -> Cell:
    """A model that passed so many of `n` answered runs."""
    return Cell(
        model=model,
        runs=max(n, 2),
        passed=rate(passed, n),
        median_seconds=seconds,
        cost_nano=cost,
        reasons={},
    )
