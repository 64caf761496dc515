"""Shipped suites on the command line: listed, written, run by name."""

from pathlib import Path

import pytest

from tiercel.cli.main import main
from tiercel.evals.suites import NAMES


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_suite_is_listed_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "suites"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[: len(NAMES)]] == list(NAMES)


def test_a_suite_runs_by_its_name_and_again_from_its_folder(here: Path) -> None:
    command = ["eval", "run", "classification", "--lab", "--limit", "2", "--fail-on", "never"]
    assert main(command) == 0
    (here / "classification" / "items.yaml").write_text(
        "- {id: a, input: b, target: c, assert: [{type: equals}]}\n"
    )
    assert main(command) == 0
    assert len(list((here / "classification" / "runs").glob("*/run.json"))) == 2
    assert (here / "classification" / "items.yaml").read_text().startswith("- {id: a")


def test_the_five_tasks_are_a_suite_that_the_lab_answers(here: Path) -> None:
    assert main(["eval", "init", "--suite", "five-tasks", "--lab"]) == 0
    assert main(["eval", "run", "--lab", "--fail-on", "never"]) == 0


def test_screens_are_written_beside_the_suite_and_answered_by_the_lab(here: Path) -> None:
    """And what is kept of each answer holds no picture."""
    assert main(["eval", "run", "gui", "--lab", "--limit", "5", "--fail-on", "never"]) == 0
    assert {path.name for path in here.glob("gui/screens/*.png")} == {
        "error.png",
        "form.png",
        "phone.png",
        "settings.png",
        "table.png",
    }
    (results,) = here.glob("gui/runs/*/results.jsonl")
    rows = results.read_text().splitlines()
    assert len(rows) == 10
    assert all('"state":"passed"' in row and "base64" not in row for row in rows)


def test_a_misspelt_suite_is_told_by_its_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "run", "extracton", "--lab"]) == 2
    assert "did you mean 'extraction'?" in capsys.readouterr().err
    assert main(["eval", "init", "--suite", "poems", "--lab"]) == 2
    assert "no such suite; there are extraction," in capsys.readouterr().err
