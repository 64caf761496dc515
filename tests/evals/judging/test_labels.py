"""What people are shown to label, and what is kept of what they say."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.evals.comparing.runs import items_of, measured, result, rows
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.comparing.answers import measured as measured_from
from tiercel.evals.comparing.label_worth import MORE, worth_of_labels
from tiercel.evals.evaluation import Expectation, JudgeSettings
from tiercel.evals.judging.labels import Queue, candidates_to_label, queue_of
from tiercel.evals.labels import Label, add_label, last_words, read_labels
from tiercel.evals.results import RESULTS, Score
from tiercel.evals.run_folder import LABELS, RunFolder

BOTH = ("deep", "fast")


def run(n: int = 40, fast: str | None = None) -> Measured:
    items = items_of(n)
    return measured([*rows("deep", "+" * n, items), *rows("fast", fast or "+" * n, items)], items)


def queue(
    of: Measured,
    n: int = 20,
    labeller: str = "ana",
    *,
    candidates: Sequence[str] = BOTH,
    in_pairs: bool = True,
) -> Queue:
    return queue_of(of.manifest, of.results, candidates=candidates, in_pairs=in_pairs, n=n, labeller=labeller)


def items(found: Queue) -> list[str]:
    return [sheet.item.id for sheet in found.sheets]


def test_all_labellers_walk_the_same_random_stream_and_more_go_on_where_fewer_ended() -> None:
    ana, bob, more = queue(run()), queue(run(), labeller="bob"), queue(run(), 30)
    assert items(ana) == items(bob) == items(more)[:20]
    assert items(ana) != sorted(items(ana), key=lambda name: int(name.removeprefix("t-")))
    assert {sheet.p_sampled for sheet in ana.sheets} == {0.5}


def test_which_of_two_stands_first_is_drawn_for_each_item_and_each_labeller() -> None:
    ana, bob = ([sheet.answers[0].candidate for sheet in queue(run(), 40, who).sheets] for who in ("a", "b"))
    assert 10 <= ana.count("fast") <= 30
    assert ana != bob
    assert ana == [sheet.answers[0].candidate for sheet in queue(run(), 40, "a").sheets]


def test_a_label_is_about_who_was_shown_whatever_the_order() -> None:
    for sheet in queue(run()).sheets:
        said = sheet.label("first", "ana", 1.0)
        assert said.pair is not None
        assert (said.pair["AB".index(str(said.label))], said.p_sampled) == (sheet.answers[0].candidate, 0.5)
        assert said.about == sheet.label("tie", "ana", 1.0).about == sheet.about


def test_single_answers_come_one_by_one_each_with_its_own_label() -> None:
    found = queue(run(), 20, in_pairs=False)
    assert len(found.sheets) == 40
    assert found.sheets[0].label(1.0, "ana", 1.0).candidate in BOTH
    with pytest.raises(ValueError, match="a number goes with"):
        found.sheets[0].label("first", "ana", 1.0)


def test_who_starts_again_goes_on_and_others_begin_at_the_beginning() -> None:
    found = queue(run())
    labels = [sheet.label("tie", "ana", 1.0) for sheet in found.sheets[:7]]
    assert found.left(labels) == list(found.sheets[7:])
    assert len(queue(run(), labeller="bob").left(labels)) == 20


def test_items_without_an_answer_of_each_are_left_out_and_not_counted() -> None:
    found = queue(run(40, "e" * 10 + "+" * 30), 30)
    assert (found.items, found.out_of, len(found.sheets)) == (30, 30, 30)
    assert not {f"t-{at}" for at in range(1, 11)} & set(items(found))


def test_an_answer_that_no_scorer_could_measure_can_be_labelled() -> None:
    things = items_of(1)
    unmeasured = result("t-1", "deep", "e", kind="scorer", output="an answer")
    assert queue(measured([unmeasured], things), candidates=("deep",), in_pairs=False).items == 1


def test_the_question_is_the_one_that_the_item_asks_of_people_or_of_a_judge() -> None:
    asked = items_of(1, expectations=(Expectation(scorer="human", value="Is it kind?"),))
    assert queue(measured(rows("deep", "+", asked), asked), candidates=("deep",)).sheets[0].question == (
        "Is it kind?"
    )
    assert "better" in queue(run()).sheets[0].question


@pytest.mark.parametrize(
    ("pair", "candidates", "n", "message"),
    [
        (("fast",), (), 5, "give two candidates"),
        (("fast", "fast"), (), 5, "give two candidates"),
        ((), ("gone",), 5, "no candidate 'gone'; there are deep, fast"),
        ((), BOTH, 0, "give at least 1"),
    ],
)
def test_what_cannot_be_labelled_is_told(
    pair: tuple[str, ...], candidates: tuple[str, ...], n: int, message: str
) -> None:
    found = run()
    with pytest.raises(ConfigError, match=message):
        queue(found, n, candidates=candidates_to_label(found.manifest, pair=pair, models=candidates))


def test_a_run_in_which_nobody_answered_says_so() -> None:
    with pytest.raises(ConfigError, match="no item has an answer of deep and of fast"):
        queue(run(3, "eee"))


def label(item: str = "t-1", word: float = 1.0, labeller: str = "ana") -> Label:
    return Label(item=item, candidate="fast", label=word, labeller=labeller)


def test_what_is_said_again_takes_the_place_of_what_was_said() -> None:
    """Of the same labeller; another's word stands beside it."""
    said = [label(word=0.0), label(word=0.0, labeller="bob"), label(word=1.0)]
    assert [(one.labeller, one.label) for one in last_words(said)] == [("ana", 1.0), ("bob", 0.0)]


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (b"", 0),
        (msgspec.json.encode(label()) + b"\n", 1),
        (msgspec.json.encode(label()), 1),
        (msgspec.json.encode(label()) + b'\n{"item": "t-', 1),
        (b'{"item": "t-', 0),
    ],
    ids=["new", "whole", "written by hand without a last line end", "cut short", "nothing but a part"],
)
def test_a_label_is_added_whatever_a_crash_left(before: bytes, kept: int, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_bytes(before)
    add_label(path, label("t-9"))
    assert [one.item for one in read_labels(path)] == ["t-1"] * kept + ["t-9"]


def lay(of: Measured, folder: Path, labels: Sequence[Label], where: str = LABELS) -> RunFolder:
    """The run in a folder of runs, and the labels in a file of it or, `../..`, beside the evaluation."""
    path = folder / "runs" / "a"
    path.mkdir(parents=True, exist_ok=True)
    (path / RESULTS).write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in of.results))
    for one in labels:
        add_label(path / where, one)
    return RunFolder(path=path, manifest=of.manifest)


