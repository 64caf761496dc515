"""Does the check `code` tell right programs from wrong ones? `python -m bench.code_check`, several minutes.

The reference solutions of HumanEval and MBPP must pass their own tests. The same solutions with one real change each
should not. Some changed programs still do the same, and some do wrong what no test asks for: a share below 1 among
them says as much of the tests as of the check. A program that is stopped as its time is up counts as failed.
"""

import argparse
import ast
import asyncio
import gzip
import random
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from tiercel.checks.check import Subject
from tiercel.checks.code import Code
from tiercel.checks.sandbox.boxes import RUN_SECONDS, Boxes, interpreter, run_box, try_out
from tiercel.checks.sandbox.confinement import Confinement, bubblewrap, landlock
from tiercel.checks.sandbox.outcome import Job
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.request import ModelRequest, Text
from tiercel.domain.response import Choice, Finish

DATA = Path(__file__).parents[2] / "shared" / "data" / "evalsets"
SEED = 20_260
DOUBLE = "def f(x): return 2 * x"

Change = Literal["comparison turned round", "number off by one", "constant returned"]
CHANGES: tuple[Change, ...] = ("comparison turned round", "number off by one", "constant returned")

OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A program with its tests. `entry_point` is what `check(candidate)` is to try."""

    name: str
    program: str
    tests: str
    entry_point: str | None = None


class Tried(NamedTuple):
    """What the check said of one program, and how long it took."""

    group: str
    name: str
    verdict: Verdict | None
    error: str
    seconds: float


def human_eval(folder: Path) -> list[Task]:
    """The 164 tasks with their solutions."""
    with gzip.open(folder / "humaneval" / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [msgspec.json.decode(line) for line in lines]
    return [
        Task(
            name=row["task_id"],
            program=row["prompt"] + row["canonical_solution"],
            tests=row["test"],
            entry_point=row["entry_point"],
        )
        for row in rows
    ]


def mbpp(folder: Path) -> list[Task]:
    """The 974 tasks with their solutions."""
    with (folder / "mbpp" / "mbpp.jsonl").open(encoding="utf-8") as lines:
        rows = [msgspec.json.decode(line) for line in lines]
    return [
        Task(
            name=f"MBPP/{row['task_id']}",
            program=row["code"],
            tests="\n".join([row["test_setup_code"], *row["test_list"]]),
        )
        for row in rows
    ]


def changed(program: str, change: Change, dice: random.Random) -> str | None:
    """The program with one change of this kind at a place drawn by lot; `None` where there is no such place."""
    with warnings.catch_warnings(action="ignore"):  # some of these programs are of an older taste
        tree = ast.parse(program)
    places = [node for node in ast.walk(tree) if _can(node, change)]
    if not places:
        return None
    _apply(dice.choice(places), change)
    return ast.unparse(tree)


def _can(node: ast.AST, change: Change) -> bool:
    match change:
        case "comparison turned round":
            return isinstance(node, ast.Compare)
        case "number off by one":
            return isinstance(node, ast.Constant) and type(node.value) is int
        case "constant returned":
            return (
                isinstance(node, ast.Return)
                and node.value is not None
                and not isinstance(node.value, ast.Constant)
            )


def _apply(node: ast.AST, change: Change) -> None:
    match node:
        case ast.Compare():
            node.ops[0] = OPPOSITE[type(node.ops[0])]()
        case ast.Constant(value=int(value)):
            node.value = value + 1
        case ast.Return():
            node.value = ast.Constant(None)


def changed_tasks(tasks: Sequence[Task]) -> Iterator[tuple[str, Task]]:
    """Each task with each kind of change that its program has a place for; the same ones at each run."""
    for task in tasks:
        for change in CHANGES:
            dice = random.Random(f"{SEED} {task.name} {change}")
            program = changed(task.program, change, dice)
            if program is not None:
                yield change, msgspec.structs.replace(task, program=program)


async def attempt(check: Code, group: str, task: Task, *, at_once: int) -> Tried:
    """What the check says of an answer with this program in a fence."""
    annotations = {"tests": task.tests} | ({"entry_point": task.entry_point} if task.entry_point else {})
    request = ModelRequest(format="openai_chat", model="auto", messages=(), annotations=annotations)
    answer = (Text(text=f"```python\n{task.program}\n```"),)
    subject = Subject(request=request, choice=Choice(index=0, parts=answer, finish=Finish(reason="stop")))
    began = time.perf_counter()
    try:
        verdict, error = await check.measure(subject, {"at_once": at_once}, None), ""
    except CheckError as failed:
        verdict, error = None, str(failed)
    return Tried(group, task.name, verdict, error, time.perf_counter() - began)


async def attempt_all(
    tasks: Iterable[tuple[str, Task]], *, seconds: float = RUN_SECONDS, at_once: int = 2
) -> list[Tried]:
    """All of them, `at_once` at a time."""
    check = Code(Boxes(seconds=seconds))
    places = asyncio.Semaphore(at_once)

    async def in_turn(group: str, task: Task) -> Tried:
        async with places:
            return await attempt(check, group, task, at_once=at_once)

    return await asyncio.gather(*(in_turn(group, task) for group, task in tasks))


def table(tried: Sequence[Tried]) -> str:
    """For each group how many there were, passed, failed and could not be tried, and the median time."""
    lines = ["| programs | n | pass | fail | not tried | median s |", "|---|---|---|---|---|---|"]
    for group in dict.fromkeys(one.group for one in tried):
        ones = [one for one in tried if one.group == group]
        counts = Counter(passes(one) for one in ones)
        middle = statistics.median(one.seconds for one in ones)
        lines.append(
            f"| {group} | {len(ones)} | {counts[True]} ({counts[True] / len(ones):.1%}) "
            f"| {counts[False]} ({counts[False] / len(ones):.1%}) | {counts[None]} | {middle:.2f} |"
        )
    return "\n".join(lines)


def passes(one: Tried) -> bool | None:
    """Whether all tests pass; `None` where it could not be tried."""
    return None if one.verdict is None else one.verdict.score == 1.0


COSTS = {
    "three tests": Job(blocks=(DOUBLE,), tests="assert f(1) == 2\nassert f(2) == 4\nassert f(3) == 6"),
    "one of 1,000 calls": Job(blocks=(DOUBLE,), tests="for x in range(1_000):\n    assert f(x) == 2 * x"),
}


async def costs(runs: int) -> str:
    """What one run takes, by the clock, and of the gateway's own processor time, in each sandbox that works here."""
    python = await interpreter()
    lines = [
        "| sandbox | tests | median ms | least ms | of the gateway's processor, ms |",
        "|---|---|---|---|---|",
    ]
    for confinement in (bubblewrap(python), landlock(python)):
        if confinement is None or await try_out(confinement) is not None:
            continue
        for name, job in COSTS.items():
            spent = [await _spent(confinement, job) for _ in range(runs)]
            walls = [wall for wall, _ in spent]
            own = statistics.median(cpu for _, cpu in spent)
            lines.append(
                f"| {confinement.kind} | {name} | {statistics.median(walls):.0f} | {min(walls):.0f} | {own:.1f} |"
            )
    return "\n".join(lines)


