"""Repairs find JSON in time that grows no faster than the answer, and escape only what was not meant."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.checks.backslashes import escape_stray, shows_latex
from tiercel.checks.json_repair import MAX_SPANS, REPAIR_CHARS, balanced_spans, candidates

HOSTILE = {
    "open brackets": "[" * REPAIR_CHARS,
    "open objects": '{"a":' * (REPAIR_CHARS // 5),
    "escaped quotes": '{"' + '\\"' * (REPAIR_CHARS // 2 - 1),
    "quotes": '{"' + '"' * (REPAIR_CHARS - 2),
    "fences": "```json\n" * (REPAIR_CHARS // 8),
    "pairs": "{}" * (REPAIR_CHARS // 2),
    "mismatched": "{]" * (REPAIR_CHARS // 2),
    "backslashes": "{" + "\\" * (REPAIR_CHARS - 1),
    "control characters": '{"' + "\n" * (REPAIR_CHARS - 2),
    "escaped line breaks": '{"' + "\\\n" * (REPAIR_CHARS // 2 - 1),
    "latex": '{"a": "' + "\\frac" * (REPAIR_CHARS // 6),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_of_the_largest_size_is_repaired_in_short_steps(text: str) -> None:
    found = candidates(text)
    steps = []
    more = True
    while more:
        started = time.thread_time()
        more = next(found, None) is not None
        steps.append(time.thread_time() - started)
    assert max(steps) < 0.5
    assert len(steps) < 4 * MAX_SPANS + 20


def test_longer_answers_are_taken_only_as_they_are() -> None:
    text = "```\n{}\n```" + " " * REPAIR_CHARS
    assert [candidate.text for candidate in candidates(text)] == [text]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("none", []),
        ("a {b} c", ["{b}"]),
        ('{"a": "}"}', ['{"a": "}"}']),
        ("{[}] [1]", ["[1]"]),
        ("[{]", []),
        ("{a {b}", ["{b}"]),
        ("x in [0, 1) so [2]", ["[2]"]),
        ('{"a": [{"b": 1}, {"b"', []),
        ('[{"b": 1}, {"b": 2}', []),
        ('{"a": 1, "b": [{"c": 2}, 3}', []),
        ('[1], then {"a": {"b": 2}', ["[1]"]),
        ("[1] or [22]", ["[22]", "[1]"]),
        ("[1, 2, 3, 4] but see [5]", ["[1, 2, 3, 4]", "[5]"]),
    ],
)
def test_spans_are_balanced_and_likeliest_first(text: str, spans: list[str]) -> None:
    assert [text[start:end] for start, end in balanced_spans(text)] == spans


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (r'"\n \t \" \\ \/ \u00e9"', r'"\n \t \" \\ \/ \u00e9"'),
        (r'"\q"', r'"\\q"'),
        (r'"\nThe \times \alpha"', r'"\nThe \\times \\alpha"'),
        (r'"a\ne) b"', r'"a\ne) b"'),
        (r'"\alpha \ne \beta"', r'"\\alpha \\ne \\beta"'),
        (r'"\\frac"', r'"\\frac"'),
        (r'"\bword\b \d"', r'"\\bword\\b \\d"'),
        (r'"\bword"', r'"\bword"'),
        (r'"it\'s \b"', '"it\'s \\b"'),
        (r'"D:\tmp\run"', r'"D:\\tmp\\run"'),
        (r'"D:\\tmp"', r'"D:\\tmp"'),
    ],
)
def test_only_backslashes_not_meant_as_escapes_are_escaped(text: str, escaped: str) -> None:
    assert escape_stray(text) == escaped


@given(st.text(alphabet='\\"abfnrtu0123 \n{}'))
def test_escaping_twice_changes_nothing_more(text: str) -> None:
    once = escape_stray(text)
    assert escape_stray(once) == once


@pytest.mark.parametrize(
    ("text", "latex"),
    [(r"\frac", True), (r"\\frac", False), (r"\nThe", False), (r"\\\theta", True), ("", False)],
)
def test_latex_is_known_by_commands_whose_backslash_is_not_escaped(text: str, latex: bool) -> None:
    assert shows_latex(text) == latex
