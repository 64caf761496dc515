"""`length`: what is counted, the bounds, and what stands beside the bullets."""

import time
from typing import get_args

import pytest

from tests.checks.build import choice, measure, saying, tool_call
from tiercel.checks.length import Length, Unit, count
from tiercel.domain.json import JsonObject

FIVE: JsonObject = {"unit": "bullets", "min": 5, "max": 5, "only": True}
BULLETS = "- one\n- two\n- three\n- four\n- five"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BULLETS, "5 bullets"),
        ("\n  " + BULLETS.replace("\n", "\n  ") + "\n", "5 bullets"),
        ("* a\n\n* b\n\n* c\n\n* d\n\n* e\n", "5 bullets"),
        ("• a\n• b\n• c\n• d\n• e\n", "5 bullets"),
        ("* a\n * b\n* c\n * d\n* e", "5 bullets"),
        ("- a\n  goes on\n- b\n    - below b\n- c\n- d\n- e", "5 bullets"),
    ],
    ids=["plain", "indented", "spaced", "dots", "crooked", "continued"],
)
async def test_five_bullets_where_five_were_asked_for_pass(text: str, reason: str) -> None:
    verdict = await measure(Length(), text, FIVE)
    assert (verdict.score, verdict.reason) == (1.0, reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BULLETS + "\n- six", "6 bullets, asked for 5"),
        ("- one", "1 bullet, asked for 5"),
        ("Five things:\n  " + BULLETS.replace("\n", "\n  "), "1 line beside the bullets"),
        (BULLETS + "\n\nHope that helps!\nBye.", "2 lines beside the bullets"),
        ("1. a\n2. b\n3. c\n4. d\n5. e", "0 bullets, asked for 5"),
        ("---\n**bold**\n-no space", "0 bullets, asked for 5"),
    ],
    ids=["one more", "too few", "introduced", "postscript", "numbered", "no bullets at all"],
)
async def test_what_is_not_as_asked_for_is_said(text: str, reason: str) -> None:
    verdict = await measure(Length(), text, FIVE)
    assert (verdict.score, verdict.reason) == (0.0, reason)
    assert reason in (verdict.message or "")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("words", 7), ("characters", 29), ("sentences", 3), ("lines", 3), ("paragraphs", 2), ("bullets", 1)],
)
def test_every_unit_counts_its_own_pieces(unit: Unit, expected: int) -> None:
    assert len(count(" A line.\n\nThree words here\n- x\n", unit).pieces) == expected


async def test_a_bullet_with_too_many_words_is_named_by_its_place() -> None:
    options: JsonObject = {"unit": "bullets", "words_each": 3}
    verdict = await measure(Length(), "- one two three\n- one two\n  three four", options)
    assert verdict.reason == "bullet 2 has 4 words, asked for at most 3"


async def test_the_words_of_the_range_fit_its_bounds() -> None:
    reasons = [
        (await measure(Length(), "a b c", {"unit": "words", **bounds})).reason
        for bounds in ({"min": 4}, {"max": 2}, {"min": 4, "max": 6})
    ]
    assert reasons == [
        "3 words, asked for 4 or more",
        "3 words, asked for at most 2",
        "3 words, asked for 4 to 6",
    ]


async def test_text_beside_a_tool_call_is_not_judged() -> None:
    verdict = await measure(Length(), choice("Let me look.", tool_call()), FIVE)
    assert (verdict.score, verdict.reason) == (1.0, "tool calls")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"min": 5}, "min needs a unit"),
        ({"unit": "bulets", "min": 5}, "unit"),
        ({"unit": "words"}, "nothing is asked for"),
        ({"unit": "words", "min": 5, "max": 4}, "max 4 is below min 5"),
        ({"unit": "words", "min": -1}, "give 0 or more"),
        ({"unit": "lines", "max": 1, "only": True}, "only goes with the unit bullets"),
        ({"unit": "words", "max": 9, "words_each": 2}, "words_each does not go with the unit words"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: JsonObject, problem: str) -> None:
    problems = Length().problems(options)
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("asked", "answer", "score"),
    [
        ("Give me five bullet points on tea.", BULLETS, 1.0),
        ("Give me six bullet points on tea.", BULLETS, 0.0),
        ("Explain it in one sentence.", "It rains, e.g. in May, on 3.5 days.", 1.0),
        ("Explain it in one sentence.", "It rains. It pours.", 0.0),
        ("In two sentences and at most 3 words, please.", "It rains. It pours.", 0.5),
        ("Explain it.", "It rains. It pours.", 1.0),
    ],
)
async def test_without_options_the_message_says_how_long(asked: str, answer: str, score: float) -> None:
    assert (await measure(Length(), answer, request=saying(asked))).score == score


@pytest.mark.parametrize("unit", get_args(Unit))
@pytest.mark.parametrize(
    "pattern", ["No. ", "e.g. x ", "1. ", "a. ", "- a\n  b\n", "  b\n", ".\"' ", "\n \t"]
)
def test_long_answers_are_counted_in_bounded_time(unit: Unit, pattern: str) -> None:
    started = time.process_time()
    count("- a" + pattern * 50_000, unit)
    assert time.process_time() - started < 5