async def _spent(confinement: Confinement, job: Job) -> tuple[float, float]:
    began, own = time.perf_counter(), time.process_time()
    outcome, _ = await run_box(confinement, job, seconds=60.0)
    assert outcome.passed == outcome.total
    return 1_000 * (time.perf_counter() - began), 1_000 * (time.process_time() - own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with humaneval/ and mbpp/")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth task")
    parser.add_argument(
        "--changed-every", type=int, default=1, metavar="N", help="changes only to every Nth of these"
    )
    parser.add_argument(
        "--seconds", type=float, default=RUN_SECONDS, help="bound of one run (default: the check's)"
    )
    parser.add_argument("--at-once", type=int, default=2, help="sandboxes at a time")
    parser.add_argument("--costs", type=int, metavar="RUNS", help="instead, what one run costs, from so many")
    options = parser.parse_args()
    if options.costs:
        print(asyncio.run(costs(options.costs)))
        return
    groups = {
        "HumanEval": human_eval(options.data)[:: options.every],
        "MBPP": mbpp(options.data)[:: options.every],
    }
    work = [(f"{name}, reference", task) for name, tasks in groups.items() for task in tasks]
    for name, tasks in groups.items():
        some = tasks[:: options.changed_every]
        work += sorted(
            ((f"{name}, {change}", task) for change, task in changed_tasks(some)), key=lambda one: one[0]
        )
    tried = asyncio.run(attempt_all(work, seconds=options.seconds, at_once=options.at_once))
    print(table(tried))
    for one in tried:
        if one.verdict is None or (one.group.endswith("reference") and one.verdict.score < 1):
            print(f"{one.group}: {one.name}: {one.error or (one.verdict and one.verdict.reason)}")


if __name__ == "__main__":
    main()
