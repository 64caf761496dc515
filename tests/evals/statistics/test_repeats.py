"""What repeats say: spread between items and within them, and which items flip."""

import numpy as np
import pytest

from tiercel.evals.statistics.repeats import split_variance


def test_both_parts_are_found_again() -> None:
    """400 items with a spread of 0.04 between them and dice of 0.01 within, three repeats of each."""
    rng = np.random.default_rng(1)
    truth = rng.normal(0.5, 0.2, 400)
    found = split_variance({str(at): rng.normal(mean, 0.1, 3) for at, mean in enumerate(truth)})
    assert found.between == pytest.approx(0.04, rel=0.2)
    assert found.within == pytest.approx(0.01, rel=0.2)


def test_items_may_have_different_numbers_of_repeats() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(0.5, 0.2, 500)
    found = split_variance({str(at): rng.normal(mean, 0.1, 1 + at % 4) for at, mean in enumerate(truth)})
    assert found.between == pytest.approx(0.04, rel=0.25)
    assert found.within == pytest.approx(0.01, rel=0.25)


def test_dice_alone_leave_nothing_between() -> None:
    found = split_variance({"a": [0, 1], "b": [1, 0], "c": [0, 1]})
    assert (found.between, found.share_between) == (0.0, 0.0)


def test_items_that_disagree_with_themselves_are_listed_the_most_undecided_first() -> None:
    found = split_variance(
        {"sure": [1, 1, 1, 1], "often": [1, 1, 1, 0], "coin": [1, 0, 1, 0], "never": [0, 0, 0, 0]}
    )
    assert [one.item for one in found.flaky] == ["coin", "often"]


def test_more_prompts_beat_more_repeats_where_items_are_what_varies() -> None:
    """The error of other designs follows from the split."""
    found = split_variance({"a": [1, 1, 1], "b": [0, 0, 0], "c": [1, 1, 0], "d": [0, 0, 1], "e": [1, 1, 1]})
    assert found.standard_error(10, 1) < found.standard_error(5, 2)
    assert found.words.startswith("52 % of the spread lies between items.")


def test_a_spread_of_nothing_has_no_shares() -> None:
    found = split_variance({"a": [1, 1], "b": [1, 1]})
    assert found.share_between is None
    assert found.words == "All 4 answers scored alike."


@pytest.mark.parametrize("scores", [{}, {"a": [0, 1]}, {"a": [0], "b": [1]}])
def test_without_items_or_repeats_there_is_nothing_to_split(scores: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="two items, and repeats"):
        split_variance(scores)
