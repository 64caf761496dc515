"""The suites that come with Tiercel: each item's right answer passes, its plausible wrong one and silence do not."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from tiercel.checks.registry import Registry
from tiercel.domain.facts import Task
from tiercel.domain.request import Text, ToolCall
from tiercel.domain.response import Choice, Finish, ModelResponse
from tiercel.evals.evaluation import Candidate, Evaluation, Item
from tiercel.evals.files import Surroundings, load_evaluation
from tiercel.evals.scorers.calling import right_calls
from tiercel.evals.scorers.registry import ScorerRegistry
from tiercel.evals.scorers.run import Measured, score_answer
from tiercel.evals.scorers.scorer import Answer
from tiercel.evals.suites import NAMES, shipped_suite
from tiercel.wire.registry import CODECS

LEFT_OUT = {"unknown"}
"""No task, so that there is no suite of it."""


@pytest.fixture(scope="module")
def scorers() -> Iterator[ScorerRegistry]:
    checks = Registry.load()
    yield ScorerRegistry(checks)
    asyncio.run(checks.aclose())


def read(name: str, folder: Path) -> Evaluation:
    """As `tiercel eval init --suite` writes it."""
    checks = Registry.load()
    suite = shipped_suite(name, checks.resolve)
    path = folder / name
    path.mkdir()
    (path / suite.file).write_text(suite.items, "utf-8")
    for picture, content in suite.pictures.items():
        (path / picture).parent.mkdir(exist_ok=True)
        (path / picture).write_bytes(content)
    (path / "eval.yaml").write_text(f"targets: [auto]\ntests: {suite.file}\n")
    return load_evaluation(path / "eval.yaml", Surroundings(scorers=ScorerRegistry(checks)))


async def measured(scorers: ScorerRegistry, item: Item, text: str, *calls: ToolCall) -> Measured:
    parts = ((Text(text=text),) if text else ()) + calls
    answer = Answer(
        item=item,
        candidate=Candidate(id="a", address="a"),
        request=CODECS["openai_chat"].decode_request(msgspec.json.encode({"model": "a", **item.body})),
        response=ModelResponse(choices=(Choice(parts=parts, finish=Finish(reason="stop")),)),
    )
    return await score_answer(answer, scorers)


def calls_of(item: Item) -> tuple[ToolCall, ...]:
    """The calls that the item wants."""
    wanted = [
        call
        for expectation in item.expectations
        if expectation.scorer == "tool-call"
        for call in right_calls(expectation.value)
    ]
    return tuple(
        ToolCall(id=str(number), name=name, arguments=msgspec.json.encode(arguments).decode())
        for number, (name, arguments) in enumerate(wanted)
    )


def test_every_task_that_routing_knows_has_a_suite() -> None:
    assert {*get_args(Task)} - LEFT_OUT <= {*NAMES}


@pytest.mark.parametrize("name", NAMES)
async def test_right_answers_pass_and_wrong_ones_do_not(
    name: str, tmp_path: Path, scorers: ScorerRegistry
) -> None:
    items = read(name, tmp_path).items
    assert len(items) >= (8 if name != "five-tasks" else 5)
    told = []
    for item in items:
        calls = calls_of(item)
        text = "" if calls else item.target[0]
        right = await measured(scorers, item, text, *calls)
        if not right.passed:
            told.append(f"{item.id}: right answer: {right.unmeasured or right.misses}")
        wrong = item.metadata.get("wrong")
        assert isinstance(wrong, str), item.id
        for answer in (wrong, ""):
            found = await measured(scorers, item, answer)
            if found.passed or found.unmeasured:
                told.append(f"{item.id}: {answer[:40]!r} passes, {found.unmeasured}")
    assert told == []
