"""The demo's tasks: enough of every kind, each consistent with itself."""

import zlib
from typing import get_args

import jsonschema_rs
import msgspec
import pytest

from tiercel.checks.code_blocks import find_code
from tiercel.domain.facts import Task as TaskKind
from tiercel.domain.tokens import estimate_tokens
from tiercel.testing.lab.models import MANNERS
from tiercel.testing.tasks import DemoTask, demo_tasks, screenshot_png, service_log

TASKS = demo_tasks()
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def test_there_are_at_least_forty_with_names_of_their_own() -> None:
    assert len({task.name for task in TASKS}) == len(TASKS) >= 40


def test_no_prompt_is_asked_twice() -> None:
    assert len({task.prompt.strip() for task in TASKS}) == len(TASKS)


def test_every_kind_of_task_occurs() -> None:
    assert {task.kind for task in TASKS} == set(get_args(TaskKind)) - {"unknown"}


@each_task
def test_the_right_answer_is_graded_right(task: DemoTask) -> None:
    assert task.grade(task.text, tuple(call.name for call in task.calls)) in (True, None)


@pytest.mark.parametrize("task", [t for t in TASKS if t.wrong is not None and t.expect], ids=lambda t: t.name)
def test_wrong_answers_are_graded_wrong(task: DemoTask) -> None:
    assert {task.grade(wrong) for wrong in (task.wrong or "", *task.also_wrong)} == {False}


@pytest.mark.parametrize("task", [t for t in TASKS if t.tests is not None], ids=lambda t: t.name)
def test_programs_pass_their_tests_if_they_are_right_and_only_then(task: DemoTask) -> None:
    """Run as plain Python: the answers are our own."""
    answers = [task.text] + [wrong for wrong in (task.wrong, *task.also_wrong) if wrong is not None]
    assert [passes(answer, task.tests or "") for answer in answers] == [True] + [False] * (len(answers) - 1)


def passes(answer: str, tests: str) -> bool:
    program = "\n".join(find_code(answer)) if "```" in answer else "raise AssertionError\n"
    names: dict[str, object] = {}
    try:
        exec(program + tests, names)  # the demo's own data
        for name, value in list(names.items()):
            if name.startswith("test_") and callable(value):
                value()
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("task", [t for t in TASKS if t.schema is not None], ids=lambda t: t.name)
def test_right_and_wrong_answers_fit_the_schema(task: DemoTask) -> None:
    validator = jsonschema_rs.validator_for(msgspec.json.decode((task.schema or "").encode()))
    for text in (task.text, task.wrong or task.text):
        validator.validate(msgspec.json.decode(text.encode()))


@each_task
def test_stumbles_and_faults_name_simulated_models(task: DemoTask) -> None:
    assert {*task.stumbles, *task.faults} <= set(MANNERS)


def test_the_log_is_larger_than_256k_tokens_and_says_what_failed() -> None:
    assert estimate_tokens(service_log()) > 262_144
    assert "03:17:42 ERROR cache-07" in service_log()


def test_the_screenshot_is_a_png_whose_parts_have_good_checksums() -> None:
    image = screenshot_png()
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    at = 8
    while at < len(image):
        length = int.from_bytes(image[at : at + 4], "big")
        checked = image[at + 4 : at + 8 + length]
        assert zlib.crc32(checked) == int.from_bytes(image[at + 8 + length : at + 12 + length], "big")
        at += 12 + length
