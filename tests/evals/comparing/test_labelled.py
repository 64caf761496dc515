"""What people's labels make of verdicts: agreement, and a rate corrected for how far the verdicts are off."""

import random
from pathlib import Path

import msgspec
import pytest

from tests.evals.comparing.runs import items_of, measured, rows
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.comparing.assessment import assess_run
from tiercel.evals.labels import Label, read_labels
from tiercel.evals.reporting.words import people
from tiercel.evals.results import Score


def labelled_run(labels: list[Label], n: int = 200) -> Measured:
    """`fast` passes everything, says the judge; and its answer is always preferred."""
    items = items_of(n)
    preferred = (Score(name="pairwise", value=1.0, met=True),)
    results = [*rows("deep", "+" * n, items), *rows("fast", "+" * n, items, scores=preferred)]
    return msgspec.structs.replace(measured(results, items), labels=tuple(labels))


def test_a_kind_judge_is_corrected_by_what_people_say() -> None:
    """The judge passes 90 % at random, people only 60 % of what it passes and nothing else."""
    dice = random.Random(3)
    n = 1_000
    items = items_of(n)
    judged = [dice.random() < 0.9 for _ in items]
    truth = [passed and dice.random() < 0.6 for passed in judged]
    drawn = dice.sample(range(n), 80)
    labels = tuple(Label(item=items[at].id, candidate="m", label=float(truth[at])) for at in drawn)
    run = measured(rows("m", "".join("-+"[passed] for passed in judged), items), items)
    found = assess_run(msgspec.structs.replace(run, labels=labels)).labelled[0]
    assert found.estimate is not None
    assert found.estimate.judge_only > 0.85
    assert found.estimate.interval.holds(sum(truth) / n)
    assert (found.labels, found.agreement.n) == (80, 80)
    assert found.agreement.value == pytest.approx(0.64, abs=0.12)
    assert "as people see it" in people(found)


def test_several_people_on_one_answer_count_as_their_mean() -> None:
    labels = [
        Label(item="t-1", candidate="fast", label=word, labeller=who) for word, who in ((1, "a"), (0, "b"))
    ]
    found = assess_run(labelled_run(labels)).labelled[0]
    assert (found.labels, found.agreement.value) == (1, 0.0)


def test_preferences_are_those_for_the_candidate_whichever_it_was_shown_as() -> None:
    """Of four, two for the candidate, one against and one tie; the judge was always for it."""
    words = [
        Label(item="t-1", pair=("fast", "deep"), label="A"),
        Label(item="t-2", pair=("deep", "fast"), label="B"),
        Label(item="t-3", pair=("deep", "fast"), label="A"),
        Label(item="t-4", pair=("fast", "deep"), label="tie"),
    ]
    found = assess_run(labelled_run(words)).labelled[0]
    assert (found.what, found.labels, found.agreement.value) == ("preferred", 4, 0.5)
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(0.625)


def test_too_few_labels_say_so() -> None:
    found = assess_run(labelled_run([Label(item="t-1", candidate="fast", label=1)])).labelled[0]
    assert found.estimate is None
    assert "two labels" in found.why


def test_labels_of_nobody_who_was_asked_are_left_out() -> None:
    words = [Label(item="gone", candidate="fast", label=1), Label(item="t-1", candidate="other", label=1)]
    assert assess_run(labelled_run(words)).labelled == ()


@pytest.mark.parametrize(
    "line",
    [
        '{"item": "a", "candidate": "m", "label": 2}',
        '{"item": "a", "candidate": "m", "label": "A"}',
        '{"item": "a", "pair": ["m", "n"], "label": 1}',
        '{"item": "a", "label": 1}',
        '{"candidate": "m", "label": 1}',
        "nonsense",
    ],
)
def test_a_label_that_means_nothing_is_named_by_its_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"item": "a", "candidate": "m", "label": 1}\n\n' + line + "\n")
    with pytest.raises(ConfigError, match="line 3: no label"):
        list(read_labels(path))
