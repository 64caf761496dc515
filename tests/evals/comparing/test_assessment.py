"""Who is worse, better or not to be told, with what stands beside it."""

import pytest

from tests.evals.comparing.runs import items_of, measured, result, rows, run_of
from tests.evals.statistics.real import gsm8k, needs_gsm8k
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.assessment import assess_change, assess_run, regrouped
from tiercel.evals.comparing.gate import FailOn, Outcome, outcome
from tiercel.evals.evaluation import Analysis, Guardrail
from tiercel.evals.results import Score
from tiercel.evals.statistics.comparison import Verdict

SAME = {"deep": "+" * 500, "fast": "+" * 500}
WORSE = {"deep": "+" * 100, "fast": "+" * 60 + "-" * 40}
BETTER = {"deep": "+" * 60 + "-" * 40, "fast": "+" * 100}
UNDECIDED = {"deep": "+" * 38 + "--", "fast": "+" * 36 + "--++"}


@pytest.mark.parametrize(
    ("marks", "verdict"),
    [(SAME, "not worse"), (WORSE, "worse"), (BETTER, "better"), (UNDECIDED, "cannot tell")],
    ids=["same", "worse", "better", "few"],
)
def test_the_verdict(marks: dict[str, str], verdict: Verdict) -> None:
    assert assess_run(run_of(marks)).contenders[0].verdict == verdict


def test_cannot_tell_says_how_many_more_and_at_what_price() -> None:
    """A pair cost $0.002 and its judges $0.001."""
    judged = (Score(name="llm-rubric", value=1.0, met=True, cost_nano=500_000),)
    found = assess_run(run_of(UNDECIDED, scores=judged)).contenders[0]
    assert found.cost_per_pair_nano == 3_000_000
    assert found.comparison is not None
    assert found.comparison.more is not None
    assert found.comparison.more_nano == 3_000_000 * found.comparison.more


@pytest.mark.parametrize(
    ("deep", "fast", "why"),
    [("eeee", "++++", "no item was answered by both"), ("+eee", "++++", "only one independent item")],
)
def test_too_few_pairs_are_no_verdict_and_no_crash(deep: str, fast: str, why: str) -> None:
    found = assess_run(run_of({"deep": deep, "fast": fast})).contenders[0]
    assert (found.verdict, found.comparison) == ("cannot tell", None)
    assert why in found.why


def test_one_candidate_is_reported_without_a_verdict() -> None:
    found = assess_run(run_of({"deep": "++-"}))
    assert (len(found.models), found.contenders) == (1, ())


def test_a_try_among_many_is_corrected_unless_asked_otherwise() -> None:
    """Better alone, at p = 0.035; not as the best of eight."""
    deep = "+" * 300 + "-" * 42 + "+" * 24 + "-" * 34
    better = "+" * 342 + "-" * 58
    rest = {f"try {at}": deep for at in range(7)}
    marks = {"deep": deep, "fast": better, **rest}
    analysis = Analysis(margin=0.02)
    assert assess_run(run_of(marks, analysis=analysis)).contenders[0].verdict != "better"
    alone = Analysis(margin=0.02, correction="none")
    assert assess_run(run_of(marks, analysis=alone)).contenders[0].verdict == "better"


def test_the_items_that_only_the_baseline_got_right_come_first() -> None:
    found = assess_run(run_of({"deep": "++--+", "fast": "+-+-e"})).contenders[0].differing
    named = [
        [beside.item.id for beside in group]
        for group in (found.only_baseline, found.only_candidate, found.neither)
    ]
    assert named == [["t-2"], ["t-3"], ["t-4"]]
    assert found.both == 1


def test_an_item_that_flips_is_listed_as_flaky_and_after_steady_ones() -> None:
    items = items_of(3)
    results = [row for repeat in (1, 2, 3) for row in rows("deep", "+++", items, repeat)]
    for repeat, marks in enumerate(("+--", "---", "--+"), 1):
        results += rows("fast", marks, items, repeat)
    found = assess_run(measured(results, items))
    lost = found.contenders[0].differing.only_baseline
    assert [(beside.item.id, beside.flips) for beside in lost] == [
        ("t-2", False),
        ("t-1", True),
        ("t-3", True),
    ]
    assert {flaky.item for flaky in found.repeats["fast"].flaky} == {"t-1", "t-3"}


