"""`tiercel validate` says whom gates have called."""

import os
from pathlib import Path

import pytest

from tiercel.cli.main import main

SETTINGS = """[providers.openai]
[providers.openrouter]
[models.vectors]
served_by = { openai = "vectors-1" }
[models.decider]
served_by = { openrouter = "decider-1" }
"""
POLICY = """version = 1
[tiers.fast]
members = ["gemini-3.5-flash"]
[[rules]]
name = "meant"
ladder = ["fast"]
gates = [
    "finished",
    { check = "agreement", ask = ["decider"], embed = "vectors" },
    { check = "confidence", ask = ["decider"], options = { source = "decisions" } },
]
"""


def test_it_says_whom_gates_have_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-used")
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-not-used")
    (tmp_path / "tiercel.toml").write_text("version = 1\n" + SETTINGS, "utf-8")
    (tmp_path / "policy.toml").write_text(POLICY, "utf-8")
    assert main(["validate"]) == 0
    shown = capsys.readouterr().out
    assert "calls:    [rules.meant] gates[1]: agreement asks decider, has vectors embed texts\n" in shown
    assert "calls:    [rules.meant] gates[2]: confidence asks decider\n" in shown
    assert "note: [rules.meant] gates[2]: 'decider' is left out: its provider is not known" in shown
