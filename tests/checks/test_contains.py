"""`contains` measures the share of its demands that an answer meets."""

import pytest

from tests.checks.build import choice, measure, tool_call
from tiercel.checks.contains import Contains
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Refusal
from tiercel.domain.response import Choice


@pytest.mark.parametrize(
    ("options", "score"),
    [
        ({"all": ["red", "green"]}, 1),
        ({"all": ["red", "blue"]}, 0.5),
        ({"all": ["Red"]}, 0),
        ({"all": ["Red"], "ignore_case": True}, 1),
        ({"any": ["blue", "green"]}, 1),
        ({"any": ["blue", "black"]}, 0),
        ({"none": ["blue"]}, 1),
        ({"none": ["red"]}, 0),
        ({"all": ["red"], "any": ["blue"], "none": ["black", "green"]}, 0.5),
    ],
)
async def test_score_is_the_share_of_demands_met(options: JsonObject, score: float) -> None:
    verdict = await measure(Contains(), "a red and green flag", options)
    assert verdict.score == score


async def test_what_is_missing_is_said_to_the_model() -> None:
    verdict = await measure(Contains(), "nothing", {"all": ["red"]})
    assert verdict.message == "Answer again so that this no longer holds: lacks 'red'."


@pytest.mark.parametrize("answer", [choice("", Refusal(text="No.")), choice("Let me see.", tool_call())])
async def test_refusals_and_tool_calls_are_not_judged_by_their_words(answer: Choice) -> None:
    verdict = await measure(Contains(), answer, {"all": ["red"]})
    assert verdict.score == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "nothing to look for: give at least one of 'all', 'any' and 'none'"),
        ({"all": "red"}, "options: Expected `array`, got `str` - at `$.all`"),
    ],
)
def test_bad_options_are_named(options: JsonObject, problem: str) -> None:
    assert Contains().problems(options) == [problem]
