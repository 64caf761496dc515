"""A suite is read whole, or refused with every mistake, its place and its fix."""

from pathlib import Path

import msgspec
import pytest

from tests.evals.build import HEAD, TASKS, suite_of, two_tasks
from tiercel.checks.registry import Registry
from tiercel.domain.errors import ConfigError
from tiercel.evals.suite import load_suite


def refused(text: str, registry: Registry) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        suite_of(text, registry)
    return caught.value.problems


def test_a_suite_has_its_tasks_in_order_with_their_gates(registry: Registry) -> None:
    suite = two_tasks(registry)
    assert [(task.name, task.title, [gate.check for gate in task.gates]) for task in suite.tasks] == [
        ("greet", "greet", ["contains"]),
        ("add", "Addition", ["finished", "number"]),
    ]


def test_the_request_carries_the_suites_fields_then_the_tasks_own(registry: Registry) -> None:
    text = (
        HEAD
        + "[request]\ntemperature = 0\nmax_tokens = 9\n"
        + TASKS
        + '[tasks.request]\nmax_tokens = 5\nreasoning_effort = "low"\n'
    )
    body = msgspec.json.decode(suite_of(text, registry).tasks[1].body("some-model"))
    assert body == {
        "model": "some-model",
        "messages": [{"role": "user", "content": "What is 2 + 2?"}],
        "temperature": 0,
        "max_tokens": 5,
        "reasoning_effort": "low",
    }


def test_a_system_message_comes_first(registry: Registry) -> None:
    text = HEAD + TASKS.replace('prompt = "Say hello."', 'system = "Be brief."\nprompt = "Say hello."')
    roles = [message.role for message in suite_of(text, registry).tasks[0].request.messages]
    assert roles == ["system", "user"]


def test_the_known_right_number_is_never_sent(registry: Registry) -> None:
    """It travels beside the request, for the check alone."""
    task = two_tasks(registry).tasks[1]
    assert task.request.annotations == {"expected": "4"}
    assert b"expected" not in task.body("m")


def test_gates_are_named_as_in_a_policy(registry: Registry) -> None:
    text = (
        HEAD
        + '[gates.polite]\ncheck = "contains"\nat_least = 0.5\noptions = { all = ["please"] }\n'
        + TASKS.replace('["finished", "number"]', '["polite"]')
    )
    gate = suite_of(text, registry).tasks[1].gates[0]
    assert (gate.check, gate.at_least, gate.options) == ("contains", 0.5, {"all": ["please"]})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tasks = [", "suite.toml: end of file: not valid TOML"),
        ('title = "x"\n' + TASKS, "suite.toml: 'version' is missing"),
        (HEAD.replace("1", "2") + TASKS, "suite.toml: version: this release reads version 1 only"),
        ("version = 1\n" + TASKS, "suite.toml: 'title' is missing"),
        (HEAD, "suite.toml: 'tasks' is missing"),
        (HEAD + "tasks = []", "suite.toml: [tasks]: the list is empty"),
        (
            HEAD + TASKS.replace("prompt", "promt"),
            "suite.toml: [tasks.greet] promt: no such key; did you mean 'prompt'?",
        ),
        (
            HEAD + TASKS.replace('"number"', '"numbr"'),
            "suite.toml: [tasks.add] gates[1]: gate 'numbr': no such check; did you mean 'number'?",
        ),
        (
            HEAD + TASKS.replace("all =", "al ="),
            "suite.toml: [tasks.greet] gates[0]: gate 'contains': no option 'al'; did you mean 'all'?",
        ),
        (
            HEAD + TASKS.replace('"finished", "number"', '"json_schema"'),
            "suite.toml: [tasks.add] gates[0]: gate 'json_schema': the request asks for no JSON, so it never applies",
        ),
        (HEAD + TASKS.replace('["finished", "number"]', "[]"), "[tasks.add] gates: the list is empty"),
        (HEAD + TASKS.replace('check = "contains", ', ""), "[tasks.greet] gates[0]: 'check' is missing"),
        (HEAD + TASKS.replace('"add"', '"greet"'), "suite.toml: [tasks.greet]: the name is used twice"),
        (
            HEAD + "[request]\nstream = true\n" + TASKS,
            "suite.toml: [request] stream: the benchmark sets this itself; leave it out",
        ),
        (
            HEAD + TASKS + "[tasks.request]\nmodel = 'auto'\n",
            "suite.toml: [tasks.add] request.model: the benchmark sets this itself; leave it out",
        ),
        (
            HEAD + TASKS + "[tasks.request]\ntemperature = 'hot'\n",
            "suite.toml: [tasks.add] request: no client could send this: ",
        ),
        (HEAD + TASKS + "difficulty = 3\n", "suite.toml: [tasks.add] difficulty: 3 is too large"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, problem: str, registry: Registry) -> None:
    problems = refused(text, registry)
    assert any(problem in line for line in problems), problems


def test_all_mistakes_are_told_at_once(registry: Registry) -> None:
    text = HEAD + TASKS.replace('"number"', '"numbr"').replace("all =", "al =")
    assert len(refused(text, registry)) == 2


def test_a_file_that_is_not_there_is_told_with_what_is_run_without_it(
    tmp_path: Path, registry: Registry
) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such file; without --suite"):
        load_suite(tmp_path / "none.toml", registry.resolve)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "suite.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_suite(path, registry.resolve)


def test_the_hash_names_the_content_and_not_its_layout(registry: Registry) -> None:
    plain = two_tasks(registry)
    spaced = suite_of("# a comment\n\n" + HEAD + TASKS, registry)
    other = suite_of(HEAD + TASKS.replace("hello", "hallo"), registry)
    assert (spaced.hash, other.hash != plain.hash) == (plain.hash, True)
