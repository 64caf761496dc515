"""`citation`: quotations and numbers of the answer are looked up in what the request gives."""

import time

import msgspec
import pytest

from tests.checks.build import PLAIN, measure, saying
from tiercel.checks.citation import Citation
from tiercel.domain.json import JsonObject
from tiercel.domain.request import Message, Text, ToolResult

SOURCE = saying(
    "Use this report: Sales rose by 12,5 % to 1.234.567 euros, while costs fell to 0,3 million. "
    "“We are,” the chief said, “very pleased with the year – and tired.” What happened in 2023?"
)


@pytest.mark.parametrize(
    ("answer", "score", "reason"),
    [
        ("It went well.", 1, "nothing to look up"),
        ("Sales rose by 12.5% to 1,234,567 €.", 1, "all 2 found"),
        ("Sales rose by 0.125 of 1 234 567.", 0.5, "not in the source: 1 of 2 numbers"),
        ("Sales rose by 13 %.", 0, "not in the source: 1 of 1 numbers"),
        ('He said: "Very pleased with the year - and tired."', 1, "all 1 found"),
        ("He said: “pleased … and tired.”", 1, "all 1 found"),
        ("He said: “very pleased with the month”", 0, "not in the source: 1 of 1 quotations"),
        ("The “good” year.", 1, "nothing to look up"),
        ("1. It rose.\n2. It fell. [3]", 1, "nothing to look up"),
        ("`x = 99`", 1, "nothing to look up"),
    ],
)
async def test_what_is_said_must_stand_in_the_source(answer: str, score: float, reason: str) -> None:
    verdict = await measure(Citation(), answer, request=SOURCE)
    assert (verdict.score, verdict.reason) == (score, reason)


@pytest.mark.parametrize(
    ("options", "score"),
    [
        ({"numbers": False}, 1),
        ({"quotes": False}, 0),
        ({"min_quote_words": 1}, 0.5),
        ({"min_quote_words": 4}, 0),
    ],
)
async def test_what_is_looked_up_can_be_chosen(options: JsonObject, score: float) -> None:
    assert (await measure(Citation(), "“very pleased” by 99", options, request=SOURCE)).score == score


async def test_results_of_tools_are_sources_and_the_models_own_words_are_none() -> None:
    result = ToolResult(call_id="c", parts=(Text(text="It is 21 degrees."),))
    messages = (
        Message(role="tool", parts=(result,)),
        Message(role="assistant", parts=(Text(text="So 22 it is."),)),
    )
    request = msgspec.structs.replace(PLAIN, messages=messages)
    assert (await measure(Citation(), "21", request=request)).score == 1
    assert (await measure(Citation(), "22", request=request)).score == 0


@pytest.mark.parametrize(
    "options", [{"min_quote_words": 0}, {"quotes": False, "numbers": False}, {"quotes": 1}]
)
def test_options_that_make_no_sense_are_refused(options: JsonObject) -> None:
    assert len(Citation().problems(options)) == 1


@pytest.mark.parametrize("pattern", ["“a b c” ", "1 ", "1,2,", "“", '"a ', "1.\n"])
async def test_long_texts_are_looked_up_in_bounded_time(pattern: str) -> None:
    text = pattern * 100_000
    started = time.process_time()
    await measure(Citation(), text, request=saying(text))
    assert time.process_time() - started < 5
