"""`eval.yaml`: what it means, and what is said of every mistake in it."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.evals.files.scene import SURROUNDINGS, configured, evaluation, read
from tests.evals.odd_values import ODD, changed, places
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Analysis, Candidate, Evaluation, Guardrail, JudgeSettings, RunSettings
from tiercel.evals.files import Surroundings, hash_of, load_evaluation
from tiercel.evals.files.documents import read_document
from tiercel.evals.files.tables import EvaluationTable

WHOLE = """\
description: support answers
prompts: ["{{question}}"]
targets:
  - {id: fast, model: gpt-x, config: {temperature: 0}}
  - {id: deep, model: gpt-x, effort: high}
  - {id: ours, route: everyday}
  - auto
  - openai:chat:gpt-x
baseline: deep
tests:
  - {vars: {question: Why not}, target: Because, metadata: {talk: c9}}
defaultTest:
  assert:
    - {type: is-json, value: "file://schema.json", repair: true}
    - {type: llm-rubric, value: "says {{target}}", judge: j1, weight: 2}
    - {type: not-contains, value: sorry, metric: polite}
    - {type: assert-set, weight: 2, metric: both, assert: [{type: equals, value: a}, {type: regex, value: b}]}
judges:
  j1: {model: gpt-x@high, mode: pairwise, labels: labels.jsonl}
analysis:
  primary: score
  margin: 0.05
  cluster: metadata.talk
  slices: [metadata.talk]
  guardrails: {cost_per_success: "<= 0.5x", p95_e2e: "<= 1.2x", invalid_json: "<= 1%", p95_ttfa: 800ms}
run: {concurrency: 4, repeat: 2, timeout: 2m, max_retries: 1, budget_usd: 0.25, cache: false, seed: 7}
"""


@pytest.fixture
def whole(tmp_path: Path) -> Evaluation:
    return read(tmp_path, {"eval.yaml": WHOLE, "schema.json": '{"type": "object"}'}, configured())


def test_the_candidates(whole: Evaluation) -> None:
    """Only a rule, a tier and `auto` bring the policy's help with them."""
    assert whole.candidates == (
        Candidate(id="fast", address="gpt-x", fields={"temperature": 0}),
        Candidate(id="deep", address="gpt-x@high"),
        Candidate(id="ours", address="auto:everyday", helped=True),
        Candidate(id="auto", address="auto", helped=True),
        Candidate(id="openai/gpt-x", address="openai/gpt-x"),
    )
    assert whole.baseline == "deep"


def test_what_an_answer_is_measured_by(whole: Evaluation) -> None:
    found = [(one.scorer, one.value, one.weight, one.judge, one.line) for one in whole.items[0].expectations]
    assert found == [
        ("is-json", {"type": "object"}, 1.0, None, 14),
        ("llm-rubric", "says Because", 2.0, "j1", 15),
        ("contains", "sorry", 1.0, None, 16),
        ("equals", "a", 1.0, None, 17),
        ("regex", "b", 1.0, None, 17),
    ]
    assert whole.items[0].expectations[0].options == {"repair": True}
    assert whole.items[0].expectations[2].negated
    assert [one.name for one in whole.items[0].expectations[2:]] == ["polite", "both", "both"]


