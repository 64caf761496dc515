"""`python`: code is found in an answer and parsed in the worker; nothing of it runs."""

from pathlib import Path

import pytest

from tests.checks.build import choice, measure, tool_call
from tiercel.checks.code_blocks import find_code
from tiercel.checks.isolated import Isolated
from tiercel.checks.python_code import MAX_CODE, Python
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject

MEAN: JsonObject = {"defines": ["mean"]}
GOOD = "def mean(values):\n    return sum(values) / len(values)\n"


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{GOOD}```",
        f"Here it is:\n\n```py\n{GOOD}```\nand a run:\n```console\n$ python mean.py\n```",
        f"Before:\n```python\ndef men(values): ...\n```\nAfter:\n```python\n{GOOD}```",
        f"1. First:\n   ```python\n   {GOOD.replace(chr(10), chr(10) + '   ')}\n   ```",
        f"~~~\n{GOOD}~~~",
        f"```python\n{GOOD}",
        GOOD,
        "class mean:\n    pass",
        "async def mean(values):\n    pass",
    ],
    ids=["fenced", "with prose", "second block", "in a list", "tildes", "unclosed", "bare", "class", "async"],
)
async def test_code_that_parses_and_defines_what_it_must_passes(isolated: Isolated, text: str) -> None:
    verdict = await measure(Python(isolated), text, MEAN)
    assert (verdict.score, verdict.reason) == (1.0, "parses")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```python\ndef mean(values)\n    return 1\n```", "the code does not parse: line 1: expected ':'"),
        ("```python\ndef average(values):\n    return 1\n```", "the code does not define 'mean'"),
        ("```python\ndef outer():\n    def mean(): ...\n```", "the code does not define 'mean'"),
        ("```rust\nfn mean() {}\n```", "no Python code block"),
        ("a\0b", "the code does not parse: "),
        ("(" * 5_000, "the code does not parse: "),
        ("x = 1\n" * MAX_CODE, f"over {MAX_CODE} characters, not parsed"),
    ],
    ids=["syntax", "other name", "nested", "other language", "null byte", "deep", "long"],
)
async def test_what_is_wrong_with_the_code_is_said(isolated: Isolated, text: str, reason: str) -> None:
    verdict = await measure(Python(isolated), text, MEAN)
    assert (verdict.score, verdict.reason[: len(reason)]) == (0.0, reason)


async def test_the_code_is_never_run(isolated: Isolated, tmp_path: Path) -> None:
    """Not at import, not in a decorator, not in a default value."""
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w')\n@open({str(mark)!r}, 'w')\ndef mean(x=open({str(mark)!r}, 'w')): ...\n"
    verdict = await measure(Python(isolated), code, MEAN)
    assert (verdict.score, mark.exists()) == (1.0, False)


async def test_an_expression_that_would_take_for_ever_to_fold_is_only_parsed(isolated: Isolated) -> None:
    verdict = await measure(Python(isolated), "x = 9 ** 9 ** 9 ** 9", {})
    assert verdict.score == 1.0


async def test_deep_nesting_costs_no_more_than_the_call(isolated: Isolated) -> None:
    """Whatever the parser does with hostile code, the next answer is measured."""
    for hostile in ("-" * 90_000 + "1", "x" + ".a" * 45_000, "[" * 90_000, "lambda: " * 12_000 + "1"):
        try:
            await measure(Python(isolated), hostile, {})
        except CheckError:
            continue
    assert (await measure(Python(isolated), GOOD, MEAN)).score == 1.0


async def test_text_beside_a_tool_call_is_not_judged(isolated: Isolated) -> None:
    verdict = await measure(Python(isolated), choice("Let me look.", tool_call()), MEAN)
    assert (verdict.score, verdict.reason) == (1.0, "tool calls")


def test_blocks_of_other_languages_are_left_out() -> None:
    text = "```json\n{}\n```\n```\na = 1\n```\n````python\ntext = '''\n```\n'''\n````\n"
    assert find_code(text) == ["a = 1\n", "text = '''\n```\n'''\n"]


def test_wrong_options_are_refused(isolated: Isolated) -> None:
    assert "defines" in Python(isolated).problems({"defines": "mean"})[0]
