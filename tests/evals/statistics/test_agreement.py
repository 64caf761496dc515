"""Agreement beyond chance: the published examples, what it is at its ends, and whether the interval holds."""

import numpy as np
import pytest

from tiercel.evals.statistics.agreement import Agreement, cohen_kappa, krippendorff_alpha


def table(cells: dict[tuple[str, str], int]) -> tuple[list[str], list[str]]:
    pairs = [pair for pair, count in cells.items() for _ in range(count)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def observers(*rows: str) -> list[list[str]]:
    """What each said of each thing, a dot for nothing."""
    return [[word for word in column if word != "."] for column in zip(*rows, strict=True)]


def test_kappa_of_a_table_worked_by_hand() -> None:
    """p = 35/50, e = 0.5 · 0.6 + 0.5 · 0.4 = 0.5."""
    found = cohen_kappa(*table({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15}), seed=1)
    assert found.value == pytest.approx(0.4)
    assert found.n == 50
    assert found.interval is not None
    # beside the large-sample error of Fleiss, Cohen and Everitt (1969), 0.127
    assert (found.interval.low, found.interval.high) == pytest.approx((0.15, 0.65), abs=0.05)


def test_kappa_counts_every_word() -> None:
    """p = 7/10; e = (4 · 5 + 3 · 3 + 3 · 2) / 100 = 0.35."""
    cells = {("a", "a"): 3, ("a", "b"): 1, ("b", "b"): 2, ("b", "a"): 1, ("c", "c"): 2, ("c", "a"): 1}
    assert cohen_kappa(*table(cells), seed=1).value == pytest.approx((0.7 - 0.35) / 0.65)


@pytest.mark.parametrize(
    ("rows", "alpha", "n"),
    [
        (("0100000010", "1110010000"), 0.095, 10),
        (("aabbdcccedda", "babbbccceddd"), 0.692, 12),
        (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743, 11),
    ],
    ids=["two words", "five words", "four observers, one thing seen by one alone"],
)
def test_alpha_of_krippendorffs_examples(rows: tuple[str, ...], alpha: float, n: int) -> None:
    found = krippendorff_alpha(observers(*rows), seed=1)
    assert found.value == pytest.approx(alpha, abs=0.0006)
    assert found.n == n


def test_who_always_says_the_same_is_told_from_who_knows() -> None:
    truth = ["y"] * 9 + ["n"]
    assert cohen_kappa(truth, ["y"] * 10, seed=1).value == 0
    assert cohen_kappa(truth, truth, seed=1).value == 1
    assert krippendorff_alpha([[word, word] for word in truth], seed=1).value == 1


@pytest.mark.parametrize("words", [[], ["y"] * 5])
def test_where_only_one_word_was_said_nothing_can_be_told(words: list[str]) -> None:
    assert cohen_kappa(words, words, seed=1) == Agreement(value=None, n=len(words))
    assert krippendorff_alpha([[word, word] for word in words], seed=1).value is None


def test_the_interval_of_kappa_holds_the_truth_about_as_often_as_it_says() -> None:
    """The other repeats one's word with 0.7, else tosses a coin: kappa = 0.7."""
    held = 0
    for seed in range(60):
        dice = np.random.default_rng(seed)
        one = dice.random(80) < 0.5
        other = np.where(dice.random(80) < 0.7, one, dice.random(80) < 0.5)
        found = cohen_kappa(one.tolist(), other.tolist(), seed=seed)
        held += found.interval is not None and found.interval.holds(0.7)
    assert held >= 52


def test_things_of_one_cluster_are_no_independent_evidence() -> None:
    one, other = table({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 5, ("n", "n"): 20})
    alone = cohen_kappa(one, other, seed=1).interval
    doubled = cohen_kappa(one * 2, other * 2, seed=1, clusters=[*range(50)] * 2).interval
    assert alone is not None
    assert doubled is not None
    assert doubled.high - doubled.low == pytest.approx(alone.high - alone.low, rel=0.1)


def test_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="entries where there are"):
        cohen_kappa(["y"], [], seed=1)
