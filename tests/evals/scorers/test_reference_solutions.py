"""The reference solutions of HumanEval and MBPP pass their own tests through the scorer `code`: a sample of each."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.evals.scorers.build import score
from tiercel.evals.scorers.registry import ScorerRegistry

DATA = Path(__file__).parents[3] / ".." / "shared/data/evalsets"
HUMANEVAL = DATA / "humaneval/HumanEval.jsonl.gz"
MBPP = DATA / "mbpp/mbpp.jsonl"
EVERY = 40


def humaneval() -> list[dict[str, Any]]:
    if not HUMANEVAL.exists():
        return []
    with gzip.open(HUMANEVAL, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file][::EVERY]


def mbpp() -> list[dict[str, Any]]:
    if not MBPP.exists():
        return []
    return [json.loads(line) for line in MBPP.read_text("utf-8").splitlines()][10 :: EVERY * 5]


async def passes(scorers: ScorerRegistry, program: str, tests: str, entry_point: str | None = None) -> None:
    options = {"entry_point": entry_point} if entry_point else {}
    found = await score(scorers, f"```python\n{program}\n```", "code", tests, options)
    if found.unmeasured is not None and "sandbox" in found.unmeasured:
        pytest.skip(found.unmeasured)
    assert (found.met, found.unmeasured, found.value) == (True, None, 1.0), found.reason


@pytest.mark.skipif(not HUMANEVAL.exists(), reason="HumanEval is not beside the checkout")
@pytest.mark.parametrize("task", humaneval(), ids=lambda task: str(task["task_id"]))
async def test_humaneval(task: dict[str, Any], scorers: ScorerRegistry) -> None:
    await passes(scorers, task["prompt"] + task["canonical_solution"], task["test"], task["entry_point"])


@pytest.mark.skipif(not MBPP.exists(), reason="MBPP is not beside the checkout")
@pytest.mark.parametrize("task", mbpp(), ids=lambda task: str(task["task_id"]))
async def test_mbpp(task: dict[str, Any], scorers: ScorerRegistry) -> None:
    await passes(scorers, task["code"], "\n".join([task["test_setup_code"], *task["test_list"]]))