def test_slices_are_by_task_unless_asked_otherwise() -> None:
    items = [*items_of(20, metadata={"task": "a", "lang": {"code": "en"}})]
    items += [_item for _item in items_of(40, metadata={"task": "b", "lang": {"code": "de"}})[20:]]
    marks = {"deep": "+" * 40, "fast": "+" * 20 + "+-" * 10}
    found = assess_run(run_of(marks, items)).contenders[0].slices
    assert [(part.key, part.value, part.n) for part in found] == [("task", "a", 20), ("task", "b", 20)]
    assert found[1].difference.value == -0.5
    assert found[1].difference.high is not None
    asked = Analysis(slices=("lang.code",))
    named = assess_run(run_of(marks, items, asked)).contenders[0].slices
    assert [part.value for part in named] == ["en", "de"]


GUARDED = {"deep": "+" * 200, "fast": "+" * 200}


@pytest.mark.parametrize(
    ("guardrail", "state"),
    [
        (Guardrail(metric="cost_per_success", at_most=0.5, relative=True), "met"),
        (Guardrail(metric="cost_per_success", at_most=0.09, relative=True), "broken"),
        (Guardrail(metric="cost_per_success", at_most=0.0002), "met"),
        (Guardrail(metric="p95_seconds", at_most=0.6, relative=True), "met"),
        (Guardrail(metric="p95_seconds", at_most=0.4), "broken"),
        (Guardrail(metric="p95_ttfa_seconds", at_most=0.3), "cannot tell"),
        (Guardrail(metric="invalid_format", at_most=0.01), "cannot tell"),
        (Guardrail(metric="retry_rate", at_most=0.05), "met"),
        (Guardrail(metric="retry_rate", at_most=1.2, relative=True), "cannot tell"),
        (Guardrail(metric="non_stop_rate", at_most=0.001), "cannot tell"),
    ],
    ids=lambda value: f"{value.metric} {value.at_most}" if isinstance(value, Guardrail) else value,
)
def test_a_guardrail_is_met_broken_or_not_to_be_told(guardrail: Guardrail, state: str) -> None:
    """The candidate costs a tenth and takes half as long; it was no stream, and 200 answers bound no rate at 0.1 %."""
    items = items_of(200)
    results = rows("deep", GUARDED["deep"], items, seconds=1.0, ttfa_seconds=None)
    for at, item in enumerate(items):
        cost = 90_000 + 100 * at
        results += rows("fast", "+", [item], seconds=0.5, ttfa_seconds=None, cost_nano=cost)
    found = (
        assess_run(measured(results, items, Analysis(guardrails=(guardrail,)))).contenders[0].guardrails[0]
    )
    assert found.state == state
    if found.figure.value is None:
        assert found.figure.why


@pytest.mark.parametrize(
    ("marks", "fail_on", "said"),
    [
        (SAME, "worse", "passed"),
        (WORSE, "worse", "failed"),
        (WORSE, "never", "passed"),
        (UNDECIDED, "worse", "undecided"),
        (UNDECIDED, "undecided", "failed"),
        (UNDECIDED, "never", "passed"),
        ({"deep": "ee", "fast": "ee"}, "never", "unanswered"),
        ({"deep": "++"}, "worse", "passed"),
    ],
)
def test_the_gate(marks: dict[str, str], fail_on: FailOn, said: Outcome) -> None:
    assert outcome(assess_run(run_of(marks)), fail_on) == said


def test_a_broken_guardrail_fails_the_gate() -> None:
    analysis = Analysis(guardrails=(Guardrail(metric="p95_seconds", at_most=0.1),))
    assert outcome(assess_run(run_of(SAME, analysis=analysis)), "worse") == "failed"


@pytest.mark.parametrize(
    ("marks", "at_most", "said"),
    [("+" * 100, 0.1, "passed"), ("-" * 100, 0.1, "failed"), ("+" * 8 + "--", 0.1, "undecided")],
)
def test_one_candidate_alone_keeps_its_bounds_or_fails_the_gate(
    marks: str, at_most: float, said: Outcome
) -> None:
    """A single model has a gate in CI without anybody to be compared with."""
    rails = (
        Guardrail(metric="failure_rate", at_most=at_most),
        Guardrail(metric="cost_per_success", at_most=0.5, relative=True),
    )
    found = assess_run(run_of({"fast": marks}, analysis=Analysis(guardrails=rails)))
    assert [rail.guardrail for rail in found.bounded["fast"]] == [rails[0]]
    assert outcome(found, "worse") == said


def test_two_runs_tell_newly_failing_and_newly_passing_items() -> None:
    found = assess_change(run_of({"fast": "++--"}), run_of({"fast": "+-+-"}))
    assert (found.contenders[0].baseline, found.contenders[0].name) == ("fast (base)", "fast (head)")
    differing = found.contenders[0].differing
    assert [beside.item.id for beside in differing.only_baseline] == ["t-2"]
    assert [beside.item.id for beside in differing.only_candidate] == ["t-3"]


