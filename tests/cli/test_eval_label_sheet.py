"""`tiercel eval label --json`: one blind sheet at a time for other programs, with the same file in the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.test_eval_label import lay_down, run_of_two
from tiercel.cli.main import main
from tiercel.evals.labels import Label, read_labels
from tiercel.evals.run_folder import LABELS

Tell = Callable[..., Any]
PAIRS = ("--pairs", "fast,deep")


@pytest.fixture
def tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Says these words to the command; what it prints, read."""
    lay_down(run_of_two(), tmp_path / "run")

    def told(*words: str) -> Any:
        command = ["eval", "label", str(tmp_path / "run"), "--json", "--labeller", "ana", *words]
        assert main(command) == 0
        return msgspec.json.decode(capsys.readouterr().out)

    return told


def labels(tmp_path: Path) -> list[Label]:
    return list(read_labels(tmp_path / "run" / LABELS))


def test_a_sheet_does_not_say_whose_answers_it_shows(tell: Tell) -> None:
    shown = tell(*PAIRS)
    assert sorted(shown["sheet"]["answers"]) == ["no", "yes"]
    assert not any(name in str(shown) for name in ("fast", "deep"))


def test_what_is_said_is_kept_of_whoever_was_shown_and_the_next_sheet_comes(
    tell: Tell, tmp_path: Path
) -> None:
    first = tell(*PAIRS)
    then = tell(*PAIRS, "--sheet", first["sheet"]["id"], "--say", "first")
    (label,) = labels(tmp_path)
    assert label.pair is not None
    preferred = label.pair[0 if label.label == "A" else 1]
    assert preferred == ("deep" if first["sheet"]["answers"][0] == "yes" else "fast")
    assert (then["done"], then["sheet"]["id"]) == (1, first["sheet"]["next"])
    assert then["sheet"]["previous"] == first["sheet"]["id"]


def test_one_back_shows_what_was_said_and_what_is_said_then_counts(tell: Tell, tmp_path: Path) -> None:
    first = tell(*PAIRS)["sheet"]["id"]
    tell(*PAIRS, "--sheet", first, "--say", "second")
    assert tell(*PAIRS, "--sheet", first)["sheet"]["said"] == "second"
    assert tell(*PAIRS, "--sheet", first, "--say", "tie")["done"] == 1
    assert [one.label for one in labels(tmp_path)][-1] == "tie"


def test_what_was_skipped_comes_again_at_the_end(tell: Tell) -> None:
    skipped = tell("-m", "fast", "--n", "2")["sheet"]
    after = tell("-m", "fast", "--n", "2", "--sheet", skipped["next"], "--say", "wrong")
    assert after["sheet"]["id"] == skipped["id"]
    done = tell("-m", "fast", "--n", "2", "--sheet", skipped["id"], "--say", "right")
    assert (done["sheet"], done["done"], done["sheets"]) == (None, 2, 2)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--say", "right"), "give the --sheet"),
        (("--sheet", "nobody"), "there is no such sheet"),
        (("--pairs", "fast,nobody"), "no candidate 'nobody'"),
    ],
)
def test_what_cannot_be_is_told(
    tell: Tell, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    assert main(["eval", "label", str(tmp_path / "run"), "--json", "--labeller", "ana", *words]) == 2
    assert why in capsys.readouterr().err


def test_a_word_about_two_on_one_answer_is_not_kept(
    tell: Tell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tell("-m", "fast")["sheet"]["id"]
    command = ["eval", "label", str(tmp_path / "run"), "--json", "--labeller", "ana", "-m", "fast"]
    assert main([*command, "--sheet", sheet, "--say", "tie"]) == 2
    assert not (tmp_path / "run" / LABELS).exists()
