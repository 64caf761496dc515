"""What tests can ask of a program, what counts as one, and what is told of those that fail."""

import pytest

from tests.checks.sandbox.build import run
from tiercel.checks.sandbox.boxes import Boxes
from tiercel.checks.sandbox.confinement import Confinement
from tiercel.checks.sandbox.outcome import Job

STACK = """
class Empty(Exception):
    pass

class Stack:
    limit = 3
    def __init__(self, *items): self.items = list(items)
    def push(self, item): self.items.append(item); return self
    def pop(self):
        if not self.items: raise Empty("nothing there", 7)
        return self.items.pop()
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __getitem__(self, place): return self.items[place]
    def __setitem__(self, place, item): self.items[place] = item
    def __eq__(self, other): return self.items == other.items
    def __lt__(self, other): return len(self) < len(other)
    def __add__(self, other): return Stack(*self.items, *other.items)
    def __repr__(self): return f"Stack{tuple(self.items)}"
    def __enter__(self): self.items.append("in"); return self
    def __exit__(self, *error): self.items.append("out")

def numbers(count):
    for number in range(count): yield number

def forever():
    number = 0
    while True:
        yield number
        number += 1

async def later(value): return value + 1
def sort_in_place(values, seen): values.sort(); seen["sorted"] = True; values.append(None)
def apply(function, *args, **kwargs): return function(*args, **kwargs)
def fail(): return {}["missing"]
def back(value): return value
"""

WORKS = {
    "a method": "s = Stack(); s.push(1).push(2)\nassert s.pop() == 2",
    "an attribute": "s = Stack(1)\nassert s.items == [1] and Stack.limit == 3",
    "setting one": "s = Stack(); s.items = [5]\nassert s.pop() == 5",
    "its length": "assert len(Stack(1, 2)) == 2",
    "its truth": "assert Stack(1) and not Stack()",
    "its items": "s = Stack(1, 2); s[0] = 9\nassert s[0] == 9 and list(s) == [9, 2] and 9 in s",
    "its text": "assert repr(Stack(1, 2)) == f'{Stack(1, 2)}' == 'Stack(1, 2)'",
    "equality of two": "assert Stack(1) == Stack(1) and Stack(1) != Stack(2)",
    "order of two": "assert Stack() < Stack(1)",
    "sum of two": "assert (Stack(1) + Stack(2)).items == [1, 2]",
    "identity": "s = Stack()\nassert back(s) is s",
    "its class": "assert isinstance(Stack(), Stack) and not isinstance(3, Stack)",
    "with": "with Stack() as s: pass\nassert s.items == ['in', 'out']",
    "a generator": "assert list(numbers(3)) == [0, 1, 2]",
    "an endless generator": "from itertools import islice\nassert list(islice(forever(), 3)) == [0, 1, 2]",
    "a coroutine": "import asyncio\nassert asyncio.run(later(1)) == 2",
    "a change in place": "v = [3, 1]; seen = {}\nsort_in_place(v, seen)\n"
    "assert (v, seen) == ([1, 3, None], {'sorted': True})",
    "a function of the tests": "assert apply(lambda x, y=0: x + y, 1, y=2) == 3",
    "a built-in function": "assert apply(len, [1, 2]) == 2 and apply(sorted, [2, 1], reverse=True) == [2, 1]",
    "a function that fails": "try:\n    apply(lambda: 1 / 0)\n    assert False\nexcept ZeroDivisionError:\n    pass",
    "a function of the program, given back": "assert apply(back, 4) == 4",
    "a built-in exception": "try:\n    fail()\nexcept KeyError as e:\n    assert e.args == ('missing',)",
    "an exception of its own": "try:\n    Stack().pop()\nexcept Empty as e:\n    assert e.args == ('nothing there', 7)",
    "an exception by its base": "try:\n    Stack().pop()\n    assert False\nexcept LookupError:\n"
    "    assert False\nexcept Exception:\n    pass",
}


@pytest.mark.parametrize("tests", WORKS.values(), ids=list(WORKS))
async def test_tests_can_ask_for(confinement: Confinement, tests: str) -> None:
    outcome = await run(confinement, STACK, tests)
    assert (outcome.failures, outcome.unusable, outcome.gone) == ((), None, None)
    assert outcome.passed == outcome.total


COUNTS = {
    "each assertion": ("assert f(1) == 2\nassert f(1) == 3\nassert f(2) == 3", 2, 3),
    "a loop as one": ("for x in range(3):\n    assert f(x) == x + 1\nassert f(1) == 3", 1, 2),
    "each function": (
        "def test_a():\n    assert f(1) == 2\n    assert f(2) == 3\ndef test_b():\n    assert f(1) == 1",
        1,
        2,
    ),
    "an asynchronous function": ("async def test_a():\n    assert f(1) == 1", 0, 1),
    "each of check's statements": (
        "def check(g):\n    x = 1\n    assert g(x) == 2\n    assert g(x) == 3\n",
        1,
        2,
    ),
    "check with an early end as one": ("def check(g):\n    assert g(1) == 2\n    return\n", 1, 1),
    "what check is called with": ("def check(g):\n    assert g(1) == 2\ncheck(h)\n", 0, 1),
    "a preparation only where it fails": ("x = f(1)\ny = f('a')\nassert x == 2", 1, 1),
    "what stands in try": ("try:\n    f('a')\n    assert False\nexcept TypeError:\n    pass", 1, 1),
    "no helper by itself": ("def helper(x):\n    assert f(x) == 2\nhelper(1)\nassert f(1) == 2", 1, 1),
}


