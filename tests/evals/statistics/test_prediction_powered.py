"""Few labels and many verdicts: covers the truth, is never worse than labels alone, and needs a random stream."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.evals.statistics.labels import label_stream
from tiercel.evals.statistics.prediction_powered import prediction_powered_mean


def drawn(seed: int, agreement: float, n: int, judged: int) -> tuple[list[int], list[int], list[int]]:
    """Labels with a mean of 0.6, and a judge that says the same with this probability, else "yes"."""
    rng = np.random.default_rng(seed)
    human = (rng.random(n + judged) < 0.6).astype(int)
    judge = np.where(rng.random(n + judged) < agreement, human, 1)
    return human[:n].tolist(), judge[:n].tolist(), judge[n:].tolist()


@pytest.mark.parametrize("agreement", [0.0, 0.5, 0.9])
def test_it_covers_the_truth_whatever_the_judge_is_worth(agreement: float) -> None:
    covered = sum(
        prediction_powered_mean(*drawn(seed, agreement, 40, 400)).interval.holds(0.6) for seed in range(400)
    )
    assert 0.91 <= covered / 400 <= 0.985


def test_a_good_judge_is_worth_labels_and_a_bad_one_does_no_harm() -> None:
    good = prediction_powered_mean(*drawn(1, 0.95, 60, 2_000))
    bad = prediction_powered_mean(*drawn(1, 0.0, 60, 2_000))
    assert good.worth > 3
    assert bad.worth == pytest.approx(1, abs=0.01)


def test_a_judge_that_is_always_wrong_is_believed_the_other_way_round() -> None:
    human, judge, others = drawn(2, 1.0, 60, 2_000)
    found = prediction_powered_mean(human, [1 - x for x in judge], [1 - x for x in others])
    assert found.weight < 0
    assert found.value == pytest.approx(prediction_powered_mean(human, judge, others).value)


def test_people_of_one_mind_do_not_make_it_certain() -> None:
    found = prediction_powered_mean([1] * 20, [1] * 15 + [0] * 5, [1] * 70 + [0] * 30)
    assert found.interval.low < 0.9
    assert found.value == 1


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=2, max_size=20),
    st.lists(st.floats(0, 1), min_size=2, max_size=40),
)
def test_whatever_comes_in_the_interval_holds_its_value(
    labelled: list[tuple[int, float]], others: list[float]
) -> None:
    found = prediction_powered_mean([x for x, _ in labelled], [f for _, f in labelled], others)
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


def test_the_estimate_is_that_of_ppi_python() -> None:
    """The reference implementation, where it is installed."""
    ppi_py = pytest.importorskip("ppi_py", reason="ppi-python is not installed")
    human, judge, others = (np.array(part, dtype=float) for part in drawn(3, 0.8, 40, 1_000))
    found = prediction_powered_mean(human, judge, others)
    assert found.value == pytest.approx(float(ppi_py.ppi_mean_pointestimate(human, judge, others)[0]))
    low, high = ppi_py.ppi_mean_ci(human, judge, others, alpha=0.05)
    # theirs takes the normal quantile and divides by n, ours Student's and n - 1
    assert (found.interval.low, found.interval.high) == pytest.approx((low[0], high[0]), abs=0.012)


def test_the_labels_that_a_width_takes() -> None:
    found = prediction_powered_mean(*drawn(4, 0.8, 60, 2_000))
    assert found.labels_for(0.05) > 3 * found.labels_for(0.1)


def test_words_name_both_sources_and_the_judge_alone() -> None:
    said = prediction_powered_mean(*drawn(1, 0.5, 40, 1_000)).words
    assert "from 40 human labels and 1,000 judge verdicts; the judge alone says 79.6 %." in said


@pytest.mark.parametrize(
    ("labels", "beside", "message"),
    [
        ([1, 0], [1], "1 entries where there are 2"),
        ([1], [1], "two labels"),
        ([1, 3], [1, 1], r"labels\[1\] is 3"),
    ],
)
def test_bad_input_is_told(labels: list[float], beside: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prediction_powered_mean(labels, beside, [0, 1])


def test_a_half_width_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="half width above 0"):
        prediction_powered_mean(*drawn(1, 0.5, 10, 20)).labels_for(0)


def test_the_label_stream_is_the_same_for_all_and_does_not_move_when_items_come() -> None:
    items = [f"item {at}" for at in range(50)]
    before = label_stream(items, seed="october")
    after = label_stream([*reversed(items), "late"], seed="october")
    assert [item for item in after if item != "late"] == before


def test_the_label_stream_does_not_care_what_is_interesting() -> None:
    """The first tenth of the stream holds a tenth of each kind, over many seeds."""
    items = [f"interesting {at}" for at in range(20)] + [f"dull {at}" for at in range(80)]
    counts = [
        sum(item.startswith("interesting") for item in label_stream(items, seed=str(seed))[:10])
        for seed in range(300)
    ]
    assert np.mean(counts) == pytest.approx(2, abs=0.25)


def test_an_item_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'a' is there twice"):
        label_stream(["a", "b", "a"], seed="s")
