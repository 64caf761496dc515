"""Losers are dropped while a run goes on: rightly often enough, wrongly hardly ever, and alike in every sitting."""

import random
from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evals.running.build import evaluation, items
from tiercel.evals.dropped import Dropped, saved_nano
from tiercel.evals.evaluation import Analysis, Evaluation, Item
from tiercel.evals.results import Result, Score, State
from tiercel.evals.running.race import Pairs, Race, groups_in_order, mean_not_above
from tiercel.evals.running.run import units_of

STREAMS = 300
SEED = 20_261_121


def race_of(
    n: int,
    *rivals: str,
    asked: Sequence[Item] = (),
    margin: float = 0.05,
    alpha: float = 0.05,
    repeats: int = 1,
) -> Evaluation:
    """Of `base` and these rivals, on so many items."""
    made = evaluation(
        tuple(asked) or items(n), "base", *(rivals or ("rival",)), baseline="base", repeats=repeats
    )
    analysis = Analysis(margin=margin, alpha=alpha, drop_losers=True)
    return msgspec.structs.replace(made, analysis=analysis, hash="0123abcd")


def row(item: str, candidate: str, passed: bool | None, repeat: int = 1) -> Result:
    state: State = "error" if passed is None else "passed" if passed else "failed"
    return Result(item=item, candidate=candidate, repeat=repeat, state=state, kind="ok")


def in_order(of: Evaluation) -> list[str]:
    return [item.id for group in groups_in_order(of) for item in group]


def learned(race: Race, rows: Iterable[Result]) -> list[Dropped]:
    return [lost for one in rows for lost in race.learn(one)]


def drawn(of: Evaluation, rng: random.Random, lost: float, won: float) -> list[Result]:
    """All rows in the order of asking: each rival is wrong alone on the share `lost` of items, right alone on `won`."""
    found: list[Result] = []
    for item in in_order(of):
        found.append(row(item, "base", right := rng.random() < 0.7))
        for rival in of.candidates[1:]:
            flips = rng.random() < (lost / 0.7 if right else won / 0.3)
            found.append(row(item, rival.id, right ^ flips))
    return found


def always_wrong(of: Evaluation) -> list[Result]:
    """The rival is wrong on every item, the baseline on none."""
    return [row(item, who, who == "base") for item in in_order(of) for who in ("base", "rival")]


def test_a_clear_loser_is_dropped_early_and_what_was_shown_is_told() -> None:
    of = race_of(400)
    rows = [
        row(item, who, who == "base" or at % 2 == 0)
        for at, item in enumerate(in_order(of))
        for who in ("base", "rival")
    ]
    (lost,) = learned(Race(of), rows)
    assert (lost.candidate, lost.baseline, lost.out_of, lost.margin, lost.alpha) == (
        "rival",
        "base",
        400,
        0.05,
        0.05,
    )
    assert 10 < lost.items == lost.pairs < 60
    assert lost.difference == pytest.approx(-0.5, abs=0.05)
    assert lost.difference < lost.not_above <= -0.05
    assert lost.e_value >= 20
    assert lost.words.startswith("rival is worse than base by more than 5 points (difference -")
    assert lost.words.endswith(f"; dropped after {lost.items} of 400 items.")


@pytest.mark.parametrize(
    ("lost", "won"),
    [(0.10, 0.10), (0.15, 0.10), (0.05, 0.0)],
    ids=["equal", "worse by the margin", "worse by the margin, hardly ever different"],
)
def test_of_candidates_that_are_not_worse_by_more_than_the_margin_hardly_any_is_dropped(
    lost: float, won: float
) -> None:
    """Looked at after every item, three rivals at once: *any* is dropped in at most alpha of all runs. The bound is
    what runs of a 5 % error exceed once in two thousand times."""
    of = race_of(150, "a", "b", "c")
    rng = random.Random(SEED)
    wrong = sum(bool(learned(Race(of), drawn(of, rng, lost, won))) for _ in range(STREAMS))
    assert wrong <= 0.05 * STREAMS + 3.3 * (0.05 * 0.95 * STREAMS) ** 0.5


def test_a_clear_loser_is_dropped_in_most_runs_and_saves_most_of_its_answers() -> None:
    """15 points worse than three points allow: of 300 items half of all runs take less than a third."""
    of = race_of(300, margin=0.03)
    rng = random.Random(SEED)
    found = [learned(Race(of), drawn(of, rng, 0.20, 0.05)) for _ in range(100)]
    taken = sorted(lost[0].items if lost else 301 for lost in found)
    assert taken[50] < 200
    assert sum(bool(lost) for lost in found) > 70


def test_each_rival_bets_for_its_part_of_the_error() -> None:
    assert [Race(race_of(5, *names)).alpha for names in (("a",), ("a", "b"))] == [0.05, 0.025]


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_whenever_results_come_the_decisions_are_those_of_their_order(
    rng: random.Random, errors: int
) -> None:
    """Also where a sitting ended in between: what it knew is taken in anew."""
    of = race_of(60, "a", "b")
    rows = drawn(of, rng, 0.4, 0.05)
    for at in rng.sample(range(len(rows)), errors):
        rows[at] = row(rows[at].item, rows[at].candidate, None)
    expected = {lost.candidate: lost for lost in learned(Race(of), rows)}
    shuffled = rng.sample(rows, len(rows))
    assert {lost.candidate: lost for lost in learned(Race(of), shuffled)} == expected
    cut = rng.randrange(len(rows))
    before = learned(Race(of), rows[:cut])
    again = learned(Race(of, before), rows)
    assert {lost.candidate: lost for lost in (*before, *again)} == expected