@pytest.mark.parametrize(("tests", "passed", "total"), COUNTS.values(), ids=list(COUNTS))
async def test_what_counts_is(confinement: Confinement, tests: str, passed: int, total: int) -> None:
    entry_point = "f" if "check(g)" in tests and "check(h)" not in tests else None
    program = "def f(x): return x + 1\ndef h(x): return 0"
    outcome = await run(confinement, program, tests, entry_point=entry_point)
    assert (outcome.passed, outcome.total, outcome.unusable) == (passed, total, None)


UNUSABLE = {
    "no Python": ("assert f(1) ==", "line 1: invalid syntax"),
    "nothing": ("", "no test among them; write assert statements, functions test_..., or check(candidate)"),
    "no assertion": (
        "x = f(1)",
        "no test among them; write assert statements, functions test_..., or check(candidate)",
    ),
    "a fixture": (
        "def test_f(tmp_path):\n    assert f(1)",
        "line 1: test_f takes arguments, which nobody gives",
    ),
    "a package": (
        "import pytest\nassert f(1) == 2",
        "line 1: No module named 'pytest'; only the standard library is there",
    ),
    "no candidate": (
        "def check(candidate):\n    assert candidate(1) == 2",
        "check(candidate) needs to know the candidate: give 'entry_point'",
    ),
    "an object of its own": (
        "class Node: pass\nassert f(Node()) == 2",
        "line 2: the tests hand over a Node; they can only values and functions",
    ),
}


@pytest.mark.parametrize(("tests", "problem"), UNUSABLE.values(), ids=list(UNUSABLE))
async def test_tests_that_cannot_be_used_are_not_the_programs_fault(
    confinement: Confinement, tests: str, problem: str
) -> None:
    outcome = await run(confinement, "def f(x): return x + 1", tests)
    assert (outcome.unusable, outcome.failures, outcome.ended) == (problem, (), "whole")


@pytest.mark.parametrize(
    ("tests", "error", "got"),
    [
        ("assert f(2) == 5", "AssertionError", "4"),
        ("assert f(2) == 5, 'no five'", "AssertionError: no five", "4"),
        ("assert f(0)", "AssertionError", "0"),
        ("assert not f(2)", "AssertionError", "4"),
        ("def test_it():\n    assert f(2) > 5", "AssertionError", "4"),
        ("assert f('a', 1) == 5", "TypeError: f() takes 1 positional argument but 2 were given", ""),
        ("assert g(1) == 1", "NameError: name 'g' is not defined", ""),
        ("assert f(None) == 5", "TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'", ""),
    ],
)
async def test_a_failure_says_what_came_instead(
    confinement: Confinement, tests: str, error: str, got: str
) -> None:
    outcome = await run(confinement, "def f(x):\n    return 2 * x", tests)
    (failure,) = outcome.failures
    assert (failure.error, failure.got, failure.line) == (error, got, 1)


async def test_a_traceback_has_the_lines_of_the_answer_and_no_others(confinement: Confinement) -> None:
    program = "import json\ndef g(text):\n    return json.loads(text)\ndef f(text):\n    return g(text)\n"
    outcome = await run(confinement, program, "assert f('{') == {}")
    assert outcome.failures[0].trace == (
        "<answer> line 5, in f: return g(text)\n<answer> line 3, in g: return json.loads(text)"
    )


async def test_blocks_run_like_the_cells_of_a_notebook(confinement: Confinement) -> None:
    """One that fails, or is no Python, stops no other; what it says is kept."""
    blocks = (
        "import math",
        "def f(x): return math.floor(x)",
        "print(f(input()))",
        "$ pip install it",
        "y = f(2.5)",
    )
    outcome = await Boxes(seconds=20, confinement=confinement).run(
        Job(blocks=blocks, tests="assert f(1.5) == 1\nassert y == 2"), at_once=1
    )
    assert (outcome.passed, outcome.loaded) == (
        2,
        (
            "<answer, block 3> line 1, in <module>: print(f(input()))\nEOFError: EOF when reading a line",
            "does not parse: line 1: invalid syntax",
        ),
    )


async def test_a_main_program_is_not_started(confinement: Confinement) -> None:
    program = "def f(): return 1\nif __name__ == '__main__':\n    raise SystemExit(f())"
    outcome = await run(confinement, program, "assert f() == 1")
    assert (outcome.passed, outcome.loaded) == (1, ())


async def test_what_passed_before_the_time_was_up_is_known(confinement: Confinement) -> None:
    program = "import time\ndef f(x):\n    while x == 3: time.sleep(1)\n    return x"
    outcome = await run(confinement, program, "\n".join(f"assert f({x}) == {x}" for x in range(5)), seconds=4)
    assert (outcome.passed, outcome.total, outcome.ended) == (3, 5, "out of time")


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("import os\ndef f(): os._exit(3)", "it ended itself with exit code 3"),
        ("import ctypes\ndef f(): ctypes.string_at(0)", "it was ended by signal 11"),
    ],
)
async def test_how_a_program_ended_is_said(confinement: Confinement, program: str, how: str) -> None:
    outcome = await run(confinement, program, "assert f() == 1")
    assert (outcome.gone, outcome.passed, outcome.ended) == (how, 0, "whole")


async def test_what_fails_in_thousands_is_told_in_few_and_counted_in_full(confinement: Confinement) -> None:
    tests = "\n".join(f"assert f({number}) == {number}" for number in range(3_000))
    program = "def f(x): return x if x % 2 else '\u20ac' * 1_000"
    outcome = await run(confinement, program, tests, seconds=60)
    assert (outcome.passed, outcome.total, outcome.ended) == (1_500, 3_000, "whole")
    assert [failure.line for failure in outcome.failures] == [1, 3, 5]