def test_a_later_run_cannot_widen_its_own_margin() -> None:
    base = run_of({"fast": "+" * 50}, analysis=Analysis(margin=0.02))
    head = run_of({"fast": "+" * 50}, analysis=Analysis(margin=0.5))
    found = assess_change(base, head)
    assert found.analysis.margin == 0.02
    assert any("unlike questions" in warning for warning in found.warnings)


def test_guardrails_of_a_change_are_those_that_mean_the_same_there() -> None:
    """Multiples of the baseline's mean another model; and the baseline itself was never bound."""
    rails = (
        Guardrail(metric="p95_seconds", at_most=0.1),
        Guardrail(metric="cost_per_success", at_most=0.5, relative=True),
    )
    run = run_of({"deep": "+" * 30, "fast": "+" * 30}, analysis=Analysis(guardrails=rails))
    bound = [[rail.guardrail for rail in one.guardrails] for one in assess_change(run, run).contenders]
    assert bound == [[], [rails[0]]]
    slower = Guardrail(metric="p50_seconds", at_most=1.2, relative=True)
    given = assess_change(run, run, guardrails=(slower,)).contenders
    assert [[rail.state for rail in one.guardrails] for one in given] == [["met"], ["met"]]


def test_another_version_that_answers_is_told() -> None:
    base = run_of({"fast": "++"}, model_returned="fast-1")
    found = assess_change(base, run_of({"fast": "++"}, model_returned="fast-2"))
    assert found.warnings == ("fast (head) was answered by fast-2; before by fast-1.",)


def test_items_that_are_asked_or_measured_otherwise_are_told() -> None:
    """A prompt that changed is what base against head is for; expectations that changed are no fair measure."""
    base = run_of({"fast": "++"})
    items = items_of(2, body={"messages": []}, target=("no",))
    found = assess_change(base, run_of({"fast": "++"}, items))
    assert [text for text in found.warnings if "2 of 2 items" in text] == list(found.warnings)
    moved = assess_change(base, run_of({"fast": "++"}, items_of(2, line=77)))
    assert moved.warnings == ()


def test_runs_of_one_candidate_each_are_compared_whatever_they_are_called() -> None:
    found = assess_change(run_of({"deep": "++-"}), run_of({"fast": "+--"})).contenders[0]
    assert (found.baseline, found.name) == ("deep", "fast")
    with pytest.raises(ConfigError, match="no candidate in common"):
        assess_change(run_of({"a": "+", "b": "+"}), run_of({"c": "+"}))


def test_items_are_clustered_by_what_their_metadata_hold() -> None:
    items = items_of(4, metadata={"chat": {"id": 7}})
    run = regrouped(run_of({"deep": "++++", "fast": "++--"}, items), "chat.id")
    assert {item.cluster for item in run.manifest.evaluation.items} == {"7"}
    with pytest.raises(ConfigError, match="no item has 'user'"):
        regrouped(run, "user")


def test_what_a_reader_must_know_first_is_said() -> None:
    items = items_of(3)
    run = measured([*rows("deep", "+e ", items), result("gone", "deep", "+")], items, simulated=True)
    assert [text.partition(":")[0] for text in assess_run(run).warnings] == [
        "Simulated",
        "Not finished",
        "Errors, which say nothing about a model and are left out",
    ]
    assert "deep 1 of 3" in assess_run(run).warnings[1]


@needs_gsm8k
def test_recorded_answers_of_real_models_give_scipys_exact_result() -> None:
    """1,319 GSM8K items: paired +4.32 points at p = 0.003, which taken apart is p = 0.021."""
    from scipy import stats

    names = ("175b_finetuning", "6b_verification")
    right = [gsm8k(name) for name in names]
    marks = {
        name: "".join("-+"[one] for one in outcomes) for name, outcomes in zip(names, right, strict=True)
    }
    found = assess_run(run_of(marks)).contenders[0]
    up = sum(after > before for before, after in zip(*right, strict=True))
    down = sum(after < before for before, after in zip(*right, strict=True))
    assert found.comparison is not None
    assert found.unpaired is not None
    assert found.comparison.difference.p_value == stats.binomtest(up, up + down).pvalue
    assert found.comparison.difference.value == pytest.approx((up - down) / 1_319)
    assert found.unpaired.p_value == pytest.approx(stats.ttest_ind(*right[::-1], equal_var=False).pvalue)
    assert found.comparison.difference.p_value == pytest.approx(0.0032, abs=1e-4)
    assert found.unpaired.p_value == pytest.approx(0.021, abs=1e-3)
    assert (len(found.differing.only_candidate), len(found.differing.only_baseline)) == (up, down)
