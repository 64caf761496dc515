"""`tiercel explain`: the whole decision in words, calling nobody; what would be refused is said with exit code 1."""

import os
from pathlib import Path

import pytest

from tiercel.cli.main import main


@pytest.fixture(autouse=True)
def _an_empty_folder_without_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)


def test_it_says_facts_rule_and_ladder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-not-used")
    assert main(["explain", "Summarize this memo in three bullets: revenue is up."]) == 0
    shown = capsys.readouterr().out
    assert "task         summary  (inferred" in shown
    assert "Rule everyday" in shown
    assert "openrouter/" in shown


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["hello"], "no_rung"),
        (["hello", "--risk", "extreme"], "invalid_request"),
        (["hello", "--model", "nope"], "model_not_found"),
    ],
)
def test_what_would_be_refused_is_said(
    arguments: list[str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 1
    assert f"would be refused ({kind})" in capsys.readouterr().out
