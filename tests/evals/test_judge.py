"""One answer against its gates; and a suite that contradicts itself is found out before anybody is paid."""

import pytest

from tests.evals.build import HEAD, TASKS, said, suite_of, two_tasks
from tiercel.checks.registry import Registry
from tiercel.domain.errors import ConfigError
from tiercel.domain.request import Refusal, ToolCall
from tiercel.evals.judge import Judged, judge, prove

BOTH = 'gates = [{ check = "contains", options = { all = ["a", "b", "c", "d"] } }, "finished"]'
JSON_GATE = 'gates = [{ check = "json_schema", options = { schema = { type = "object" } } }]'
GREETING = 'gates = [{ check = "contains", options = { all = ["hello"] } }]'


async def test_an_answer_that_passes_every_gate_has_the_full_score(registry: Registry) -> None:
    greet = two_tasks(registry).tasks[0]
    assert await judge(greet, said("hello!"), registry) == Judged(passed=True, score=1.0)


async def test_the_score_is_that_of_the_gate_met_worst(registry: Registry) -> None:
    task = suite_of(HEAD + TASKS.replace(GREETING, BOTH), registry).tasks[0]
    judged = await judge(task, said("a b c"), registry)
    assert (judged.passed, judged.score, judged.reason) == (False, 0.75, "contains: lacks 'd'")


async def test_a_lower_threshold_lets_a_partial_answer_pass(registry: Registry) -> None:
    gate = BOTH.replace('check = "contains"', 'check = "contains", at_least = 0.75')
    task = suite_of(HEAD + TASKS.replace(GREETING, gate), registry).tasks[0]
    judged = await judge(task, said("a b c"), registry)
    assert (judged.passed, judged.score) == (True, 0.75)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Refusal(text="I would rather not."), "no text to read: refused"),
        (ToolCall(id="1", name="look", arguments="{}"), "no text to read: tool calls"),
    ],
)
async def test_what_live_checks_wave_through_unread_is_no_answer_here(
    part: Refusal | ToolCall, reason: str, registry: Registry
) -> None:
    greet = two_tasks(registry).tasks[0]
    assert await judge(greet, said("hello", part), registry) == Judged(passed=False, score=0.0, reason=reason)


async def test_a_repair_is_named_beside_the_pass(registry: Registry) -> None:
    task = suite_of(HEAD + TASKS.replace(GREETING, JSON_GATE), registry).tasks[0]
    judged = await judge(task, said("```json\n{}\n```"), registry)
    assert (judged.passed, judged.reason) == (True, "repaired: fences")


async def test_a_check_that_cannot_measure_is_no_verdict(registry: Registry) -> None:
    task = suite_of(HEAD + TASKS.replace('expected = "4"', 'expected = "four"'), registry).tasks[1]
    judged = await judge(task, said("4"), registry)
    assert judged.unmeasured == "number: the request's metadata 'tiercel.expected' is not a number"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('target = "Answer: 5"', "[tasks.add] target: misses its own gates (number: oracle: wrong number)"),
        ('wrong = "Answer: 4"', "[tasks.add] wrong: passes every gate"),
    ],
)
async def test_a_suite_that_contradicts_itself_is_refused(
    more: str, problem: str, registry: Registry
) -> None:
    with pytest.raises(ConfigError) as caught:
        await prove(suite_of(HEAD + TASKS + more + "\n", registry), registry)
    assert problem in caught.value.problems[0]


async def test_a_gate_that_could_never_measure_is_found_without_a_target(registry: Registry) -> None:
    suite = suite_of(HEAD + TASKS.replace('expected = "4"\n', ""), registry)
    with pytest.raises(ConfigError, match=r"\[tasks\.add\] gates: number: .* needs labelled data"):
        await prove(suite, registry)


async def test_a_suite_without_targets_is_taken_as_it_is(registry: Registry) -> None:
    await prove(two_tasks(registry), registry)
