"""What two classes of measurements say of each other is arithmetic; the measuring itself is no test."""

import random

import pytest

from bench.key_timing import THRESHOLD, Compared, compare, lean, told, welch


def noisy(middle: float, count: int = 4_000, seed: int = 1) -> list[int]:
    """Times around a middle with a long tail, as a busy machine has them."""
    dice = random.Random(seed)
    return [round(middle + dice.gauss(0, 30) + dice.expovariate(1 / 40)) for _ in range(count)]


def test_t_is_the_difference_in_its_standard_errors() -> None:
    assert welch([10, 12, 14], [1, 3, 5]) == pytest.approx(9 / (4 / 3 + 4 / 3) ** 0.5)


def test_the_same_is_no_difference() -> None:
    assert welch([5, 5], [5, 5]) == 0.0


@pytest.mark.parametrize(("gap", "differ"), [(0.0, False), (10.0, True), (-10.0, True)])
def test_a_difference_is_found_in_noise(gap: float, differ: bool) -> None:
    compared = compare(noisy(1_000.0 + gap), noisy(1_000.0, seed=2))
    assert (abs(compared.t) > THRESHOLD) == differ
    assert (abs(compared.difference) > 3) == differ


def test_a_few_interruptions_hide_no_difference() -> None:
    """They are what cropping is for: without it their spread would swallow everything."""
    interrupted = [2_000_000_000] * 5
    one, other = [*noisy(1_010.0), *interrupted], [*noisy(1_000.0, seed=2), *interrupted]
    assert abs(welch(one, other)) < THRESHOLD < abs(compare(one, other).t)


def measured(*differences: float) -> list[Compared]:
    """Processes that each found their difference beyond any doubt."""
    return [Compared(t=9.0, difference=each, n=500) for each in differences]


def test_processes_that_disagree_show_no_difference() -> None:
    """However sure each is of its own: that is where things lay in memory."""
    assert not lean(measured(+0.9, -0.6, +0.2, -0.5)).differ
    assert lean(measured(0.9, 0.8, 0.9, 0.8)).differ


def test_the_line_says_what_would_have_been_seen() -> None:
    found = measured(1.0, -1.0)
    line = told("a or b", lean(found), found)
    assert "no difference found: +0.00 ± 1.96 ns, t = +0.0 over 2 processes, 1,000 calls" in line
