"""`finished` says whether an answer came to its end."""

import pytest

from tests.checks.build import choice, measure, tool_call
from tiercel.checks.finished import Finished
from tiercel.domain.request import Refusal
from tiercel.domain.response import Choice


@pytest.mark.parametrize(
    ("answer", "cut_by_client", "score"),
    [
        (choice("done"), False, 1),
        (choice("", tool_call(), finish="tool_calls"), False, 1),
        (choice("so far", finish="length"), False, 0),
        (choice("so far", finish="length"), True, 1),
        (choice("", tool_call('{"city": "Ber'), finish="length"), True, 0),
        (choice("", tool_call('{"city": "Bern"}'), finish="length"), True, 1),
        (choice("", tool_call('{"city": "Bern"}'), finish="length"), False, 0),
        (choice("so far", finish="error"), False, 0),
        (choice("so far", finish="unknown"), False, 0),
        (choice("", Refusal(text="I must not.")), False, 1),
        (choice("I", finish="content_filter"), False, 1),
    ],
)
async def test_an_answer_is_finished_unless_it_was_cut_or_broke_off(
    answer: Choice, cut_by_client: bool, score: float
) -> None:
    verdict = await measure(Finished(), answer, cut_by_client=cut_by_client)
    assert verdict.score == score


async def test_a_refusal_is_named_as_one() -> None:
    verdict = await measure(Finished(), choice("", Refusal(text="I must not.")))
    assert verdict.reason == "refused"


def test_a_stream_need_not_wait_for_it() -> None:
    assert not Finished().info.needs_whole