def test_nobody_is_dropped_twice() -> None:
    of = race_of(100)
    dropped = learned(Race(of), always_wrong(of))
    assert len(dropped) == 1
    assert learned(Race(of, dropped), always_wrong(of)) == []


def test_errors_are_no_pairs() -> None:
    of = race_of(100)
    order = in_order(of)
    rows = always_wrong(of)
    broken = [
        row(one.item, one.candidate, None) if one.item in order[:5] and one.candidate == "rival" else one
        for one in rows
    ]
    (clean,), (lost,) = learned(Race(of), rows), learned(Race(of), broken)
    assert (lost.pairs, lost.items, lost.e_value) == (clean.pairs, clean.items + 5, clean.e_value)


def test_a_conversation_is_one_piece_of_evidence_and_its_turns_are_asked_together() -> None:
    turns = tuple(msgspec.structs.replace(item, cluster=f"c{at // 4}") for at, item in enumerate(items(200)))
    of = race_of(0, asked=turns)
    order = in_order(of)
    clusters = {item.id: item.cluster for item in turns}
    assert [clusters[item] for item in order] == [clusters[item] for item in order[::4] for _ in range(4)]
    (lost,) = learned(Race(of), always_wrong(of))
    (single,) = learned(Race(race_of(200)), always_wrong(race_of(200)))
    assert (lost.items, lost.out_of, lost.pairs) == (single.items, 50, 4 * single.items)


def test_repeats_of_an_item_are_one_piece_of_evidence() -> None:
    of = race_of(50, repeats=3)
    units = units_of(of)
    assert [unit.repeat for unit in units[:6]] == [1, 1, 2, 2, 3, 3]
    (lost,) = learned(
        Race(of),
        [row(unit.item.id, unit.candidate.id, unit.candidate.id == "base", unit.repeat) for unit in units],
    )
    assert lost.pairs == 3 * lost.items


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 5)), min_size=1, max_size=5),
    st.floats(1, 3),
    st.floats(-0.99, 0.99),
)
def test_what_is_bet_on_is_bounded_and_lies_where_the_weighted_mean_does(
    pairs: list[tuple[float, float]], heaviest: float, mean: float
) -> None:
    """Whatever items weigh: the bet is on whether their weighted mean lies above or below what is claimed."""
    total = sum(weight for _, weight in pairs) * heaviest
    group = Pairs(tuple(one for one, _ in pairs), tuple(weight / total for _, weight in pairs))
    value = group.beside(mean)
    assert -1 - 1e-9 <= value <= 1 + 1e-9
    assert value - mean == pytest.approx(sum(w * (d - mean) for d, w in pairs) / total, abs=1e-9)


def test_nothing_is_bounded_by_nothing() -> None:
    assert mean_not_above([], 0.05) == 1.0
    assert mean_not_above([Pairs((-1.0,), (1.0,))] * 300, 0.05) < -0.9


def test_nobody_runs_ahead_of_the_slowest_and_nobody_waits_for_who_has_left() -> None:
    of = race_of(100, "a", "b")
    order = in_order(of)
    race = Race(of)
    lead = sum(race.may_begin(item) for item in order)
    assert 1 <= lead < 30
    assert [race.may_begin(item) for item in order] == [at < lead for at in range(100)]
    learned(race, [row(item, who, True) for item in order[:10] for who in ("base", "a")])
    assert sum(race.may_begin(item) for item in order) == lead
    race.leave("b")
    assert sum(race.may_begin(item) for item in order) == lead + 10
    race.leave("base")
    assert all(race.may_begin(item) for item in order)


def test_the_order_is_a_random_one_and_always_the_same() -> None:
    of = race_of(200)
    order = in_order(of)
    assert order == in_order(of)
    assert order != [item.id for item in of.items]
    assert sorted(order) == sorted(item.id for item in of.items)
    assert order != in_order(msgspec.structs.replace(of, hash="other"))


@pytest.mark.parametrize(
    ("fields", "saved"),
    [
        ({"cost_nano": 10}, 60),
        ({"cost_nano": 10, "scores": (Score(name="j", cost_nano=5, calls=1),)}, 90),
        ({"cost_nano": None}, None),
        ({"cost_nano": 10, "scores": (Score(name="j", calls=1, unpriced_calls=1),)}, None),
    ],
)
def test_what_was_saved_is_what_the_rest_would_have_cost(
    fields: dict[str, object], saved: int | None
) -> None:
    rows = [msgspec.structs.replace(row(f"q{n}", "rival", False), **fields) for n in range(4)]
    assert saved_nano(rows, 10) == saved


def test_nothing_was_saved_that_anybody_could_tell_where_nothing_was_asked() -> None:
    assert saved_nano([], 10) is None
