"""promptfoo's configurations: what is carried over means the same, and the rest is told with its line."""

import base64
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.evals.importing.scene import brought, reread
from tiercel.domain.errors import ConfigError
from tiercel.evals.evaluation import Candidate, Expectation
from tiercel.testing.tasks import screenshot_png

CONFIG = """\
description: Support answers
prompts:
  - 'Answer briefly: {{question}}'
  - file://prompts/chat.json
  - prompt.py
  - file://prompt.py
providers:
  - openai:gpt-4o-mini
  - id: anthropic:messages:claude-haiku-4-5
    label: haiku
    config: {temperature: 0.2, apiKey: sk-secret, reasoning: {effort: low}}
  - file://custom.py
  - openai:chat:gpt-4o: {config: {max_tokens: 9}}
defaultTest:
  options: {provider: 'openai:gpt-4.1', transform: output.trim()}
  assert:
    - {type: not-contains, value: As an AI}
    - {type: latency, threshold: 3000}
tests:
  - description: capital
    vars: {question: Capital of France, lang: [en, fr]}
    assert:
      - {type: contains, value: Paris, metric: knows}
      - {type: javascript, value: output.length < 100}
      - {type: python, value: file://check.py}
      - {type: llm-rubric, value: 'polite to {{lang}} speakers', weight: 2}
      - {type: factuality, value: Paris, provider: 'openai:gpt-5'}
      - {type: perplexity, threshold: 2}
      - {type: assert-set, threshold: 0.5, assert: [{type: contains, value: x}]}
      - {type: assert-set, weight: 3, assert: [{type: contains, value: x}, {type: webhook, value: 'https://x'}]}
      - $ref: '#/assertionTemplates/short'
      - {type: is-json, value: 'file://schema.json'}
  - file://more.csv
  - file://generate.py
  - vars: {question: again}
    provider: openai:gpt-4
assertionTemplates:
  short: {type: regex, value: '^.{1,200}$'}
evaluateOptions: {maxConcurrency: 2, delay: 100}
outputPath: out.html
"""
FILES: dict[str, str | bytes] = {
    "promptfooconfig.yaml": CONFIG,
    "prompts/chat.json": '[{"role": "system", "content": "be kind"}, {"role": "user", "content": "{{question}}"}]',
    "schema.json": '{"type": "object"}',
    "more.csv": 'question,__expected,__metadata:x\nTwo?,contains:4,1\nWhy?,"javascript: 1",2\n',
    "prompt.py": "raise SystemExit",
    "custom.py": "raise SystemExit",
    "generate.py": "raise SystemExit",
}

LEFT = """\
promptfooconfig.yaml: line 40: outputPath: use `tiercel eval report -o FILE`
promptfooconfig.yaml: line 11: providers[1].config.apiKey: belongs into tiercel.toml, below [providers]
promptfooconfig.yaml: line 12: providers[2]: 'file://custom.py' is a program or address of its own
promptfooconfig.yaml: line 5: prompts[2]: prompt.py: a program, which is never run; write the prompt as text
promptfooconfig.yaml: line 6: prompts[3]: prompt.py: a program, which is never run; write the prompt as text
promptfooconfig.yaml: line 15: defaultTest.options.transform: there is nothing like it here
promptfooconfig.yaml: line 24: tests[0].assert[1]: 'javascript' runs a program, which is never done
promptfooconfig.yaml: line 25: tests[0].assert[2]: 'python' runs a program, which is never done
promptfooconfig.yaml: line 28: tests[0].assert[5]: 'perplexity': nobody here measures this
promptfooconfig.yaml: line 29: tests[0].assert[6]: an assert-set's own threshold is not known here
promptfooconfig.yaml: line 30: tests[0].assert[7].assert[1]: 'webhook' runs a program, which is never done
more.csv: line 3: tests[1].assert: 'javascript' runs a program, which is never done
promptfooconfig.yaml: line 34: tests[2]: 'file://generate.py': is no file of data, and nothing is run
promptfooconfig.yaml: line 36: tests[3].provider: there is nothing like it here
promptfooconfig.yaml: line 39: evaluateOptions.delay: there is nothing like it here
"""


