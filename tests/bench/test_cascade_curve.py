"""Frontiers, mixtures, levels and intervals are arithmetic; every figure here was worked out by hand."""

import pytest

from bench.cascade_curve import (
    LEVELS,
    Sample,
    Way,
    by_task,
    figures,
    foreseeing,
    frontier,
    interval,
    mixing,
    mixture,
    resamples,
)

CHEAP = Way(name="cheap", nano=(1, 1, 1, 1), scores=(1.0, 1.0, 0.0, 0.0))
STRONG = Way(name="strong", nano=(10, 10, 20, 40), scores=(1.0, 0.0, 1.0, 1.0), went_up=1.0)
ALL = Sample(range(4))


def test_a_point_is_two_means() -> None:
    assert ALL.point(STRONG) == (20.0, 0.75)
    assert Sample([3, 3, 0, 0]).point(STRONG) == (25.0, 1.0)
    assert Sample([2]).point(STRONG) == (20.0, 1.0)


def test_the_frontier_leaves_out_what_a_mixture_of_others_beats() -> None:
    """(5, 0.4) lies below the line from (0, 0) to (10, 1); (12, 0.9) costs more than what gives more."""
    points = [(10.0, 1.0), (5.0, 0.4), (0.0, 0.0), (12.0, 0.9), (2.0, 0.5)]
    assert frontier(points) == [2, 4, 0]


def test_between_two_points_their_neighbours_are_mixed() -> None:
    points = [(0.0, 0.0), (2.0, 0.5), (10.0, 1.0)]
    assert mixture(points, 0.75) == [(1, 0.5), (2, 0.5)]


@pytest.mark.parametrize(
    ("quality", "expected"),
    [(-1.0, [(0, 1.0)]), (0.0, [(0, 1.0)]), (0.5, [(0, 0.0), (1, 1.0)]), (0.6, None)],
    ids=["below the cheapest", "the cheapest's own", "the best's own", "beyond the best"],
)
def test_the_ends_of_a_frontier(quality: float, expected: list[tuple[int, float]] | None) -> None:
    assert mixture([(0.0, 0.0), (2.0, 0.5)], quality) == expected


def test_costs_are_shares_of_the_strong_models_at_shares_of_its_quality() -> None:
    """Strong (20, 0.75), cheap (1, 0.5). 95 % is 0.7125, at 0.85 of the way: 1 + 0.85 × 19 = 17.15, of 20."""
    found = figures(mixing([CHEAP, STRONG])(ALL), ALL.point(STRONG))
    assert LEVELS == (100, 99, 95)
    assert found.cost_at == pytest.approx((1.0, 0.9715, 0.8575))
    assert (found.best, found.cost_of_best) == (0.75, 1.0)


def test_what_is_not_reached_is_unknown() -> None:
    assert figures([ALL.point(CHEAP)], ALL.point(STRONG)).cost_at == (None, None, None)


@pytest.mark.parametrize(
    ("picks", "expected"),
    [((0, 1, 2, 3), [(1.0, 0.5), (5.75, 0.75), (15.5, 1.0)]), ((0, 2, 2, 2), [(1.0, 0.25), (15.25, 1.0)])],
)
def test_the_oracle_buys_what_only_the_strong_model_has_the_cheapest_first(
    picks: tuple[int, ...], expected: list[tuple[float, float]]
) -> None:
    """The third question costs 19 more, the fourth 39; the second stays with the cheap model, which is right."""
    points = foreseeing(CHEAP, STRONG)(Sample(picks))
    assert [value for point in points for value in point] == pytest.approx(
        [value for point in expected for value in point]
    )


def test_tasks_go_up_in_the_order_of_what_that_gains_for_its_cost() -> None:
    """b gains 2 for 58, a loses 1 for 18; with all up it would be the strong model alone."""
    (way,) = by_task(CHEAP, STRONG, ["a", "a", "b", "b"])
    assert (way.nano, way.scores, way.went_up) == ((1, 1, 20, 40), (1.0, 1.0, 1.0, 1.0), 0.5)


def test_the_middle_95_percent_stand_between_the_ends() -> None:
    assert interval([float(value) for value in range(1_001)]) == (25.0, 975.0)


def test_what_was_not_reached_counts_as_dearest() -> None:
    assert interval([0.5, None, 0.4]) == (0.4, None)


def test_a_seed_gives_the_same_samples() -> None:
    first, again, other = (resamples(30, 2, seed) for seed in (1, 1, 2))
    assert [sample.picks for sample in first] == [sample.picks for sample in again]
    assert [sample.picks for sample in first] != [sample.picks for sample in other]
