"""Every task by every model, so many times; what one model fails at ends nothing."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from tests.evals.build import said, two_tasks
from tiercel.checks.registry import Registry
from tiercel.domain.failure import Failure, FailureKind
from tiercel.domain.record import AttemptRecord, Record
from tiercel.domain.response import FinishReason, Usage
from tiercel.evals.asked import Ask, Asked
from tiercel.evals.run_suite import Run, run_suite

Answer = Callable[[str, str], Asked]
"""From the model's name and the prompt."""


def record(
    model: str,
    *,
    seconds: float = 1.0,
    failure: FailureKind | None = None,
    finish: FinishReason = "stop",
    lost: Sequence[str] = (),
) -> Record:
    """The record of one call, delivered unless it failed."""
    attempt = AttemptRecord(
        number=1,
        why="first",
        rung=model,
        deployment=model,
        provider="p",
        model=model,
        state="answered" if failure is None else "failed",
        failure=None if failure is None else Failure(kind=failure, message="went wrong"),
        usage=Usage(uncached=10, visible=20, reasoning=5),
        cost_nano=7,
        finish_reason=finish,
        lost=tuple(lost),
    )
    return Record(
        id="r",
        started_at=0.0,
        seconds=seconds,
        outcome="passed" if failure is None else "failed",
        attempts=(attempt,),
        delivered=1 if failure is None else None,
    )


def right(model: str, prompt: str) -> Asked:
    return Asked(response=said("hello" if "hello" in prompt else "4"), record=record(model))


def asking(answer: Answer, asked: list[tuple[str, str]] | None = None) -> Ask:
    """An `ask` that notes what it was asked."""

    async def ask(body: bytes, *, helped: bool = False) -> Asked:
        request = msgspec.json.decode(body)
        prompt = request["messages"][-1]["content"]
        if asked is not None:
            asked.append((request["model"], prompt))
        await asyncio.sleep(0)
        return answer(request["model"], prompt)

    return ask


async def ran(answer: Answer, registry: Registry, *, runs: int = 1, parallel: int = 1) -> list[Run]:
    return await run_suite(
        two_tasks(registry),
        ("a", "b"),
        runs=runs,
        ask=asking(answer),
        checks=registry,
        parallel=parallel,
        advance=lambda run: None,
    )


async def test_models_take_turns_task_by_task_run_by_run(registry: Registry) -> None:
    asked: list[tuple[str, str]] = []
    seen: list[Run] = []
    await run_suite(
        two_tasks(registry),
        ("a", "b"),
        runs=2,
        ask=asking(right, asked),
        checks=registry,
        advance=seen.append,
    )
    one_round = [(m, p) for p in ("Say hello.", "What is 2 + 2?") for m in ("a", "b")]
    assert asked == one_round * 2
    assert [(run.task, run.model, run.number) for run in seen] == [
        (task, model, number) for number in (1, 2) for task in ("greet", "add") for model in ("a", "b")
    ]


async def test_the_result_is_in_the_order_of_asking_however_many_ran_at_once(registry: Registry) -> None:
    together = await ran(right, registry, runs=3, parallel=5)
    assert together == await ran(right, registry, runs=3)


async def test_a_run_keeps_what_its_record_says(registry: Registry) -> None:
    def answer(model: str, prompt: str) -> Asked:
        return Asked(response=said("hello 4"), record=record(model, seconds=2.5, lost=["temperature"]))

    run = (await ran(answer, registry))[0]
    assert run == Run(
        task="greet",
        model="a",
        number=1,
        state="passed",
        score=1.0,
        answer="hello 4",
        answered_by="a",
        seconds=2.5,
        output_tokens=25,
        cost_nano=7,
        calls=1,
        finishes=("stop",),
        lost=("temperature",),
    )


async def test_a_model_that_cannot_be_reached_does_not_stop_the_others(registry: Registry) -> None:
    def answer(model: str, prompt: str) -> Asked:
        if model == "a":
            return Asked(problem="the key was refused", record=record(model, failure="auth"))
        return right(model, prompt)

    runs = await ran(answer, registry)
    assert [(run.model, run.state, run.reason) for run in runs] == [
        ("a", "error", "the key was refused"),
        ("b", "passed", ""),
    ] * 2


async def test_an_empty_answer_is_the_models_own_failure_and_no_error(registry: Registry) -> None:
    def answer(model: str, prompt: str) -> Asked:
        return Asked(problem="empty", record=record(model, failure="empty_length", finish="length"))

    run = (await ran(answer, registry))[0]
    assert (run.state, run.score, run.reason, run.finishes, run.seconds) == (
        "failed",
        0.0,
        "empty answer: thinking used up max_tokens",
        ("length",),
        None,
    )


async def test_an_answer_that_could_not_be_measured_is_an_error_and_no_failure(registry: Registry) -> None:
    suite = two_tasks(registry)
    blind = msgspec.structs.replace(suite.tasks[1], request=suite.tasks[0].request)
    runs = await run_suite(
        msgspec.structs.replace(suite, tasks=(blind,)),
        ("a",),
        runs=1,
        ask=asking(right),
        checks=registry,
        advance=lambda run: None,
    )
    assert runs[0].state == "error"
    assert runs[0].reason.startswith("could not be measured: number: ")


async def test_an_unknown_price_stays_unknown(registry: Registry) -> None:
    def answer(model: str, prompt: str) -> Asked:
        priced = record(model)
        attempt = msgspec.structs.replace(priced.attempts[0], cost_nano=None)
        return Asked(response=said("hello 4"), record=msgspec.structs.replace(priced, attempts=(attempt,)))

    assert {run.cost_nano for run in await ran(answer, registry)} == {None}