def test_labels_that_a_judge_names_count_for_answers_that_are_the_same_word_for_word(tmp_path: Path) -> None:
    """Of an earlier run: one answer has changed since. What was written by hand is believed."""
    before = run(3)
    said = [sheet.label("tie", "ana", 1.0) for sheet in queue(before, 3).sheets]
    by_hand = Label(item=said[0].item, pair=("fast", "deep"), label="A", labeller="bob")
    changed = tuple(
        msgspec.structs.replace(row, output="another") if row.item == said[0].item else row
        for row in before.results
    )
    judges = {"j1": JudgeSettings(name="j1", models=("judge",), labels="people.jsonl")}
    evaluation = msgspec.structs.replace(before.manifest.evaluation, judges=judges)
    manifest = msgspec.structs.replace(before.manifest, evaluation=evaluation)
    now = msgspec.structs.replace(before, results=changed, manifest=manifest)
    found = measured_from(lay(now, tmp_path, [*said, by_hand], "../../people.jsonl"))
    assert list(found.labels) == [*said[1:], by_hand]
    (tmp_path / "people.jsonl").unlink()
    assert measured_from(lay(now, tmp_path, [])).labels == ()


def test_an_answer_that_was_asked_for_again_is_to_be_labelled_again(tmp_path: Path) -> None:
    before = run(1)
    label = queue(before, 1).sheets[0].label("first", "ana", 1.0)
    assert measured_from(lay(before, tmp_path, [label])).labels == (label,)
    again = msgspec.structs.replace(
        before, results=tuple(msgspec.structs.replace(row, output="new") for row in before.results)
    )
    assert measured_from(lay(again, tmp_path, [])).labels == ()
    assert queue(again, 1).left([label]) == list(queue(again, 1).sheets)


def with_labels(of: Measured, labels: Sequence[Label]) -> Measured:
    return msgspec.structs.replace(of, labels=tuple(labels))


def test_further_labels_are_said_to_narrow_the_interval_about_as_much_as_they_do() -> None:
    """Of 400 answers half pass, and people agree on nine of ten."""
    n = 400
    marks = "+-" * (n // 2)
    found = run(n, marks)
    sheets = queue(found, 60, candidates=("fast",), in_pairs=False).sheets

    def worth(made: int) -> tuple[float, float]:
        labels = [
            label(sheet.item.id, float((sheet.answers[0].state == "passed") != (at % 10 == 0)))
            for at, sheet in enumerate(sheets[:made])
        ]
        (one,) = worth_of_labels(with_labels(found, labels), ("fast",), in_pairs=False)
        assert (one.labels, one.judged, one.what) == (made, n - made, "passed")
        return one.half_width, one.half_width_after

    now, later = worth(40), worth(40 + MORE)
    assert now[1] == pytest.approx(later[0], rel=0.15)
    assert later[0] < now[0]


def test_pairs_that_no_judge_saw_are_told_by_the_labels_alone() -> None:
    found = run()
    labels = [sheet.label("tie", "ana", 1.0) for sheet in queue(found).sheets]
    (one,) = worth_of_labels(with_labels(found, labels), BOTH, in_pairs=True)
    assert (one.name, one.value, one.labels, one.judged) == ("fast", 0.5, 20, 0)


def test_pairs_that_a_judge_saw_count_its_verdicts() -> None:
    things = items_of(40)
    preferred = (Score(name="pairwise", value=1.0, met=True),)
    found = measured(
        [*rows("deep", "+" * 40, things), *rows("fast", "+" * 40, things, scores=preferred)], things
    )
    labels = [sheet.label("tie", "ana", 1.0) for sheet in queue(found, 10).sheets]
    (one,) = worth_of_labels(with_labels(found, labels), ("fast", "deep"), in_pairs=True)
    assert (one.name, one.labels, one.judged) == ("fast", 10, 30)


def test_too_few_labels_say_so() -> None:
    (one,) = worth_of_labels(with_labels(run(), [label()]), ("fast",), in_pairs=False)
    assert (one.value, one.why) == (None, "two labelled items are needed")
