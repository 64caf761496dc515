"""`tiercel explain`: the whole decision in words, calling nobody; what would be refused is said with exit code 1."""

import json
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


@pytest.mark.parametrize("whose", ["key", "project"])
def test_a_key_with_a_budget_has_no_model_that_no_budget_could_bound(
    whose: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "not-used")
    unpriced = ["explain", "hello", "--model", "gemini-3.5-pro"]
    budget = ["--usd-per-day", "5"]
    main(["keys", "create", "--json", "--project", "p", *(budget if whose == "key" else [])])
    key = json.loads(capsys.readouterr().out)["id"]
    if whose == "project":
        assert main([*unpriced, "--key", key]) == 0
        main(["keys", "budget", "--project", "p", *budget])
    assert main([*unpriced, "--key", key]) == 1
    assert "this key has a budget that could not be kept" in capsys.readouterr().out
