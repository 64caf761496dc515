"""Judges beside people: every figure by hand on a small table, and on recorded verdicts of real judges."""

import csv
import gzip
import json
from collections.abc import Sequence

import msgspec
import pytest

from tests.evals.comparing.runs import items_of, measured, result
from tests.evals.statistics.real import VERDICTS, needs_verdicts
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.comparing.assessment import assess_run
from tiercel.evals.comparing.judge_check import JudgeCheck, check_judge, check_people
from tiercel.evals.evaluation import Expectation, JudgeSettings
from tiercel.evals.labels import Label, Preference
from tiercel.evals.reporting.json_report import as_json
from tiercel.evals.reporting.judge_words import judge_sentence
from tiercel.evals.reporting.markdown import as_markdown
from tiercel.evals.results import Result, Score
from tiercel.evals.statistics.interval import Interval
from tiercel.measure.rate import wilson

RUBRIC = JudgeSettings(name="j1", models=("acme/judge",))
A: Preference = "A"
B: Preference = "B"
PAIRS = JudgeSettings(name="j1", models=("acme/judge",), mode="pairwise")


def said(value: float | None, reason: str = "", scorer: str = "llm-rubric") -> Score:
    """A verdict of the judge, `None` for one that is none."""
    if value is None:
        return Score(name=scorer, unmeasured="judge: 1 of 1 gave no valid verdict", cost_nano=5, calls=1)
    by = "acme/judge (judge prompt 1)"
    return Score(name=scorer, value=value, met=value >= 0.5, reason=reason, by=by, cost_nano=10, calls=2)


def run(
    verdicts: Sequence[Score],
    labels: Sequence[float | str | None],
    judge: JudgeSettings = RUBRIC,
    lengths: Sequence[int] = (),
) -> Measured:
    """Of `fast`; `deep` answers "no" to everything. `None` was not labelled."""
    n = len(verdicts)
    items = items_of(n, expectations=(Expectation(scorer=verdicts[0].name, judge="j1"),))
    rows: list[Result] = []
    words: list[Label] = []
    for at, (item, score, label) in enumerate(zip(items, verdicts, labels, strict=True)):
        output = "x" * (lengths[at] if lengths else at % 7)
        mark = "e" if score.unmeasured else "-+"[score.met]
        kind = "scorer" if score.unmeasured else "ok"
        rows += [
            result(item.id, "deep", "+", scores=(said(0.5),) if judge.mode == "pairwise" else ()),
            result(item.id, "fast", mark, scores=(score,), output=output, kind=kind),
        ]
        if isinstance(label, str):
            words.append(Label(item=item.id, pair=("fast", "deep"), label=msgspec.convert(label, Preference)))
        elif label is not None:
            words.append(Label(item=item.id, candidate="fast", label=label))
    found = measured(rows, items)
    evaluation = msgspec.structs.replace(found.manifest.evaluation, judges={"j1": judge})
    manifest = msgspec.structs.replace(found.manifest, evaluation=evaluation)
    return msgspec.structs.replace(found, manifest=manifest, labels=tuple(words))


def table(right_passed: int, right_failed: int, wrong_passed: int, wrong_failed: int) -> Measured:
    cells = (
        (1.0, 1.0, right_passed),
        (1.0, 0.0, right_failed),
        (0.0, 1.0, wrong_passed),
        (0.0, 0.0, wrong_failed),
    )
    pairs = [(label, verdict) for label, verdict, count in cells for _ in range(count)]
    return run([said(verdict) for _, verdict in pairs], [label for label, _ in pairs])


def test_agreement_kappa_sensitivity_and_specificity_are_those_of_the_table() -> None:
    """20, 5, 10, 15: agreement 35/50, kappa 0.4, and Wilson's intervals of 20/25 and 15/25."""
    found = check_judge(table(20, 5, 10, 15), "j1")
    assert (found.what, found.labels, found.agreement.value) == ("passed", 50, 0.7)
    assert found.kappa.value == pytest.approx(0.4)
    for figure, hits in ((found.sensitivity, 20), (found.specificity, 15)):
        assert (figure.value, figure.n) == (hits / 25, 25)
        assert (figure.low, figure.high) == pytest.approx(wilson(hits, 25, 1.959964), abs=1e-6)


def test_a_judge_that_passes_everything_is_seen_through() -> None:
    """It agrees on 90 %, and knows nothing."""
    found = check_judge(table(45, 0, 5, 0), "j1")
    assert found.agreement.value == 0.9
    assert (found.kappa.value, found.sensitivity.value, found.specificity.value) == (0, 1, 0)