def test_everything_that_is_left_behind_is_told_with_its_line(tmp_path: Path) -> None:
    left = brought(tmp_path, "promptfoo", "promptfooconfig.yaml", FILES).left
    wanted = LEFT.splitlines()
    assert [line[: len(begins)] for line, begins in zip(left, wanted, strict=True)] == wanted


def test_what_is_carried_over_can_be_read(tmp_path: Path) -> None:
    """Files are written into the new ones, a list of values makes an item of each, graders become judges."""
    read = reread(tmp_path, brought(tmp_path, "promptfoo", "promptfooconfig.yaml", FILES))
    assert read.candidates == (
        Candidate(id="gpt-4o-mini", address="gpt-4o-mini"),
        Candidate(
            id="haiku", address="claude-haiku-4-5", fields={"temperature": 0.2, "reasoning_effort": "low"}
        ),
        Candidate(id="gpt-4o", address="gpt-4o", fields={"max_tokens": 9}),
    )
    assert {name: judge.models for name, judge in read.judges.items()} == {
        "j1": ("gpt-4.1",),
        "j2": ("gpt-5",),
    }
    assert read.run.concurrency == 2
    by_question = {(item.variables["question"], item.variables.get("lang")): item for item in read.items}
    assert set(by_question) == {
        ("Capital of France", "en"),
        ("Capital of France", "fr"),
        ("Two?", None),
        ("Why?", None),
        ("again", None),
    }
    measured = by_question["Capital of France", "fr"].expectations
    assert [(one.name, one.value, one.weight, one.judge) for one in measured] == [
        ("not-contains", "As an AI", 1.0, None),
        ("latency", None, 1.0, None),
        ("knows", "Paris", 1.0, None),
        ("llm-rubric", "polite to fr speakers", 2.0, "j1"),
        ("llm-rubric", "The answer agrees in its facts with this reference: Paris", 1.0, "j2"),
        ("contains", "x", 3.0, None),
        ("regex", "^.{1,200}$", 1.0, None),
        ("is-json", {"type": "object"}, 1.0, None),
    ]


@pytest.mark.parametrize("url", ["{{image}}", "data:image/jpeg;base64,{{image}}", "file://screens/one.png"])
def test_pictures_are_carried_over_with_their_content(tmp_path: Path, url: str) -> None:
    """So that the new files stand alone."""
    prompt = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    files: dict[str, str | bytes] = {
        "c.yaml": "prompts: [file://look.json]\nproviders: [auto]\n"
        "tests: [{vars: {image: 'file://screens/one.png'}, assert: [{type: equals, value: a}]}]",
        "look.json": json.dumps(prompt),
        "screens/one.png": screenshot_png(),
    }
    imported = brought(tmp_path, "promptfoo", "c.yaml", files)
    assert not imported.left
    (tmp_path / "screens" / "one.png").unlink()
    (item,) = reread(tmp_path, imported).items
    (part,) = item.body["messages"][0]["content"]
    shown = base64.b64encode(screenshot_png()).decode()
    assert part == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{shown}"}}


def test_a_picture_that_is_missing_is_told(tmp_path: Path) -> None:
    text = "prompts: ['{{q}}']\ntests: [{vars: {q: a, image: 'file://none.png'}}]"
    imported = brought(tmp_path, "promptfoo", "c.yaml", {"c.yaml": text})
    assert [line.partition(";")[0] for line in imported.left] == [
        "c.yaml: line 2: tests[0].vars.image: 'file://none.png': no such file"
    ]


def test_prompts_with_more_than_names_are_told(tmp_path: Path) -> None:
    text = "prompts: ['{% for x in xs %}{{x}}{% endfor %}', '{{ x | upper }}']\ntests: [{vars: {x: 1}}]"
    imported = brought(tmp_path, "promptfoo", "c.yaml", {"c.yaml": text})
    assert [line.split(": ")[2] for line in imported.left] == ["prompts[0]", "prompts[1]"]


