"""`code`: the program in an answer is found, tested in a sandbox, and judged by the tests alone."""

import asyncio
from functools import cache

import msgspec
import pytest

from tests.checks.build import PLAIN, choice, measure, response, tool_call
from tiercel.checks.code import MAX_CODE, MAX_MESSAGE, Code
from tiercel.checks.registry import Registry
from tiercel.checks.run import run_checks
from tiercel.checks.sandbox.boxes import Boxes, find_confinement
from tiercel.checks.sandbox.confinement import Confinement
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject
from tiercel.domain.policy import Gate
from tiercel.domain.request import ModelRequest

MEAN = "assert mean([1, 2, 3]) == 2\nassert mean([1, 2]) == 1.5\nassert mean([4]) == 4"
GOOD = "def mean(values):\n    return sum(values) / len(values)\n"
WRONG = "def mean(values):\n    return sum(values) // len(values)\n"


@cache
def found() -> Confinement | str:
    """What this machine has, or why it has none."""
    try:
        return asyncio.run(find_confinement())
    except CheckError as error:
        return str(error)


@pytest.fixture
def code() -> Code:
    confinement = found()
    if isinstance(confinement, str):
        pytest.skip(confinement)
    return Code(Boxes(seconds=20, confinement=confinement))


def asking(**annotations: str) -> ModelRequest:
    """A request with this in its metadata, under `tiercel.`."""
    return msgspec.structs.replace(PLAIN, annotations=annotations)


@pytest.mark.parametrize(
    ("answer", "score", "reason"),
    [
        (f"```python\n{GOOD}```", 1.0, "3 of 3 tests pass"),
        (
            f"Here:\n```py\n{GOOD}```\nSo:\n```\n>>> mean([1])\n1.0\n```\nor\n```\nprint(mean([3]))\n```",
            1.0,
            "3 of 3 tests pass",
        ),
        (GOOD, 1.0, "3 of 3 tests pass"),
        (f"First\n```python\n{WRONG}```\nbetter\n```python\n{GOOD}```", 1.0, "3 of 3 tests pass"),
        (WRONG, 2 / 3, "2 of 3 tests pass; first to fail is test (line 2): AssertionError"),
        (
            "def average(values): return 1",
            0.0,
            "0 of 3 tests pass; first to fail is test (line 1): NameError",
        ),
        ("def mean(values)\n", 0.0, "0 of 3 tests pass; first to fail is test (line 1): NameError"),
        ("def mean(values): exit()", 0.0, "0 of 3 tests pass; first to fail is test (line 1): SystemExit"),
        (
            "import os; os._exit(0)",
            0.0,
            "0 of 3 tests pass; the program did not last: it ended itself with exit code 0",
        ),
        ("```rust\nfn mean() {}\n```", 0.0, "no Python code block"),
        ("x = 1\n" * MAX_CODE, 0.0, f"over {MAX_CODE} characters, not run"),
    ],
    ids=[
        "fenced",
        "examples",
        "bare",
        "corrected",
        "wrong",
        "name",
        "syntax",
        "leaves",
        "ends",
        "rust",
        "long",
    ],
)
async def test_the_score_is_the_share_of_tests_that_pass(
    code: Code, answer: str, score: float, reason: str
) -> None:
    verdict = await measure(code, answer, {"tests": MEAN})
    assert (verdict.score, verdict.reason) == (score, reason)


async def test_the_requests_tests_stand_in_for_the_gates(code: Code) -> None:
    verdict = await measure(code, GOOD, {"tests": "assert False"}, request=asking(tests=MEAN))
    assert verdict.reason == "3 of 3 tests pass"


async def test_the_request_names_the_function_to_try(code: Code) -> None:
    tests = "def check(candidate):\n    assert candidate([1]) == 1\n    assert candidate([2]) == 3\n"
    verdict = await measure(code, GOOD, request=asking(tests=tests, entry_point="mean"))
    assert verdict.reason == "1 of 2 tests pass; first to fail is test (line 3): AssertionError"


@pytest.mark.parametrize(
    ("answer", "score", "reason"),
    [
        (GOOD, 1.0, "compiles; not run, as there are no tests"),
        ("raise SystemExit(1)", 1.0, "compiles; not run, as there are no tests"),
        (
            f"```python\n{GOOD}```\n```python\nmean(\n```",
            0.0,
            "it does not compile: line 1: '(' was never closed",
        ),
        ("(" * 90_000, 0.0, "it does not compile: line 1: too many nested parentheses"),
        ("return 1", 0.0, "it does not compile: line 1: 'return' outside function"),
    ],
)
async def test_without_tests_a_program_is_compiled_and_that_is_said(
    code: Code, answer: str, score: float, reason: str
) -> None:
    verdict = await measure(code, answer)
    assert (verdict.score, verdict.reason) == (score, reason)