def test_verdicts_that_were_none_are_counted_and_told_and_their_cost_too() -> None:
    found = check_judge(run([said(1.0), said(None), said(None), said(1.0)], [1.0, 1.0, None, 1.0]), "j1")
    assert (found.verdicts, found.invalid, found.labels) == (2, 2, 2)
    assert "gave no valid verdict" in found.why_invalid
    assert (found.cost_nano, found.calls) == (30, 6)
    assert found.by == ("acme/judge (judge prompt 1)",)


def test_calls_of_unknown_price_are_counted_apart() -> None:
    """What is free has a price, and it is nothing."""
    unknown = msgspec.structs.replace(said(1.0), cost_nano=0, calls=3, unpriced_calls=3)
    free = msgspec.structs.replace(said(1.0), cost_nano=0, calls=4)
    found = check_judge(run([said(1.0), unknown, free], [None, None, None]), "j1")
    assert (found.cost_nano, found.calls, found.unpriced_calls) == (10, 9, 3)


def test_where_all_is_labelled_there_is_nothing_to_correct() -> None:
    (rate,) = check_judge(table(20, 5, 10, 15), "j1").corrected
    assert (rate.estimate, rate.labels) == (None, 50)
    assert "nothing to correct" in rate.why


def test_a_kind_judge_is_corrected_by_the_labels() -> None:
    """It passes 180 of 200; people were asked of 40, and let half of these pass."""
    verdicts = [said(float(at % 10 != 0)) for at in range(200)]
    labels = [float(at % 2) if at < 40 else None for at in range(200)]
    (rate,) = check_judge(run(verdicts, labels), "j1").corrected
    assert rate.estimate is not None
    assert rate.estimate.judge_only == 0.9
    assert rate.estimate.interval.holds(0.5)
    assert not rate.estimate.interval.holds(0.9)


def in_both_orders(value: float | None) -> Score:
    """A verdict on a pair; a half is a flip."""
    return msgspec.structs.replace(said(value, "", "pairwise"), both_orders=1, flips=int(value == 0.5))


def pairs(verdicts: Sequence[float], labels: Sequence[str | None], **fields: Sequence[int]) -> JudgeCheck:
    """Verdicts on pairs; a half is a flip."""
    scores = [in_both_orders(value) for value in verdicts]
    return check_judge(run(scores, labels, PAIRS, **fields), "j1")


def test_of_pairs_preferences_are_compared_and_flips_counted() -> None:
    found = pairs([1, 1, 0, 0.5, 0.5, 1, 0, 1], ["A", "A", "B", "tie", "A", "B", "both_bad", None])
    assert (found.what, found.labels, found.verdicts) == ("preferred", 7, 8)
    assert found.agreement.value == pytest.approx(4 / 7)
    assert found.sensitivity.value == pytest.approx(2 / 3)
    assert found.specificity.value == 0.5
    assert (found.flips.value, found.flips.n) == (0.25, 8)


def test_a_panels_flips_are_counted_for_each_of_its_models() -> None:
    score = msgspec.structs.replace(said(0.75, "", "pairwise"), both_orders=2, flips=1)
    found = check_judge(run([score] * 10, ["A"] * 10, PAIRS), "j1")
    assert (found.flips.value, found.flips.n) == (0.5, 20)


def test_verdicts_in_one_order_cannot_flip() -> None:
    found = check_judge(run([said(1.0, "", "pairwise")] * 4, ["A"] * 4, PAIRS), "j1")
    assert (found.flips.value, found.flips.why) == (None, "asked in one order only")


def test_one_order_has_no_flips_and_says_why() -> None:
    judge = msgspec.structs.replace(PAIRS, orders="one")
    found = check_judge(run([said(1.0, "", "pairwise")] * 3, ["A"] * 3, judge), "j1")
    assert (found.flips.value, found.flips.why) == (None, "asked in one order only")


def test_a_judge_of_pairs_that_loves_length_is_found() -> None:
    """It prefers the longer answer always, people the candidate always; of 40 pairs the candidate's is longer in 20.

    `deep` says "yes", three letters long.
    """
    longer = [at % 2 == 0 for at in range(40)]
    found = pairs([float(one) for one in longer], ["A"] * 40, lengths=[30 if one else 1 for one in longer])
    assert found.length.value == pytest.approx(0.5)
    assert found.length.low is not None
    assert found.length.low > 0.2


def test_a_judge_of_answers_that_loves_length_is_found() -> None:
    """People call every other one right, whatever its length; the judge passes the longer half."""
    verdicts = [said(float(at >= 20)) for at in range(40)]
    found = check_judge(run(verdicts, [float(at % 2) for at in range(40)], lengths=range(40)), "j1")
    assert found.length.value == pytest.approx(1.0)