def test_equal_tests_stay_apart(tmp_path: Path) -> None:
    default = "defaultTest: {assert: [{type: equals, value: 1}]}"
    text = f"prompts: ['{{{{x}}}}']\ntests: [{{vars: {{x: 1}}}}, {{vars: {{x: 1}}}}]\n{default}"
    read = reread(tmp_path, brought(tmp_path, "promptfoo", "c.yaml", {"c.yaml": text}))
    assert len({item.id for item in read.items}) == 2


def test_a_column_that_means_nothing_here_is_told_and_the_rows_kept(tmp_path: Path) -> None:
    text = "q,__expected,__prefix\nHi,contains:x,Please\n"
    imported = brought(tmp_path, "promptfoo", "t.csv", {"t.csv": text})
    assert [line[:40] for line in imported.left] == ["t.csv: line 1: the column '__prefix' is n"[:40]]
    assert len(imported.rows) == 1


@pytest.mark.parametrize("wrapped", [True, False], ids=["a file of results", "a configuration"])
def test_json_is_read_too(tmp_path: Path, wrapped: bool) -> None:
    config = {
        "prompts": ["{{q}}"],
        "providers": ["openai:gpt-x"],
        "tests": [{"vars": {"q": "a"}, "assert": [{"type": "equals", "value": "b"}]}],
    }
    text = json.dumps({"evalId": "e", "results": {}, "config": config} if wrapped else config)
    read = reread(tmp_path, brought(tmp_path, "promptfoo", "c.json", {"c.json": text}))
    assert read.candidates[0].address == "gpt-x"
    assert len(read.items) == 1


@pytest.mark.parametrize("text", ["targets: [auto]", "- a", "", "prompts: [\n"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml"):
        brought(tmp_path, "promptfoo", "c.yaml", {"c.yaml": text})


SIMILAR = """\
prompts: ['{{q}}']
providers: [auto]
defaultTest: {options: {provider: %s}}
tests:
  - vars: {q: a}
    assert: [{type: %s, value: [b, 'file://c.txt'], threshold: 0.9%s}]
"""


@pytest.mark.parametrize(
    ("default", "kind", "own", "model"),
    [
        ("{embedding: 'openai:embedding:e-small'}", "similar", "", "e-small"),
        ("{embedding: {id: 'openai:embeddings:e-small'}, text: 'openai:gpt-x'}", "similar", "", "e-small"),
        ("'openai:gpt-x'", "similar:cosine", ", provider: 'openai:embedding:e-big'", "e-big"),
        ("'openai:gpt-x'", "not-similar", "", "text-embedding-3-large"),
        ("'openai:gpt-x'", "not-similar:cosine", "", "text-embedding-3-large"),
    ],
)
def test_similar_keeps_its_texts_and_who_embeds_them(
    default: str, kind: str, own: str, model: str, tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {"c.yaml": SIMILAR % (default, kind, own), "c.txt": "c\n"}
    imported = brought(tmp_path, "promptfoo", "c.yaml", files)
    assert not imported.left
    assert any("names nobody who embeds" in note for note in imported.notes) == (model[0] == "t")
    (expectation,) = reread(tmp_path, imported).items[0].expectations
    assert replace(expectation, line=None) == Expectation(
        scorer="similar",
        value=["b", "c"],
        options={"model": model},
        negated=kind.startswith("not-"),
        threshold=0.9,
    )


@pytest.mark.parametrize("kind", ["similar:dot", "similar:euclidean", "not-similar:dot"])
def test_other_nearness_than_the_cosine_is_left_behind(kind: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"c.yaml": SIMILAR % ("x", kind, ""), "c.txt": "c"}
    (line,) = brought(tmp_path, "promptfoo", "c.yaml", files).left
    assert line.endswith("of its kinds only `similar:cosine` is measured here")
