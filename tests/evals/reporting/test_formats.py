"""The other formats: what pipelines read, and what no text of a model can break out of."""

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from tests.evals.comparing.runs import items_of, measured, result, rows, run_of
from tests.evals.reporting.example import example
from tests.evals.reporting.hostile import HOSTILE
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.comparing.assessment import assess_change, assess_run
from tiercel.evals.reporting.csv_report import as_csv
from tiercel.evals.reporting.github import LARGEST_SUMMARY, annotations, within_limit
from tiercel.evals.reporting.json_report import as_json
from tiercel.evals.reporting.junit import as_junit
from tiercel.evals.reporting.markdown import as_markdown
from tiercel.evals.reporting.words import headline
from tiercel.evals.results import Score

EXAMPLE = assess_run(example())


def saying(said: str) -> Measured:
    """Two candidates, one of which fails and says this, as does everything about it."""
    items = items_of(3, metadata={"task": said}, source=said)
    score = (Score(name="contains", reason=said),)
    return measured(
        [
            *rows("deep", "+++", items),
            *rows("fast", "--+", items, output=said, scores=score, model_returned=said),
        ],
        items,
    )


def test_the_report_opens_with_the_sentence() -> None:
    """Verdict, difference with interval and n, cost per success, speed, and where only the baseline is right."""
    assert headline(EXAMPLE.contenders[0], EXAMPLE).text == (
        "fast is not worse than deep by more than 5 points (difference -2.0 points, 95 % interval -4.9 to +0.7, "
        "n = 398 pairs; at 95 % confidence not below -4.4). Cost per success $0.00119 against $0.0128 (-91 %, interval "
        "-91 % to -90 %). p95 first answer 488 ms against 1.79 s. Guardrail not to be told: answers of a wrong form "
        "2 % (interval 0.6 % to 7.1 %, n = 99), bound at most 5 %. 2 of 3 guardrails kept. 19 prompts where only deep "
        "is right, 11 where only fast is."
    )


def test_cannot_tell_says_what_would_decide() -> None:
    found = assess_run(run_of({"deep": "+" * 38 + "--", "fast": "+" * 36 + "--++"}))
    said = headline(found.contenders[0], found)
    assert said.lead == "Cannot tell whether fast is worse than deep"
    assert re.fullmatch(r"About [\d,]+ more pairs \(about \$[\d.]+\) would decide\.", said.more[0])


