"""OpenAI's evals: each class of the registry, with its samples."""

from pathlib import Path

import pytest

from tests.evals.importing.scene import brought, reread
from tiercel.domain.errors import ConfigError

REGISTRY = """\
t:
  id: t.dev.v0
  description: a test
t.dev.v0:
  class: evals.elsuite.basic.{kind}
  args: {{samples_jsonl: t/samples.jsonl, {more}}}
"""
SAMPLES = """\
{"input": [{"role": "system", "content": "Add."}, {"role": "user", "content": "2+2?"}], "ideal": ["4", "(four)"]}
{"input": "3+3?", "ideal": "6"}
{"input": "3+3?", "ideal": "6"}
{"input": "nobody knows"}
"""


def files(kind: str, more: str = "max_tokens: 5") -> dict[str, str | bytes]:
    return {
        "evals/t.yaml": REGISTRY.format(kind=kind, more=more),
        "data/t/samples.jsonl": SAMPLES,
        "modelgraded/fact.yaml": "fact:\n  prompt: 'Compare {completion} with {ideal} for {input}'\n"
        "  choice_scores: {A: 1, B: 1.0, C: 0.5}\n",
    }


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("match:Match", "", [("regex", r"\A(?:4|\(four\))"), ("starts-with", "6")]),
        ("includes:Includes", "", [("contains-any", ["4", "(four)"]), ("contains-any", ["6"])]),
        (
            "includes:Includes",
            "ignore_case: true",
            [("icontains-any", ["4", "(four)"]), ("icontains-any", ["6"])],
        ),
        ("fuzzy_match:FuzzyMatch", "", [("icontains-any", ["4", "(four)"]), ("icontains-any", ["6"])]),
        ("json_match:JsonMatch", "", [("equals", 4), ("equals", 6)]),
    ],
)
def test_a_class_becomes_its_scorer(
    tmp_path: Path, kind: str, more: str, expected: list[tuple[str, object]]
) -> None:
    imported = brought(tmp_path, "openai-evals", "evals/t.yaml", files(kind, more))
    read = reread(tmp_path, imported)
    assert imported.left == ("samples.jsonl: line 4: has no ideal answer",)
    assert read.description == "a test"
    assert [(one.scorer, one.value) for item in read.items[:2] for one in item.expectations] == expected
    assert len({item.id for item in read.items}) == 3


@pytest.mark.parametrize("name", ["b", "b.v0"])
def test_one_of_several_evals_is_named_with_or_without_its_version(tmp_path: Path, name: str) -> None:
    version = "{0}: {{id: {0}.v0}}\n{0}.v0: {{class: 'x:Match', args: {{samples_jsonl: {0}.jsonl}}}}\n"
    files: dict[str, str | bytes] = {
        one: f'{{"input": "{one}?", "ideal": "4"}}' for one in ("a.jsonl", "b.jsonl")
    }
    files["t.yaml"] = version.format("a") + version.format("b")
    imported = brought(tmp_path, "openai-evals", "t.yaml", files, which=name)
    assert [row["input"] for row in imported.rows] == ["b.jsonl?"]


def test_a_model_that_grades_becomes_a_rubric(tmp_path: Path) -> None:
    imported = brought(
        tmp_path, "openai-evals", "evals/t.yaml", files("x:ModelBasedClassify", "modelgraded_spec: fact")
    )
    (expectation,) = imported.evaluation["defaultTest"]["assert"]
    assert expectation == {
        "type": "llm-rubric",
        "value": "Compare (the answer) with {{target}} for (the question)\n\n"
        "The answer passes where the choice is A or B.",
        "judge": "judge",
    }
    assert any("ModelBasedClassify" in note for note in imported.notes)


def test_other_classes_and_arguments_are_told(tmp_path: Path) -> None:
    imported = brought(tmp_path, "openai-evals", "evals/t.yaml", files("mine:Mine", "num_few_shot: 3"))
    assert [line.split(": ")[1:3] for line in imported.left] == [
        ["line 6", '"t.dev.v0".args.num_few_shot'],
        ["line 5", '"t.dev.v0".class'],
    ]


def test_samples_alone(tmp_path: Path) -> None:
    imported = brought(tmp_path, "openai-evals", "data/t/samples.jsonl", files("x:Match"))
    assert len(reread(tmp_path, imported).items) == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: {id: b}", "no entry has a `class`"),
        ("a: {class: 'x:Match', args: {}}", "names no samples_jsonl"),
        ("a: {class: 'x:Match', args: {samples_jsonl: gone.jsonl}}", "'gone.jsonl' is at none of"),
        ("a: {class: 'x:Match'}\nb: {class: 'x:Match'}", "has several evals; say which with --name: a, b"),
    ],
)
def test_what_cannot_be_imported_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        brought(tmp_path, "openai-evals", "t.yaml", {"t.yaml": text})
