"""`similarity`: how much wording is shared with a reference or with the request."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.build import PLAIN, measure, saying
from tiercel.checks.comparing.words import common_subsequence, f1, rouge_l, words_of
from tiercel.checks.similarity import Similarity
from tiercel.domain.errors import CheckError
from tiercel.domain.json import JsonObject

REFERENCE = msgspec.structs.replace(PLAIN, annotations={"reference": "The cat sat on the mat"})


@pytest.mark.parametrize(
    ("answer", "measure_", "score"),
    [
        ("the cat SAT on the mat.", "f1", 1),
        ("On the mat sat the cat", "f1", 1),
        ("On the mat sat the cat", "rouge_l", 0.5),
        ("the cat", "f1", 0.5),
        ("the cat", "recall", 1 / 3),
        ("the cat", "precision", 1),
        ("A dog ran", "f1", 0),
    ],
)
async def test_overlap(answer: str, measure_: str, score: float) -> None:
    verdict = await measure(Similarity(), answer, {"measure": measure_}, request=REFERENCE)
    assert verdict.score == pytest.approx(score)


async def test_the_request_itself_can_be_what_is_compared_with() -> None:
    request = saying("Summarise: the cat sat on the mat")
    assert (
        await measure(Similarity(), "cat sat", {"to": "request", "measure": "precision"}, request=request)
    ).score == 1


async def test_the_reference_may_stand_elsewhere() -> None:
    request = msgspec.structs.replace(PLAIN, metadata={"ideal": "yes"})
    assert (await measure(Similarity(), "yes", {"metadata_key": "ideal"}, request=request)).score == 1


@pytest.mark.parametrize("options", [{}, {"metadata_key": "ideal"}, {"to": "request"}])
async def test_without_something_to_compare_with_it_cannot_measure(options: JsonObject) -> None:
    with pytest.raises(CheckError, match="compare with"):
        await measure(Similarity(), "yes", options)


WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def slow_length(a: list[str], b: list[str]) -> int:
    """The textbook's table."""
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            rows[i + 1][j + 1] = rows[i][j] + 1 if x == y else max(rows[i][j + 1], rows[i + 1][j])
    return rows[-1][-1]


@given(WORDS, WORDS)
def test_the_longest_common_subsequence_is_the_textbooks(a: list[str], b: list[str]) -> None:
    assert common_subsequence(a, b) == slow_length(a, b)


@given(WORDS, WORDS)
def test_overlaps_are_symmetric_and_between_0_and_1(a: list[str], b: list[str]) -> None:
    assert f1(a, b) == f1(b, a)
    assert rouge_l(a, b) == rouge_l(b, a)
    assert 0 <= rouge_l(a, b) <= f1(a, b) <= 1


def test_scripts_without_blanks_have_a_word_for_each_character() -> None:
    assert words_of("猫が3匹") == ["猫", "が", "3", "匹"]


@pytest.mark.parametrize("measure_", ["f1", "rouge_l"])
async def test_a_megabyte_is_compared_in_bounded_time(measure_: str) -> None:
    text = " ".join(map(str, range(200_000)))
    started = time.process_time()
    await measure(Similarity(), text, {"to": "request", "measure": measure_}, request=saying(text))
    assert time.process_time() - started < 5
