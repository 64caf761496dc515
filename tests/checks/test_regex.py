"""`regex` looks for a pattern in the answer, without letting the pattern take for ever."""

import pytest

from tests.checks.build import choice, measure, tool_call
from tiercel.checks.isolated import Isolated
from tiercel.checks.regex import MAX_TEXT, Regex
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject


@pytest.mark.parametrize(
    ("options", "score"),
    [
        ({"pattern": "o, w"}, 1),
        ({"pattern": "O, W"}, 0),
        ({"pattern": "O, W", "flags": "i"}, 1),
        ({"pattern": "o.w", "flags": "s"}, 0),
        ({"pattern": "^wide$", "flags": "m"}, 1),
        ({"pattern": "hello"}, 1),
        ({"pattern": "hello", "full": True}, 0),
        ({"pattern": "hello.*world", "full": True, "flags": "s"}, 1),
        ({"pattern": "hello", "negate": True}, 0),
        ({"pattern": "bye", "negate": True}, 1),
    ],
)
async def test_options(isolated: Isolated, options: JsonObject, score: float) -> None:
    verdict = await measure(Regex(isolated), " hello, world\nwide\nworld\n", options)
    assert verdict.score == score


async def test_a_catastrophic_pattern_is_an_error() -> None:
    worker = Isolated(seconds=0.25)
    with pytest.raises(CheckError, match="took longer"):
        await measure(Regex(worker), "a" * 60 + "b", {"pattern": "(a+)+$"})
    await worker.aclose()


async def test_an_overlong_answer_is_not_searched(isolated: Isolated) -> None:
    verdict = await measure(Regex(isolated), "a" * (MAX_TEXT + 1), {"pattern": "a"})
    assert verdict.score == 0


async def test_tool_calls_are_not_searched(isolated: Isolated) -> None:
    assert (await measure(Regex(isolated), choice("", tool_call()), {"pattern": "x"})).score == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"pattern": "a+"}, None),
        ({}, "options: Object missing required field `pattern`"),
        ({"pattern": "("}, "pattern does not compile: missing ), unterminated subpattern at position 0"),
        ({"pattern": "a", "flags": "iq"}, "no flag 'q': use some of i, m, s, x, a"),
        ({"pattern": "a" * 5000}, "pattern has 5000 characters: use at most 4096"),
        ({"pattern": "a{99999999999999}"}, "pattern does not compile: the repetition number is too large"),
    ],
)
def test_bad_options_are_named(isolated: Isolated, options: JsonObject, problem: str | None) -> None:
    assert Regex(isolated).problems(options) == ([problem] if problem else [])


async def test_a_miss_is_said_in_the_words_given_for_it(isolated: Isolated) -> None:
    options: JsonObject = {"pattern": "^Dear", "miss": "the letter has no salutation"}
    verdict = await measure(Regex(isolated), "Hi!", options)
    assert verdict.reason == "the letter has no salutation"
    assert verdict.message == "the letter has no salutation. Answer again."
