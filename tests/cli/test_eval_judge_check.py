"""`tiercel eval judge-check`: what is printed of judges and labellers."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.cli.test_eval_label import lay_down
from tests.evals.comparing.test_judge_check import run as judged
from tests.evals.comparing.test_judge_check import said, table
from tiercel.cli.main import main
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.evaluation import JudgeSettings
from tiercel.evals.run_folder import LABELS

Lay = Callable[[Measured], Path]


@pytest.fixture
def lay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lay:
    """Lays a run down with its labels, and stands beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def laid(run: Measured) -> Path:
        folder = Path("runs") / "a"
        lay_down(run, folder)
        (folder / LABELS).write_bytes(b"".join(msgspec.json.encode(label) + b"\n" for label in run.labels))
        return folder

    return laid


def check(*words: object) -> int:
    return main(["eval", "judge-check", *(str(word) for word in words)])


def test_a_judge_is_shown_beside_people_with_its_intervals(
    lay: Lay, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(lay(table(20, 5, 10, 15)), "j1") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Judge j1: 50 verdicts on single answers by acme/judge (judge prompt 1)" in shown
    assert "agrees with people on 70.0 % (56.2 % to 80.9 %, n = 50)" in shown
    assert "Cohen's kappa 0.40 (" in shown
    assert "it lets pass 80.0 % (60.9 % to 91.1 %, n = 25; provisional)" in shown
    assert "flips with the order - (one answer at a time has no order)" in shown
    assert "gave no valid verdict 0 of 50" in shown
    assert "for 100 calls" in shown


def test_every_judge_is_shown_where_none_is_named_and_json_has_all_of_it(
    lay: Lay, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(table(20, 5, 10, 15))
    check("--json")
    found = json.loads(capsys.readouterr().out)
    assert [one["judge"] for one in found["judges"]] == ["j1"]
    assert found["judges"][0]["kappa"]["value"] == pytest.approx(0.4)
    assert found["judges"][0]["cost_usd"] == "0.0000005"
    assert found["people"]["labellers"] == {"": 50}


def test_several_labellers_are_shown_among_themselves(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    run = table(20, 5, 10, 15)
    words = [msgspec.structs.replace(label, labeller=who) for label in run.labels for who in ("ana", "bob")]
    check(lay(msgspec.structs.replace(run, labels=tuple(words))))
    shown = capsys.readouterr().out
    assert "Krippendorff's alpha 1.00" in shown
    assert "kappa of ana and bob: 1.00" in shown


def test_a_judge_of_a_candidates_family_is_warned_of(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    run = judged([said(1.0)] * 3, [1.0] * 3, JudgeSettings(name="j1", models=("provider/fast",)))
    check(lay(run))
    assert "warning: judge j1: provider/fast judges itself" in capsys.readouterr().out


def test_without_labels_the_next_step_is_said(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    check(lay(judged([said(1.0)] * 3, [None] * 3)))
    assert "No labels yet: tiercel eval label runs/a" in capsys.readouterr().out


def test_a_run_without_judges_says_what_to_do(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    run = table(1, 0, 0, 1)
    evaluation = msgspec.structs.replace(run.manifest.evaluation, judges={})
    manifest = msgspec.structs.replace(run.manifest, evaluation=evaluation)
    assert check(lay(msgspec.structs.replace(run, manifest=manifest))) == 2
    assert "the run has no judge; name one in eval.yaml" in capsys.readouterr().err
