"""`tiercel eval label`: what a person sees, which keys do what, and what is kept."""

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.evals.comparing.runs import items_of, measured, rows
from tiercel.cli.eval.labelling import label_run
from tiercel.cli.main import build_parser
from tiercel.domain.errors import ConfigError
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.labels import Label, read_labels
from tiercel.evals.results import RESULTS
from tiercel.evals.run_folder import LABELS, MANIFEST

Answer = Callable[..., tuple[str, list[Label]]]


def run_of_two(output: str = "no") -> Measured:
    items = items_of(6)
    return measured([*rows("deep", "+" * 6, items), *rows("fast", "-" * 6, items, output=output)], items)


def lay_down(run: Measured, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(run.manifest))
    (folder / RESULTS).write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in run.results))


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Presses these keys; what was printed, and the file's rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "runs" / "a"

    def answered(keys: str, *words: str, run: Measured | None = None) -> tuple[str, list[Label]]:
        if not folder.exists():
            lay_down(run or run_of_two(), folder)
        pressed = iter(keys)
        args = build_parser().parse_args(["eval", "label", "--labeller", "ana", *words])
        label_run(args, lambda: next(pressed, ""))
        return capsys.readouterr().out, list(read_labels(folder / LABELS)) if (
            folder / LABELS
        ).exists() else []

    return answered


def test_pairs_are_kept_by_who_was_shown_and_the_screen_does_not_say_who(answer: Answer) -> None:
    shown, labels = answer("abtn", "--pairs", "fast,deep", "--n", "4")
    assert [one.label for one in labels] == ["A", "B", "tie", "both_bad"]
    assert {frozenset(one.pair or ()) for one in labels} == {frozenset(("fast", "deep"))}
    asked = shown.partition("1 of 4")[2].partition("by 4 labels")[0].rpartition("\n")[0]
    assert "Answer A" in asked
    assert "fast" not in asked
    assert "deep" not in asked


def test_single_answers_are_right_or_wrong(answer: Answer) -> None:
    _, labels = answer("10", "-m", "fast")
    assert [(one.candidate, one.label) for one in labels] == [("fast", 1.0), ("fast", 0.0)]


def test_who_comes_again_goes_on_where_they_left(answer: Answer) -> None:
    _, first = answer("11q", "-m", "fast")
    shown, both = answer("0000", "-m", "fast")
    assert "2 done, 4 to go" in shown
    assert (len(first), len(both), len({one.item for one in both})) == (2, 6, 6)


def test_undo_asks_again_and_what_is_said_then_counts(answer: Answer) -> None:
    _, labels = answer("1u0q", "-m", "fast")
    assert [one.label for one in labels] == [1.0, 0.0]
    assert labels[0].item == labels[1].item
    assert "5 to go" in answer("q", "-m", "fast")[0]


def test_to_skip_keeps_nothing_and_the_item_comes_again(answer: Answer) -> None:
    _, labels = answer("s1q", "-m", "fast")
    assert len(labels) == 1
    assert "1 done, 5 to go" in answer("q", "-m", "fast")[0]


def test_another_key_is_told_and_does_nothing(answer: Answer) -> None:
    shown, labels = answer("x1q", "-m", "fast")
    assert "'x' means nothing here" in shown
    assert len(labels) == 1


def test_it_says_what_more_labels_would_bring(answer: Answer) -> None:
    shown, _ = answer("1010", "-m", "fast")
    assert "by 4 labels and 2 verdicts" in shown
    assert "2 more labels would make it about" in shown


def test_where_nothing_is_left_it_says_so(answer: Answer) -> None:
    assert "by 6 labels: ±" in (shown := answer("101010", "-m", "fast")[0])
    assert "nothing is left to label" in shown


def test_no_answer_is_a_command_to_the_terminal(answer: Answer) -> None:
    shown, _ = answer("1q", "-m", "fast", run=run_of_two(output="two\nlines \x1b[31mred[/bold]"))
    assert "two" in shown
    assert "?[31mred[/bold]" in shown
    assert "\x1b" not in shown


def test_a_wrong_name_is_told_with_those_there_are(answer: Answer) -> None:
    with pytest.raises(ConfigError, match="no candidate 'quick'; there are deep, fast"):
        answer("", "--pairs", "quick,deep")


def test_labels_are_made_without_the_extra(tmp_path: Path) -> None:
    """Only what they are worth needs it, and the last line says so."""
    lay_down(run_of_two(), tmp_path / "runs" / "a")
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['scipy'] = None\n"
        "from tiercel.cli.main import main; sys.exit(main(['eval', 'label', '--labeller', 'ana']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, input="1\nq\n", capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "pip install 'tiercel[evals]'" in done.stdout
    assert len(list(read_labels(tmp_path / "runs" / "a" / LABELS))) == 1


def test_on_a_terminal_one_key_is_enough(tmp_path: Path) -> None:
    """Without Enter; and the terminal is as it was afterwards."""
    lay_down(run_of_two(), tmp_path / "runs" / "a")
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    command = [
        sys.executable,
        "-c",
        "import tiercel.cli.main as m; m.main(['eval','label','--labeller','ana'])",
    ]
    os.write(ours, b"10q")
    subprocess.run(command, cwd=tmp_path, stdin=theirs, capture_output=True, timeout=60, check=False)
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
    assert [one.label for one in read_labels(tmp_path / "runs" / "a" / LABELS)] == [1.0, 0.0]