async def test_a_model_is_told_what_failed_and_where(code: Code) -> None:
    answer = "def half(value):\n    return value / 0\ndef mean(values):\n    return half(sum(values))\n"
    verdict = await measure(code, answer, {"tests": "def test_mean():\n    assert mean([4]) == 4"})
    assert verdict.message == (
        "The answer needs a complete Python program that does what was asked; of yours: "
        "0 of 1 tests pass; first to fail is test test_mean (line 1): ZeroDivisionError.\n"
        "This fails: def test_mean():\n    assert mean([4]) == 4\n"
        "ZeroDivisionError: division by zero\n"
        "<answer> line 4, in mean: return half(sum(values))\n"
        "<answer> line 2, in half: return value / 0\n"
        "Give the whole answer again, with the corrected program."
    )


async def test_the_message_is_bounded_and_plain(code: Code) -> None:
    """Whatever the program puts into it: neither long nor with control characters."""
    answer = "def mean(values):\n    raise ValueError('\\x1b[2J\\x00' * 100_000)\n"
    verdict = await measure(code, answer, {"tests": MEAN})
    assert verdict.message is not None
    assert len(verdict.message) <= MAX_MESSAGE
    assert all(letter.isprintable() or letter == "\n" for letter in verdict.message)


async def test_the_reason_does_not_quote_the_answer(code: Code) -> None:
    """Not by the name of an exception of its own either."""
    answer = "class Secret(ValueError): pass\ndef mean(values): raise Secret('secret')"
    verdict = await measure(code, answer, {"tests": MEAN})
    assert verdict.reason == "0 of 3 tests pass; first to fail is test (line 1): ValueError"


async def test_tests_that_cannot_be_used_are_an_error_of_the_check(code: Code) -> None:
    with pytest.raises(CheckError, match="the tests cannot be used: line 1: invalid syntax"):
        await measure(code, GOOD, {"tests": "assert ="})


async def test_too_long_tests_are_an_error_of_the_check(code: Code) -> None:
    with pytest.raises(CheckError, match="over 100000 characters"):
        await measure(code, GOOD, request=asking(tests="x = 1\n" * 20_000))


async def test_text_beside_a_tool_call_is_not_judged(code: Code) -> None:
    verdict = await measure(code, choice("Let me look.", tool_call()), {"tests": MEAN})
    assert (verdict.score, verdict.reason) == (1.0, "tool calls")


async def test_an_endless_program_is_stopped_and_counts_as_wrong() -> None:
    confinement = found()
    if isinstance(confinement, str):
        pytest.skip(confinement)
    endless = Code(Boxes(seconds=1, confinement=confinement))
    verdict = await measure(endless, "def mean(values):\n    while True: pass", {"tests": MEAN})
    assert (verdict.score, verdict.reason) == (0.0, "0 of 3 tests pass; it was stopped as its time was up")


async def test_where_no_sandbox_works_nothing_is_run() -> None:
    """A recorded error of the check, and not a verdict."""
    broken = Confinement(kind="landlock", command=("false",), environment={}, prefix="/usr")
    with pytest.raises(CheckError, match="did not start"):
        await measure(Code(Boxes(confinement=broken)), GOOD, {"tests": MEAN})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tests": ["assert f()"]}, "options: Expected `str | null`, got `array` - at `$.tests`"),
        (
            {"only_with_tests": True, "tests": "assert 1"},
            "only_with_tests leaves no use for tests: remove one of them",
        ),
        ({"at_once": 0}, "options: Expected `int` >= 1 - at `$.at_once`"),
    ],
)
def test_wrong_options_are_refused(options: JsonObject, problem: str) -> None:
    assert Code(Boxes()).problems(options) == [problem]


def test_a_command_can_say_what_programs_run_in() -> None:
    (note,) = Registry.load().notes(["code", "finished", "unknown"])
    assert note.startswith(
        ("check 'code': programs run in a sandbox of ", "check 'code': no sandbox works here (")
    )


async def test_a_gate_runs_it_like_any_other_check(code: Code) -> None:
    """Each of several answers is tried, and the worst counts."""

    class Only:
        def get(self, name: str) -> Code:
            return code

    gate = Gate(check="code", options={"tests": MEAN})
    checked = await run_checks([gate], PLAIN, response(GOOD, WRONG), registry=Only())
    (verdict,) = checked.verdicts
    assert verdict == Verdict(
        check="code",
        score=2 / 3,
        reason="choice 1: 2 of 3 tests pass; first to fail is test (line 2): AssertionError",
        message=verdict.message,
        seconds=verdict.seconds,
    )