def test_the_rest(whole: Evaluation) -> None:
    assert whole.judges == {
        "j1": JudgeSettings(name="j1", models=("gpt-x@high",), mode="pairwise", labels="labels.jsonl")
    }
    assert whole.analysis == Analysis(
        decided_by="score",
        margin=0.05,
        slices=("talk",),
        guardrails=(
            Guardrail(metric="cost_per_success", at_most=0.5, relative=True),
            Guardrail(metric="p95_seconds", at_most=1.2, relative=True),
            Guardrail(metric="invalid_format", at_most=0.01),
            Guardrail(metric="p95_ttfa_seconds", at_most=0.8),
        ),
    )
    assert whole.run == RunSettings(
        concurrency=4,
        repeats=2,
        timeout_seconds=120.0,
        attempts=2,
        budget_nano=250_000_000,
        cache=False,
        seed=7,
    )


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("baselin: auto", "eval.yaml: line 4: baselin: no such key; did you mean 'baseline'?"),
        ("baseline: x", "eval.yaml: line 4: baseline: 'x' is none of the candidates 'auto'"),
        ("targets: [auto]", "eval.yaml: line 4: the key 'targets' stands on line 1 already"),
        ("providers: [auto]", "providers: `targets` and `providers` mean the same; keep one"),
        ("sharing: true", "line 4: sharing: promptfoo's own; `tiercel eval import promptfoo FILE`"),
        ("analysis: {margin: 3}", "line 4: analysis.margin: 3 is too large; it must be below 1"),
        (
            "analysis: {drop_losers: true}",
            "line 4: analysis.drop_losers: loses against whom? Name a target as `baseline`",
        ),
        ("analysis: {cluster: talk}", "analysis.cluster: 'talk': write `metadata.talk`"),
        ("analysis: {slices: [talk]}", "analysis.slices[0]: 'talk': write `metadata.talk`"),
        (
            "analysis: {guardrails: {cost: 1}}",
            "analysis.guardrails.cost: there is no such bound; there are cost_p",
        ),
        (
            "analysis: {guardrails: {p95_e2e: 2x, retry_rate: 1%}}",
            "guardrails.p95_e2e: a multiple of whose? Name a target as `baseline`",
        ),
        ("analysis: {guardrails: {p95_e2e: low}}", "guardrails.p95_e2e: 'low': write"),
        (
            "analysis: {guardrails: {retry_rate: 2s}}",
            "guardrails.retry_rate: '2s': the share of answers that",
        ),
        ("run: {timeout: soon}", "line 4: run.timeout: 'soon': write a time such as 60s"),
        ("run: {timeout: 0}", "line 4: run.timeout: 0.0: write a time such as 60s"),
        ("run: {concurrency: many}", "line 4: run.concurrency: expected a whole number, not text"),
        ("judges: {j: {}}", "line 4: judges.j: give it either a `model` or several `models`"),
        ("judges: {j: {model: nobody}}", "line 4: judges.j: no model, tier or rule is called 'nobody'"),
        ("prompts: ['{% if x %}']", "line 4: prompts[0]: {% if x %}: only {{name}}"),
        ("prompts: ['file://p.py']", "line 4: prompts[0]: p.py: a program, which is never run"),
        ("prompts: ['file://gone.txt']", "gone.txt: no such file"),
        ("prompts: [{label: x}]", "prompts[0]: give either `id: file://…` or `raw`"),
        ('prompts: [\'[{"content": "x"}]\']', "each message of a prompt needs a `role`"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_fix(tmp_path: Path, more: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"eval.yaml": evaluation("[{input: a, target: b}]", more)}, configured())
    assert complaint in str(caught.value)


def test_a_judge_that_is_nobody_is_told_where_it_is_named_and_nowhere_else(tmp_path: Path) -> None:
    asserts = "[{type: llm-rubric, value: kind, judge: j}]"
    text = f"targets: [gpt-x]\ntests: [{{input: a, assert: {asserts}}}]\njudges: {{j: {{model: nobody}}}}"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"eval.yaml": text}, configured())
    assert str(caught.value).count("\n") == 0
    assert "judges.j: no model" in str(caught.value)


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (
            "openai:gpt-9",
            "line 2: targets[0]: no model, tier or rule is called 'openai:gpt-9'; there are ",
        ),
        ("file://mine.py", "'file://mine.py' is a program or address of its own"),
        ("{route: nowhere}", "no model, tier or rule is called 'auto:nowhere'"),
        ("{effort: high}", "which model? write `model: NAME`"),
        ("{model: gpt-x, route: everyday}", "are two candidates; keep one"),
        ("{model: gpt-x, effort: hih}", "targets[0].effort: 'hih' is not one of"),
        ("{model: gpt-x, config: {stream: true}}", "config.stream: set by the evaluation itself"),
        ("gpt-x, gpt-x", "two candidates are called 'gpt-x'"),
    ],
)
def test_a_candidate_that_cannot_be_asked(tmp_path: Path, target: str, complaint: str) -> None:
    text = f"tests: [{{input: a, assert: [{{type: contains, value: b}}]}}]\ntargets: [{target}]"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"eval.yaml": text}, configured())
    assert complaint in str(caught.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = evaluation("[{input: 1}, gone.jsonl, {target: x}]", "baseline: x\nrun: {timeout: soon}")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"eval.yaml": text})
    places = [problem.split(": ")[2] for problem in caught.value.problems]
    assert places == ["baseline", "tests[0].input", "tests[1]", "tests[2]", "run.timeout"]


