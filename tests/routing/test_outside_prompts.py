"""Prompts that others wrote, where they are at hand: a hard task is not sent to the cheap tasks' ladder."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.routing.confusion import CHEAP
from tests.routing.made import request
from tiercel.domain.facts import Task
from tiercel.domain.request import Hints
from tiercel.routing.facts import read_facts

DATA = Path(__file__).parents[3] / "shared" / "data" / "evalsets"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the evaluation sets beside the checkout are absent"
)


def lines(path: str) -> Iterable[dict[str, str]]:
    opened = gzip.open if path.endswith(".gz") else open
    with opened(DATA / path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize(
    ("path", "field", "task"),
    [
        ("gsm8k/test.jsonl", "question", "reasoning"),
        ("mbpp/mbpp.jsonl", "text", "coding"),
        ("humaneval/HumanEval.jsonl.gz", "prompt", "coding"),
    ],
)
def test_word_problems_and_programming_tasks_are_recognised(path: str, field: str, task: Task) -> None:
    """At least nine in ten, and no more than one in a hundred taken for a cheap task."""
    found = Counter(read_facts(request(line[field]), Hints()).task for line in lines(path))
    assert found[task] >= 0.9 * found.total(), found
    assert sum(found[cheap] for cheap in CHEAP) <= 0.01 * found.total(), found
