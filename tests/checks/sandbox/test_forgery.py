"""A program cannot pass a test but by giving the right value."""

import pytest

from tests.checks.sandbox.build import run
from tiercel.checks.sandbox.confinement import Confinement

LIES = '[1, 0, {"end": true}, {"total": 1, "ready": true}, {"value": true, "changed": []}]'
EVERYTHING = """
class Everything:
    def __eq__(self, other): return True
    def __ne__(self, other): return True
    def __bool__(self): return True
    def __hash__(self): return 0
    def __len__(self): return 4
    def __contains__(self, other): return True
    def __instancecheck__(self, other): return True
    def __call__(self, *args): return self
    def __getattr__(self, name): return self
for _name in "lt le gt ge add radd sub rsub mul rmul truediv rtruediv mod and or xor neg abs round".split():
    setattr(Everything, f"__{_name}__", lambda self, *args: self)
"""

PROGRAMS = {
    "prints a verdict": "print('1'); print('{\"end\": true}')\ndef f(x): print('1\\n' * 100); return 0",
    "writes a verdict to every descriptor": "import os\ndef f(x):\n    for number in range(100):\n"
    f"        for line in {LIES.replace('true', 'True')}:\n"
    "            try: os.write(number, repr(line).encode() + b'\\n')\n            except OSError: pass\n    return 0",
    "writes whole messages to its pipe": "import os, struct\ndef f(x):\n"
    '    body = b\'{"value": 0, "changed": []}\'\n'
    "    for _ in range(100): os.write(4, struct.pack('>I', len(body)) + body)\n    return 0",
    "writes nonsense to its pipe": "import os\nos.write(4, b'\\xff' * 100_000)\ndef f(x): return 4",
    "announces a message that does not come": "import os\nos.write(4, b'\\x00\\x01\\x00\\x00')\nos._exit(0)",
    "leaves": "import os\nos._exit(0)",
    "leaves when called": "import os\ndef f(x): os._exit(0)",
    "raises SystemExit": "def f(x): raise SystemExit(0)",
    "raises KeyboardInterrupt": "def f(x): raise KeyboardInterrupt",
    "raises an exception of its own": "class Passed(BaseException): pass\ndef f(x): raise Passed",
    "raises one that looks like the tests' fault": "def f(x): raise ModuleNotFoundError(\"No module named 'pytest'\")",
    "names a module that is none": "import json\nf = type(json)('nonexistent_module')",
    "crashes": "import ctypes\ndef f(x): ctypes.string_at(0)",
    "recurses without end": "def f(x): return f(x)",
    "gives nested lists without end": "def f(x):\n    inner = []\n    inner.append(inner)\n    return inner",
    "gives too deep a list": "def f(x):\n    deep = []\n    for _ in range(800): deep = [deep]\n    return deep",
    "gives more than can be sent": "def f(x): return 'x' * 10_000_000",
    "gives an object that equals everything": EVERYTHING + "def f(x): return Everything()",
    "is an object that equals everything": EVERYTHING + "f = Everything()",
    "is a class of such objects": EVERYTHING + "f = Everything",
    "gives a number that equals everything": EVERYTHING
    + "class Number(float):\n    __eq__ = Everything.__eq__\n    __hash__ = None\ndef f(x): return Number(0)",
    "gives a text that equals everything": "class Text(str):\n    def __eq__(self, other): return True\n"
    "    def __hash__(self): return 0\ndef f(x): return Text('a')",
    "replaces the built-in functions": "import builtins\nfor name in ('abs', 'all', 'isinstance', 'len', 'sum'):\n"
    "    setattr(builtins, name, lambda *args: 0)\n    globals()[name] = lambda *args: True\ndef f(x): return 0",
    "replaces the exceptions": "import builtins\nbuiltins.AssertionError = SystemExit\ndef f(x): return 0",
    "reaches for its callers": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        frame.f_locals.update(passed=1)\n        frame.f_globals.update(candidate=lambda y: y)\n"
    "        frame = frame.f_back\n    return 0",
    "patches the harness in its own process": "import sys\nfor name, module in list(sys.modules.items()):\n"
    "    if name.startswith('inside'):\n        for key in list(vars(module)):\n"
    "            if callable(vars(module)[key]): setattr(module, key, lambda *args, **kwargs: 4)\ndef f(x): return 0",
}

TESTS = {
    "equal": "assert f(2) == 4",
    "equal the other way round": "assert 4 == f(2)",
    "close": "assert abs(f(2) - 4) < 0.1",
    "close the other way round": "assert abs(4 - f(2)) < 0.1",
    "ordered": "assert 3 < f(2) < 5",
    "among": "assert f(2) in [4, 5]",
    "of its kind": "assert isinstance(f(2), int) and f(2) > 3",
    "each": "assert [f(x) for x in range(3)] == [0, 2, 4]",
    "in a function": "def test_f():\n    assert f(2) == 4",
    "in a class of tests' own": "class Expected:\n    value = 4\nassert f(2) == Expected.value",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=list(PROGRAMS))
async def test_it_passes_nothing(confinement: Confinement, program: str) -> None:
    """And it cannot make the tests look unusable either, which a gate might let pass."""
    outcome = await run(confinement, program, "\n".join(TESTS.values()))
    assert (outcome.passed, outcome.unusable, outcome.total) == (0, None, len(TESTS))


async def test_the_tests_pass_for_a_program_that_is_right(confinement: Confinement) -> None:
    outcome = await run(confinement, "def f(x): return 2 * x", "\n".join(TESTS.values()))
    assert (outcome.passed, outcome.failures, outcome.total) == (len(TESTS), (), len(TESTS))


async def test_what_is_expected_is_not_to_be_found_in_the_program(confinement: Confinement) -> None:
    """Neither among all objects of its process nor in the callers' variables."""
    program = (
        "import gc, sys\n"
        "def texts(tail):\n"
        "    held = [item for thing in gc.get_objects() for item in gc.get_referents(thing)]\n"
        "    frame = sys._getframe()\n"
        "    while frame:\n        held += frame.f_locals.values()\n        frame = frame.f_back\n"
        "    return [text for text in held if isinstance(text, str) and text != tail and tail in text]\n"
    )
    outcome = await run(confinement, program, "SECRET = 'expected-7f3a'\nassert texts('7f3a') == []")
    assert (outcome.passed, outcome.failures) == (1, ())


async def test_a_program_cannot_call_what_the_tests_did_not_lend(confinement: Confinement) -> None:
    """Numbers of functions that were never handed over lead nowhere, nor do attributes of one that was."""
    program = (
        "def f(function):\n"
        "    try: function.__globals__['passed'] = True\n    except Exception: pass\n"
        "    try: function.__self__.__dict__.clear()\n    except Exception: pass\n"
        "    return function(20)\n"
    )
    outcome = await run(
        confinement, program, "passed = False\nassert f(lambda x: x + 1) == 21\nassert passed is False"
    )
    assert (outcome.passed, outcome.failures) == (2, ())