def test_markdown_has_the_verdict_the_signals_and_the_items() -> None:
    said = as_markdown(EXAMPLE, "tiercel eval report runs/a -o report.md")
    assert "**fast is not worse than deep by more than 5 points**" in said
    assert "| Retry rate | 2 %" in said
    assert "- support-060 (items.jsonl:60)" in said
    html = MarkdownIt("commonmark").enable("table").render(said)
    assert html.count("<table>") == 3
    assert html.count("<tr>") == len(re.findall(r"^\| (?!---)", said, re.MULTILINE))


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_markdown_keeps_what_was_said_text(said: str) -> None:
    page = as_markdown(assess_run(saying(said)), "tiercel eval report runs/a")
    html = MarkdownIt("commonmark").enable("table").render(page)
    tags = set(re.findall(r"<(\w+)", html))
    assert tags <= {
        "h1",
        "h2",
        "p",
        "ul",
        "li",
        "strong",
        "code",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert html.count("<h1>") == 1
    assert not re.search(r"[@#]\w|https?://|www\.", page.replace("\\#", "#"))


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_junit_is_xml_whatever_was_said(said: str) -> None:
    run = saying(said)
    root = ElementTree.fromstring(as_junit("suite", assess_run(run).answers))
    assert [suite.get("name") for suite in root] == ["deep", "fast"]
    assert {element.tag for element in root.iter()} == {"testsuites", "testsuite", "testcase", "failure"}


def test_junit_tells_failures_from_errors_and_says_where_an_item_stands() -> None:
    found = assess_run(run_of({"deep": "+-e"}))
    root = ElementTree.fromstring(as_junit(found.title, found.answers))
    suite = root[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    cases = list(suite)
    assert [[child.tag for child in case] for case in cases] == [[], ["failure"], ["error"]]
    assert (cases[1].get("file"), cases[1].get("line"), cases[1].get("time")) == ("items.jsonl", "2", "1.000")
    assert cases[1][0].get("message") == "contains: lacks 'yes'"


def test_junit_of_an_unfinished_run_does_not_look_whole() -> None:
    found = assess_run(run_of({"deep": "++", "fast": "+ "}))
    whole, unfinished = ElementTree.fromstring(as_junit(found.title, found.answers))
    assert (whole.get("errors"), unfinished.get("tests"), unfinished.get("errors")) == ("0", "2", "1")
    error = unfinished[1][0]
    assert (error.tag, error.get("message")) == ("error", "1 of 2 answers were never asked for")


def test_what_could_not_be_measured_is_told_why_and_not_as_unmet() -> None:
    why = "could not be measured: llm-rubric: judge: 1 of 1 gave no valid verdict"
    score = Score(name="llm-rubric", unmeasured="judge: 1 of 1 gave no valid verdict")
    items = items_of(1)
    row = result("t-1", "deep", "e", kind="scorer", reason=why, scores=(score,))
    found = assess_run(measured([row], items))
    case = ElementTree.fromstring(as_junit(found.title, found.answers))[0][0]
    assert case[0].get("message") == why


def test_of_two_runs_junit_has_the_later_one() -> None:
    found = assess_change(run_of({"fast": "++"}), run_of({"fast": "+-"}))
    root = ElementTree.fromstring(as_junit(found.title, found.answers))
    assert [(suite.get("name"), suite.get("failures")) for suite in root] == [("fast (head)", "1")]


def test_newly_failing_items_are_annotated_where_they_stand() -> None:
    found = assess_change(run_of({"fast": "++-"}), run_of({"fast": "+-+"}))
    assert list(annotations(found, "")) == [
        "::error file=items.jsonl,line=2,title=fast (head)%3A t-2 fails::contains: lacks 'yes'"
    ]
    within = assess_run(run_of({"deep": "++", "fast": "+-"}))
    assert [line.partition(" ")[0] for line in annotations(within, "")] == ["::warning"]


def test_files_are_named_from_the_workspace_on() -> None:
    items = items_of(1, source="/workspace/repo/evals/items, 1.jsonl")
    found = assess_change(run_of({"m": "+"}, items), run_of({"m": "-"}, items))
    line = next(annotations(found, "/workspace/repo"))
    assert line.startswith("::error file=evals/items%2C 1.jsonl,line=1,")


@pytest.mark.parametrize("said", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_begins_a_workflow_command_of_its_own(said: str) -> None:
    """A command begins a line, so that what cannot end one cannot begin another."""
    for line in annotations(assess_run(saying(said)), ""):
        assert re.match(r"::(warning|notice)\b", line)
        assert not re.search(r"[\r\n\u2028]", line)


def test_no_more_annotations_than_github_shows_and_the_rest_counted() -> None:
    found = assess_change(run_of({"m": "+" * 80}), run_of({"m": "-" * 80}))
    lines = list(annotations(found, ""))
    assert len(lines) == 51
    assert lines[-1] == "::notice::m (head): 30 more items fail; see the report"


def test_a_summary_is_cut_to_what_github_takes() -> None:
    cut = within_limit("ä line of a summary\n" * 100_000)
    assert len(cut.encode()) <= LARGEST_SUMMARY + 100
    assert cut.endswith("Cut here: the whole is too long for this page.\n")
    assert within_limit("short") == "short"


def test_json_has_every_number_money_in_dollars_and_items_by_id() -> None:
    found = json.loads(as_json(EXAMPLE, "x"))
    assert (found["outcome"], found["simulated"], found["baseline"]) == ("failed", True, "deep")
    fast = found["contenders"][0]
    assert (fast["verdict"], fast["pairs"], len(fast["only_baseline"])) == ("not worse", 398, 19)
    assert fast["comparison"]["difference"]["n"] == 398
    model = found["models"][1]
    assert 0.001 < model["cost_per_success_usd"]["low"] < model["cost_per_success_usd"]["value"] < 0.0013
    assert model["spent_usd"] == "0.445938526" or re.fullmatch(r"0\.4\d+", model["spent_usd"])
    assert "_nano" not in as_json(EXAMPLE, "x")


def test_csv_has_a_line_for_each_number() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(EXAMPLE))))
    known = {(line["model"], line["metric"]): line for line in lines}
    assert float(known["fast", "difference"]["value"]) == pytest.approx(-0.0201, abs=1e-4)
    assert known["fast", "difference"]["note"] == "not worse"
    assert float(known["deep", "cost_per_success_usd"]["value"]) == pytest.approx(0.0128, abs=1e-4)
    assert known["tiny", "latency_p99_seconds"]["note"] == "500 values are needed, and there are 399"
    assert {line["signal"] for line in lines} >= {
        "latency",
        "cost",
        "format following",
        "reasoning reliability",
        "coding accuracy",
        "finish reason",
        "retry rate",
    }


def test_no_cell_of_a_csv_is_a_formula() -> None:
    found = as_csv(assess_run(run_of({"=1+1": "+-", "@SUM(A1)": "-+"})))
    assert not [cell for line in csv.reader(io.StringIO(found)) for cell in line if re.match(r"[=@]", cell)]