def test_without_labels_it_says_what_can_be_said() -> None:
    found = pairs([1, 0.5, 0], [None, None, None])
    assert (found.labels, found.agreement.why, found.corrected) == (0, "no labels", ())
    assert found.flips.value == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("judge", "message"), [("j2", "no judge 'j2'; there are j1"), ("j1", "was asked nothing")]
)
def test_who_never_judged_is_told(judge: str, message: str) -> None:
    items = items_of(2)
    asked_nothing = measured([result("t-1", "fast", "+")], items)
    evaluation = msgspec.structs.replace(asked_nothing.manifest.evaluation, judges={"j1": RUBRIC})
    manifest = msgspec.structs.replace(asked_nothing.manifest, evaluation=evaluation)
    with pytest.raises(ConfigError, match=message):
        check_judge(msgspec.structs.replace(asked_nothing, manifest=manifest), judge)


def test_labellers_are_held_beside_each_other() -> None:
    """Ana and Bob meet on 50 answers as in the table; Cem was alone with his."""
    things = table(20, 5, 10, 15)
    words = [
        msgspec.structs.replace(label, labeller=who, label=value)
        for at, label in enumerate(things.labels)
        for who, value in (("ana", float(at < 25)), ("bob", float(at < 20 or 25 <= at < 35)))
    ]
    words = [*words[:-2], msgspec.structs.replace(words[-2], labeller="cem")]
    found = check_people(msgspec.structs.replace(things, labels=tuple(words)))
    assert found.labellers == {"ana": 49, "bob": 49, "cem": 1}
    assert list(found.kappas) == [("ana", "bob")]
    assert found.kappas["ana", "bob"].value == pytest.approx(0.39, abs=0.02)
    assert found.alpha.n == 49
    assert found.alpha.value == pytest.approx(0.39, abs=0.02)


def test_labellers_agree_on_a_pair_whichever_was_shown_first() -> None:
    things = run([said(1.0, "", "pairwise")] * 4, [None] * 4, PAIRS)
    words = [
        Label(item=f"t-{at}", pair=pair, label=label, labeller=who)
        for at, better, turned in ((1, A, B), (2, B, A), (3, A, B), (4, B, A))
        for who, pair, label in (
            ("ana", ("fast", "deep"), better),
            ("bob", ("deep", "fast"), turned),
        )
    ]
    found = check_people(msgspec.structs.replace(things, labels=tuple(words)))
    assert found.alpha.value == 1


def recorded(judge: str, subset: str, strategy: str) -> JudgeCheck:
    """A judge's recorded verdicts in both orders, as our pairwise scorer makes one of them, beside the labels."""
    with gzip.open(VERDICTS, "rt", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["judge"], row["subset"], row["strategy"]) == (judge, subset, strategy)
        ]
    scores = []
    for row in rows:
        both = row["verdict_ab"] + row["verdict_ba"]
        value = {"11": 1.0, "22": 0.0, "12": 0.5, "21": 0.5}.get(both)
        scores.append(in_both_orders(value))
    return check_judge(run(scores, ["AB"[row["label"] == "2"] for row in rows], PAIRS), "j1")


@needs_verdicts
@pytest.mark.parametrize(
    ("judge", "subset", "strategy", "flips", "agreement"),
    [
        (
            "GPT-4",
            "Processed/MT-Bench",
            "Metrics_Reference",
            Interval(low=0.04, high=0.16, confidence=1),
            0.73,
        ),
        (
            "ChatGPT",
            "Processed/MT-Bench",
            "Metrics_Reference",
            Interval(low=0.27, high=0.49, confidence=1),
            0.52,
        ),
        ("Falcon", "LLMBar/Natural", "CoT", Interval(low=0.48, high=0.88, confidence=1), 0.14),
    ],
)
def test_recorded_judges_flip_as_often_as_is_known_of_them(
    judge: str, subset: str, strategy: str, flips: Interval, agreement: float
) -> None:
    """Counted from the file by hand beforehand: a flip is a tie, and people's labels of these pairs have none."""
    found = recorded(judge, subset, strategy)
    assert found.flips.value is not None
    assert flips.holds(found.flips.value)
    assert found.agreement.value == pytest.approx(agreement, abs=0.006)
    assert found.kappa.value is not None
    assert found.kappa.value < agreement


def test_every_report_says_how_far_its_judges_agree() -> None:
    found = assess_run(table(20, 5, 10, 15))
    sentence = "Judge j1: 70.0 % agreement with 50 labels (56.2 % to 80.9 %), kappa 0.40."
    assert [judge_sentence(check) for check in found.judges] == [sentence]
    assert sentence in as_markdown(found, "tiercel eval report").replace("\\", "")
    assert json.loads(as_json(found, "tiercel eval report"))["judges"][0]["cost_usd"] == "0.0000005"


def test_a_judge_that_nobody_measured_is_said_to_be_so() -> None:
    (check,) = assess_run(run([said(1.0), said(None)], [None, None])).judges
    assert judge_sentence(check) == (
        "Judge j1: measured by no label yet (`tiercel eval label`), 1 of 2 were no valid verdict."
    )
