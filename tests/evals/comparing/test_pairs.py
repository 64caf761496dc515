"""What can be held against each other: items that both answered, and what was left out, by name."""

import msgspec

from tests.evals.comparing.runs import items_of, measured, rows, run_of
from tiercel.evals.comparing.answers import answers_of
from tiercel.evals.comparing.assessment import assess_run
from tiercel.evals.comparing.pairs import Pairing, pair_up
from tiercel.evals.evaluation import Item


def paired(deep: str, fast: str) -> Pairing:
    run = run_of({"deep": deep, "fast": fast})
    before, after = run.manifest.evaluation.candidates
    return pair_up(answers_of(run, before), answers_of(run, after))


def test_items_are_paired_by_their_id_in_the_evaluations_order() -> None:
    run = run_of({"deep": "+-+-", "fast": "++--"})
    turned = measured(run.results[::-1], run.manifest.evaluation.items)
    before = {candidate.id: candidate for candidate in turned.manifest.evaluation.candidates}
    found = pair_up(answers_of(turned, before["deep"]), answers_of(turned, before["fast"]))
    assert [pair.item.id for pair in found.pairs] == ["t-1", "t-2", "t-3", "t-4"]
    assert found.scores("pass") == ([1, 0, 1, 0], [1, 1, 0, 0])


def test_an_error_is_no_evidence_and_its_item_is_named() -> None:
    found = paired("+e+ee", "++e+e")
    assert [pair.item.id for pair in found.pairs] == ["t-1"]
    assert found.left_out.baseline_failed == ("t-2", "t-4", "t-5")
    assert found.left_out.candidate_failed == ("t-3", "t-5")


def test_items_of_one_run_only_are_named() -> None:
    items = items_of(4)
    before = measured(rows("m", "+++", items[:3]), items[:3])
    after = measured(rows("m", "+++", items[1:]), items[1:])
    candidate = before.manifest.evaluation.candidates[0]
    found = pair_up(answers_of(before, candidate), answers_of(after, candidate))
    assert [pair.item.id for pair in found.pairs] == ["t-2", "t-3"]
    assert (found.left_out.only_in_baseline, found.left_out.only_in_candidate) == (("t-1",), ("t-4",))


def test_repeats_are_paired_and_each_item_is_a_cluster() -> None:
    items = items_of(3)
    results = [
        *rows("deep", "+++", items, 1),
        *rows("deep", "++e", items, 2),
        *rows("fast", "+--", items, 1),
        *rows("fast", "---", items, 2),
    ]
    found = assess_run(measured(results, items)).contenders[0]
    assert found.comparison is not None
    assert (found.comparison.difference.n, found.comparison.difference.clusters) == (5, 3)
    assert found.left_out.odd_repeats == 1


def test_items_of_a_conversation_are_no_independent_evidence() -> None:
    items = [*items_of(40, cluster="one"), *items_of(40, cluster="two")]
    items = [item if at < 40 else _renamed(item, at) for at, item in enumerate(items)]
    marks = {"deep": "+" * 80, "fast": "+-" * 40}
    alone = assess_run(run_of(marks)).contenders[0].comparison
    grouped = assess_run(run_of(marks, items)).contenders[0].comparison
    assert alone is not None
    assert grouped is not None
    assert grouped.difference.clusters == 2
    assert grouped.difference.interval.low < alone.difference.interval.low


def test_weights_move_the_difference_to_what_the_items_were_drawn_from() -> None:
    items = [*items_of(10, weight=9.0), *[_renamed(item, 99) for item in items_of(10)]]
    found = (
        assess_run(run_of({"deep": "+" * 20, "fast": "+" * 10 + "-" * 10}, items)).contenders[0].comparison
    )
    assert found is not None
    assert round(found.difference.value, 9) == -0.1


def _renamed(item: Item, at: int) -> Item:
    return msgspec.structs.replace(item, id=f"{item.id}-{at}")
