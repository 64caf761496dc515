"""`number` is an oracle: it compares the final number with the known right one."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.build import PLAIN, measure
from tiercel.checks.number import Number, final_number
from tiercel.domain.errors import CheckError

SOLUTIONS = Path(__file__).parents[2] / ".." / "shared/data/evalsets/gsm8k/example_model_solutions.jsonl"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It is 18.", "18"),
        ("18 = 18.0", "18.0"),
        ("#### 1,234", "1234"),
        ("16 - 3 = 13\nA: 18\n", "18"),
        ("#### 18\nI checked it 3 times.", "18"),
        ("Answer: 3 + 4 = 7 eggs\nThat took 2 steps", "7"),
        ("**Answer:** 12", "12"),
        ("so \\boxed{42} after 3 steps", "42"),
        ("It costs $70,000.50 in all.", "70000.50"),
        ("a loss of -$5", "-5"),
        ("the range 3-5", "5"),
        ("one of 1,2,3", "3"),
        ("half: .5", "0.5"),
        ("50%", "50"),
        ("A: none of them, though 7 were tried", "7"),
    ],
)
def test_the_final_number_of_an_answer(text: str, number: str) -> None:
    assert final_number(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "none", "v2x"])
def test_an_answer_without_a_number(text: str) -> None:
    assert final_number(text) is None


@given(st.text(alphabet="0123456789.,-$#A:\\boxed{ \n"))
def test_reading_a_number_never_raises(text: str) -> None:
    number = final_number(text)
    assert number is None or number.is_finite()


@pytest.mark.parametrize(
    ("answer", "score"), [("It is 18.0", 1), ("It is 17", 0), ("I do not know", 0), ("$18", 1)]
)
async def test_the_number_is_compared_with_the_labelled_one(answer: str, score: float) -> None:
    request = msgspec.structs.replace(PLAIN, metadata={"tiercel.expected": "18"})
    verdict = await measure(Number(), answer, request=request)
    assert verdict.score == score
    assert verdict.reason.startswith("oracle")


@pytest.mark.parametrize("metadata", [{}, {"tiercel.expected": "many"}])
async def test_without_a_label_it_cannot_measure(metadata: dict[str, str]) -> None:
    with pytest.raises(CheckError, match=r"tiercel\.expected"):
        await measure(Number(), "18", request=msgspec.structs.replace(PLAIN, metadata=metadata))


async def test_the_label_may_have_another_name() -> None:
    request = msgspec.structs.replace(PLAIN, metadata={"gold": "1,000"})
    assert (await measure(Number(), "1000", {"metadata_key": "gold"}, request=request)).score == 1


@pytest.mark.skipif(not SOLUTIONS.exists(), reason="recorded GSM8K solutions are not beside this checkout")
def test_recorded_answers_are_judged_as_their_authors_judged_them() -> None:
    """All 5,276 recorded answers of four models: right exactly where the data set says so."""
    differing = []
    for line in SOLUTIONS.read_text("utf-8").splitlines():
        row = json.loads(line)
        expected = final_number(row["ground_truth"])
        answers = [answer for answer in row.values() if isinstance(answer, dict)]
        differing += [
            answer["solution"]
            for answer in answers
            if (final_number(answer["solution"]) == expected) != answer["is_correct"]
        ]
    assert differing == []
