"""Puts every task to every model, so many times, and keeps what came of each. What a model fails at ends nothing."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from tiercel.checks.run import Checks
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import FinishReason
from tiercel.evals.asked import Ask, Asked
from tiercel.evals.judge import judge
from tiercel.evals.suite import Suite, Task

EMPTY = {
    "empty": "empty answer",
    "empty_length": "empty answer: thinking used up max_tokens",
}
"""Failures that are the model's own and no accident on the way to it."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One task put to one model once. `number` counts from 1.

    `state` "error" means that nobody answered, or that a check could not measure: it says nothing about the model.
    `score` is 0 to 1. `seconds` runs from the gateway's receipt to the last byte, and is known of delivered answers
    only. `output_tokens` counts reasoning too. `finishes` are those of all calls that ended with one.
    `cost_nano` is `None` where a price is unknown. `lost` and `notes` say what of the request did not reach the model
    as it was asked.
    """

    task: str
    model: str
    number: int
    state: Literal["passed", "failed", "error"]
    score: float | None = None
    reason: str = ""
    answer: str = ""
    answered_by: str = ""
    seconds: float | None = None
    output_tokens: int | None = None
    cost_nano: int | None = None
    calls: int = 0
    finishes: tuple[FinishReason, ...] = ()
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    simulated: bool = False


async def run_suite(
    suite: Suite,
    models: Sequence[str],
    *,
    runs: int,
    ask: Ask,
    checks: Checks,
    parallel: int = 1,
    advance: Callable[[Run], None],
) -> list[Run]:
    """Every task by every model, `runs` times, `parallel` requests at a time; `advance` is told of each.

    Models take turns, so that a slow hour of the network meets all of them. The result is in the order of asking.
    """
    waiting = iter(
        [
            (place, task, model)
            for place, (task, model) in enumerate(
                (task, model) for _ in range(runs) for task in suite.tasks for model in models
            )
        ]
    )
    turn = len(suite.tasks) * len(models)
    found: dict[int, Run] = {}

    async def worker() -> None:
        for place, task, model in waiting:
            asked = await ask(task.body(model))
            found[place] = await _run(task, model, place // turn + 1, asked, checks)
            advance(found[place])

    async with asyncio.TaskGroup() as group:
        for _ in range(parallel):
            group.create_task(worker())
    return [found[place] for place in sorted(found)]


async def _run(task: Task, model: str, number: int, asked: Asked, checks: Checks) -> Run:
    run = _with_record(Run(task=task.name, model=model, number=number, state="error"), asked.record)
    if asked.response is None:
        return _unanswered(run, asked)
    run = msgspec.structs.replace(run, answer=asked.response.text)
    judged = await judge(task, asked.response, checks)
    if judged.unmeasured is not None:
        return msgspec.structs.replace(run, reason=f"could not be measured: {judged.unmeasured}")
    state: Literal["passed", "failed"] = "passed" if judged.passed else "failed"
    return msgspec.structs.replace(run, state=state, score=judged.score, reason=judged.reason)


def _with_record(run: Run, record: Record | None) -> Run:
    if record is None:
        return run
    answer = record.answer
    last = answer or _last_call(record)
    return msgspec.structs.replace(
        run,
        answered_by="" if answer is None else answer.model,
        seconds=None if answer is None else record.seconds,
        output_tokens=None if last is None or last.usage is None else last.usage.output,
        cost_nano=record.cost_nano if record.cost_known else None,
        calls=len(record.attempts),
        finishes=tuple(a.finish_reason for a in record.attempts if a.finish_reason is not None),
        lost=() if last is None else last.lost,
        notes=() if last is None else last.notes,
        simulated=record.simulated,
    )


def _unanswered(run: Run, asked: Asked) -> Run:
    """An empty answer is the model's own failure; everything else is an accident on the way."""
    last = _last_call(asked.record)
    if last is not None and last.failure is not None and last.failure.kind in EMPTY:
        return msgspec.structs.replace(run, state="failed", score=0.0, reason=EMPTY[last.failure.kind])
    return msgspec.structs.replace(run, reason=asked.problem or "nobody answered")


def _last_call(record: Record | None) -> AttemptRecord | None:
    return record.attempts[-1] if record is not None and record.attempts else None
