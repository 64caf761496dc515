"""Who agrees with whom, and whether one group leads."""

import json
from pathlib import Path

import pytest

from tests.checks.build import choice
from tests.checks.comparing.test_compare import asking
from tiercel.checks.comparing.compare import Outcome, tally
from tiercel.checks.comparing.reading import Reader
from tiercel.domain.request import Refusal

SOLUTIONS = Path(__file__).parents[3] / ".." / "shared/data/evalsets/gsm8k/example_model_solutions.jsonl"


@pytest.mark.parametrize(
    ("answers", "outcome", "groups"),
    [
        (["5", "5.0", "five: 5"], "unanimous", ((0, 1, 2),)),
        (["4", "5.0", "5"], "majority", ((1, 2), (0,))),
        (["4", "5", "6"], "split", ((0,), (1,), (2,))),
        (["4", "5", "6", "5"], "plurality", ((1, 3), (0,), (2,))),
        (["4", "5", "4", "5"], "tie", ((0, 2), (1, 3))),
        (["4", "5"], "split", ((0,), (1,))),
        (["4"], "split", ((0,),)),
        ([], "split", ()),
    ],
)
def test_groups_and_what_they_amount_to(
    answers: list[str], outcome: Outcome, groups: tuple[tuple[int, ...], ...]
) -> None:
    found = tally(asking("How many?"), list(map(choice, answers)))
    assert (found.outcome, found.groups) == (outcome, groups)
    assert found.leaders == (groups[0] if outcome in ("unanimous", "majority", "plurality") else ())


def test_those_who_refuse_or_say_nothing_agree_with_nobody() -> None:
    refused = choice("", Refusal(text="No."))
    found = tally(asking(), [refused, choice("5"), refused, choice("")])
    assert (found.outcome, found.groups, found.silent) == ("split", ((1,),), (0, 2, 3))


def test_two_of_three_are_a_majority_where_the_third_is_silent() -> None:
    assert tally(asking(), [choice("5"), choice(" "), choice("5")]).outcome == "majority"


def test_where_likeness_is_not_transitive_everyone_in_a_group_agrees_with_everyone() -> None:
    found = tally(asking("How many?"), [choice("5 kg"), choice("5"), choice("5 g")])
    assert found.groups == ((0, 1), (2,))


@pytest.mark.skipif(not SOLUTIONS.exists(), reason="recorded GSM8K solutions are not beside this checkout")
def test_final_numbers_of_recorded_answers_are_those_their_authors_read() -> None:
    """All 5,276 recorded answers of four models: equal to the truth exactly where the data set says so."""
    reader = Reader(asking(), "number")
    differing = []
    for line in SOLUTIONS.read_text("utf-8").splitlines():
        row = json.loads(line)
        truth = reader.final_number(row["ground_truth"])
        assert truth is not None
        for answer in (value for value in row.values() if isinstance(value, dict)):
            found = reader.final_number(answer["solution"])
            if (found is not None and found.value == truth.value) != answer["is_correct"]:
                differing.append(answer["solution"])
    assert differing == []
