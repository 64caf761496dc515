"""Whatever a run holds, it is assessed and reported: no shape of results ends in an exception."""

import json
from xml.etree import ElementTree

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evals.comparing.runs import items_of, measured
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.comparing.assessment import Assessment, assess_change, assess_run
from tiercel.evals.comparing.gate import outcome
from tiercel.evals.evaluation import GUARDRAILS, Analysis, Guardrail
from tiercel.evals.reporting.csv_report import as_csv
from tiercel.evals.reporting.github import annotations
from tiercel.evals.reporting.html import as_html
from tiercel.evals.reporting.json_report import as_json
from tiercel.evals.reporting.junit import as_junit
from tiercel.evals.reporting.markdown import as_markdown
from tiercel.evals.results import CallMade, Result, Score

SECONDS = st.none() | st.sampled_from([0.0, 1e-6, 0.5, 3.0, 9_000.0])
COSTS = st.none() | st.sampled_from([0, 1, 1_000_000, 10**15])
WORDS = st.text(max_size=8)
ITEMS = 6


@st.composite
def results(draw: st.DrawFn) -> Result:
    value = draw(st.sampled_from([0.0, 0.5, 1.0]))
    return Result(
        item=f"t-{draw(st.integers(1, ITEMS))}",
        candidate=draw(st.sampled_from(["deep", "fast", "tiny"])),
        repeat=draw(st.integers(1, 2)),
        state=draw(st.sampled_from(["passed", "failed", "error"])),
        kind=draw(st.sampled_from(["ok", "schema", "timeout", "empty"])),
        output=draw(WORDS),
        reason=draw(WORDS),
        score=value,
        scores=draw(
            st.sampled_from([(), (Score(name="pairwise", value=value),), (Score(name="is-json", met=True),)])
        ),
        seconds=draw(SECONDS),
        ttfa_seconds=draw(SECONDS),
        cost_nano=draw(COSTS),
        output_tokens=draw(st.none() | st.integers(0, 5)),
        finish=draw(st.none() | st.sampled_from(["stop", "length", "odd"])),
        calls=draw(st.sampled_from([(), (CallMade(model="m"),), (CallMade(model="m"),) * 3])),
        cached=draw(st.booleans()),
    )


@st.composite
def runs(draw: st.DrawFn) -> Measured:
    found = draw(st.lists(results(), min_size=1, max_size=30))
    latest = {row.key: row for row in found}
    items = [
        msgspec.structs.replace(
            item,
            weight=draw(st.sampled_from([1.0, 1.0, 7.5])),
            cluster=draw(st.sampled_from([None, None, "c"])),
            metadata=draw(st.sampled_from([{}, {"task": "reasoning"}, {"task": ["odd"]}])),
        )
        for item in items_of(ITEMS)
    ]
    rails = tuple(
        Guardrail(metric=metric, at_most=0.5, relative=relative)
        for metric in GUARDRAILS
        for relative in (False, True)
    )
    analysis = Analysis(decided_by=draw(st.sampled_from(["pass", "score"])), guardrails=rails)
    return measured(list(latest.values()), items, analysis)


def report_everything(found: Assessment) -> None:
    assert outcome(found, "worse") in ("passed", "failed", "undecided", "unanswered")
    assert as_html(found, "x").rstrip().endswith("</html>")
    assert as_markdown(found, "x").startswith("# ")
    assert json.loads(as_json(found, "x"))["version"] == 1
    assert as_csv(found).startswith("model,")
    assert ElementTree.fromstring(as_junit(found.title, found.answers)).tag == "testsuites"
    assert all(line.startswith("::") for line in annotations(found, ""))


@settings(max_examples=40, deadline=None)
@given(runs())
def test_a_run(run: Measured) -> None:
    report_everything(assess_run(run))


@settings(max_examples=15, deadline=None)
@given(runs(), runs())
def test_a_run_against_another(base: Measured, head: Measured) -> None:
    names = [{one.id for one in run.manifest.evaluation.candidates} for run in (base, head)]
    if names[0] & names[1]:
        report_everything(assess_change(base, head))
