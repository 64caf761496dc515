"""`tiercel eval init`, `import` and `export`: what is written, what is said, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tiercel.cli.main import main

CONFIG = """\
prompts: ['{{q}}']
providers: [openai:gpt-nobody]
tests: [{vars: {q: Hi}, assert: [{type: contains, value: x}, {type: javascript, value: process.exit()}]}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and an environment without keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_what_init_writes_runs_at_once_in_the_lab(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "init", "--lab", "--folder", "mine"]) == 0
    assert "next: tiercel eval plan mine/eval.yaml --lab" in capsys.readouterr().out
    assert sorted(path.name for path in (here / "mine").iterdir()) == [
        "eval.yaml",
        "items.jsonl",
        "labels.example.jsonl",
    ]
    assert main(["eval", "run", "mine/eval.yaml", "--lab", "--limit", "3", "--fail-on", "never"]) == 0
    assert main(["eval", "export", "mine/eval.yaml", "--to", "jsonl", "-o", "out.jsonl"]) == 0
    rows = [json.loads(line) for line in (here / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert {row["simulated"] for row in rows} == {True}


def test_init_takes_the_cheapest_and_the_dearest_model(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-for-nobody")
    assert main(["eval", "init"]) == 0
    text = (here / "eval.yaml").read_text()
    assert 'targets:\n  - "claude-haiku-4-5"\n  - "claude-opus-4-8"\n' in text
    assert 'baseline: "claude-opus-4-8"' in text


def test_without_a_model_init_says_what_to_do(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "init"]) == 2
    assert "--lab needs no key" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["eval", "init", "--lab"],
        ["eval", "init", "--from", "promptfoo", "c.yaml"],
        ["eval", "import", "promptfoo", "c.yaml"],
    ],
)
def test_nothing_is_overwritten_unasked(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (here / "c.yaml").write_text(CONFIG)
    (here / "items.jsonl").write_text("mine")
    assert main(command) == 2
    assert "items.jsonl already there; --force overwrites" in capsys.readouterr().err
    assert (here / "items.jsonl").read_text() == "mine"
    assert not (here / "eval.yaml").exists()
    assert main([*command, "--force"]) == 0


@pytest.mark.parametrize(
    "command", [["import", "promptfoo", "c.yaml"], ["init", "--from", "promptfoo", "c.yaml"]]
)
def test_an_import_says_what_was_left_and_goes_on(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (here / "c.yaml").write_text(CONFIG)
    assert main(["eval", *command]) == 0
    said = capsys.readouterr().out
    assert "could not be carried over:\n  c.yaml: line 3: tests[0].assert[1]: 'javascript' runs" in said
    assert said.endswith("next: tiercel eval plan eval.yaml\n")


def test_an_import_says_which_model_is_not_configured(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-for-nobody")
    (here / "c.yaml").write_text(CONFIG)
    assert main(["eval", "import", "promptfoo", "c.yaml"]) == 0
    said = capsys.readouterr().out
    assert "providers[0]: no model, tier or rule is called 'openai:gpt-nobody'" in said
    assert "it stands as 'gpt-nobody', to be configured or changed" in said
    assert "to be mended before it can run:\n  eval.yaml: line 5: targets[0]: no model" in said


def test_a_log_becomes_a_run_that_can_be_exported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = {"id": 1, "epoch": 1, "input": "q", "target": "a", "scores": {"match": {"value": "C"}}}
    log = {"eval": {"model": "a/b", "created": "2026-05-01T10:00:00+00:00"}, "samples": [sample]}
    (here / "log.json").write_text(json.dumps(log))
    assert main(["eval", "import", "inspect", "log.json"]) == 0
    assert "with 1 answer of the log" in capsys.readouterr().out
    assert main(["eval", "export", "--to", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split(",")[1:6] == ["1", "a/b", "a/b", "1", "passed"]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["export"], "no run lies there"),
        (["export", "gone"], "gone: no such run"),
        (["import", "promptfoo", "gone.yaml"], "gone.yaml: no such file"),
        (["init", "--lab", "--from", "csv", "x"], "leave it or --from out"),
        (["init", "--from", "somebody", "x"], "--from somebody: there are promptfoo, openai-evals"),
    ],
)
def test_what_cannot_be_done_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str], complaint: str
) -> None:
    assert main(["eval", *command]) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["import", "csv", "t.csv"], ["import", "promptfoo", "c.yaml"], ["plan", "c.yaml", "--lab"]]
)
def test_without_the_library_it_says_what_to_install(here: Path, command: list[str]) -> None:
    (here / "t.csv").write_text("input,target\na,b\n")
    (here / "c.yaml").write_text(CONFIG)
    script = "import sys; sys.modules['yaml'] = None; from tiercel.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, "eval", *command], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "pip install 'tiercel[evals]'" in done.stderr) == (2, True), done.stderr
    assert not (here / "eval.yaml").exists()