def test_the_hash_names_what_is_asked_and_not_how_it_is_written(tmp_path: Path) -> None:
    first = read(tmp_path, {"eval.yaml": evaluation("[{input: a, target: b}]")})
    spaced = read(tmp_path, {"eval.yaml": "\n" + evaluation("\n  - target: b\n    input: a")})
    other = read(tmp_path, {"eval.yaml": evaluation("[{input: a, target: c}]")})
    faster = msgspec.structs.replace(first, run=RunSettings(concurrency=1))
    assert first.hash == spaced.hash == hash_of(faster)
    assert first.hash != other.hash


def test_json_needs_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "eval.json").write_text(
        '{"targets": ["auto"], "tests": [{"input": "a", "assert": [{"type": "equals", "value": "b"}]}]}'
    )
    assert len(load_evaluation(tmp_path / "eval.json", SURROUNDINGS).items) == 1


def test_traffic_is_read_by_who_was_handed_in(tmp_path: Path) -> None:
    surroundings = Surroundings(
        scorers=SURROUNDINGS.scorers, traffic=lambda named: [{"input": named, "target": "t"}]
    )
    found = read(tmp_path, {"eval.yaml": evaluation("traffic://last-7d?n=3")}, surroundings)
    assert found.items[0].body["messages"][0]["content"] == "traffic://last-7d?n=3"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """An evaluation from elsewhere must not send this machine's files to a provider."""
    os.symlink("/etc/hostname", tmp_path / "inside.txt")
    with pytest.raises(ConfigError, match="lies outside the evaluation's folder"):
        read(tmp_path, {"eval.yaml": evaluation("[{input: a, target: b}]", "prompts: ['file://inside.txt']")})


SNIPPETS = st.sampled_from(
    [
        "targets: [auto]\n",
        "tests: ",
        "- {input: a}\n",
        "prompts: '{{a}}'\n",
        "a: &x [*x]\n",
        "!!binary x\n",
        "\t",
        "{",
    ]
)
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYS = st.sampled_from(
    (*EvaluationTable.__struct_encode_fields__, "assert", "vars", "id", "model", "input", "target")
)


@pytest.mark.parametrize("ending", ["yaml", "json"])
@given(
    raw=st.binary(max_size=300) | st.lists(SNIPPETS, max_size=6).map(lambda parts: "".join(parts).encode())
)
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_the_bytes_it_is_an_evaluation_or_a_config_error(
    tmp_path: Path, ending: str, raw: bytes
) -> None:
    path = tmp_path / f"eval.{ending}"
    path.write_bytes(raw)
    with suppress(ConfigError):
        load_evaluation(path, SURROUNDINGS)


@given(
    value=st.dictionaries(
        KEYS, st.dictionaries(KEYS, JSONISH, max_size=3) | st.lists(JSONISH, max_size=3) | JSONISH
    )
)
@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_the_values_it_is_an_evaluation_or_a_config_error(tmp_path: Path, value: object) -> None:
    path = tmp_path / "eval.json"
    try:
        path.write_bytes(msgspec.json.encode(value))
    except (OverflowError, UnicodeEncodeError):
        return
    with suppress(ConfigError):
        load_evaluation(path, SURROUNDINGS)


@given(raw=st.binary(max_size=200))
@pytest.mark.parametrize("name", ["items.jsonl", "items.csv", "items.yaml", "items.json"])
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_the_items_bytes(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / "eval.yaml").write_text(evaluation(name))
    (tmp_path / name).write_bytes(raw)
    with suppress(ConfigError):
        load_evaluation(tmp_path / "eval.yaml", SURROUNDINGS)


@given(data=st.data())
@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_value_of_another_type_anywhere(tmp_path: Path, data: st.DataObject) -> None:
    (tmp_path / "whole.yaml").write_text(WHOLE)
    (tmp_path / "schema.json").write_text("{}")
    good = read_document(tmp_path / "whole.yaml", "whole.yaml").value
    path = data.draw(st.sampled_from(list(places(good))))
    (tmp_path / "eval.json").write_bytes(msgspec.json.encode(changed(good, path, data.draw(ODD))))
    with suppress(ConfigError):
        load_evaluation(tmp_path / "eval.json", configured())
