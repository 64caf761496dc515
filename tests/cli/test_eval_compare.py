"""`tiercel eval compare` and `report`: what is printed and written, and what the exit code says."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.evals.comparing.runs import items_of, measured, rows, run_of
from tiercel.cli.eval.exits import FAILED, INTERRUPTED, PASSED, UNDECIDED, USAGE
from tiercel.cli.main import main
from tiercel.evals.comparing.answers import Measured
from tiercel.evals.evaluation import Analysis
from tiercel.evals.results import RESULTS
from tiercel.evals.run_folder import MANIFEST

Lay = Callable[..., Path]

SAME = {"deep": "+" * 500, "fast": "+" * 500}
WORSE = {"deep": "+" * 100, "fast": "+" * 60 + "-" * 40}
FEW = {"deep": "+" * 38 + "--", "fast": "+" * 36 + "--++"}
NOBODY = {"deep": "ee", "fast": "ee"}


@pytest.fixture
def lay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lay:
    """Lays a run down as a folder of `runs`, and stands beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def laid(run: Measured, name: str = "a") -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_bytes(msgspec.json.encode(run.manifest))
        (folder / RESULTS).write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in run.results))
        return folder.relative_to(tmp_path)

    return laid


def tiercel(*words: object) -> int:
    return main(["eval", *(str(word) for word in words)])


@pytest.mark.parametrize(
    ("marks", "fail_on", "code"),
    [
        (SAME, "worse", PASSED),
        (WORSE, "worse", FAILED),
        (WORSE, "never", PASSED),
        (FEW, "worse", UNDECIDED),
        (FEW, "undecided", FAILED),
        (NOBODY, "worse", INTERRUPTED),
        ({"deep": "++"}, "worse", USAGE),
    ],
)
def test_the_exit_code_says_what_the_gate_says(
    lay: Lay, marks: dict[str, str], fail_on: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tiercel("compare", lay(run_of(marks)), "--fail-on", fail_on) == code
    if code == USAGE:
        assert "baseline" in capsys.readouterr().err


def test_the_terminal_shows_the_verdict_the_signals_and_what_would_be_lost(
    lay: Lay, capsys: pytest.CaptureFixture[str]
) -> None:
    tiercel("compare", lay(run_of(WORSE)))
    shown = capsys.readouterr().out
    assert "fast is worse than deep (difference -40.0 points" in shown
    assert "Retry rate" in shown
    assert "Only deep is right, not fast: 40 items" in shown
    assert "  t-61 (items.jsonl:61): contains: lacks 'yes'" in shown
    assert "  and 30 more" in shown
    assert "tiercel eval report runs/a -o report.html" in shown


def test_no_text_reaches_the_terminal_as_a_command_to_it(
    lay: Lay, capsys: pytest.CaptureFixture[str]
) -> None:
    items = items_of(3)
    results = rows("deep", "+++", items)
    results += rows("fast", "---", items, scores=(), reason="[red]\x1b[2J\x1b]0;title\x07[/red]")
    tiercel("compare", lay(measured(results, items)))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[red]" in shown


def test_two_runs_are_compared_item_by_item_with_annotations(
    lay: Lay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    base, head = lay(run_of({"fast": "++-" * 9}), "a"), lay(run_of({"fast": "+--" * 9}), "b")
    assert tiercel("compare", base, head, "--github") == FAILED
    shown = capsys.readouterr().out
    assert "Newly failing, fast: 9 items" in shown
    assert "::error file=items.jsonl,line=2,title=fast (head)%3A t-2 fails::contains: lacks 'yes'" in shown
    assert "fast (head) is worse than fast (base)" in (tmp_path / "summary.md").read_text("utf-8")


def test_without_a_name_the_latest_run_is_meant(lay: Lay) -> None:
    """Of the folder that one stands in, or of an eval.yaml."""
    lay(run_of(SAME), "old")
    late = run_of(WORSE)
    lay(msgspec.structs.replace(late, manifest=msgspec.structs.replace(late.manifest, started_at=2e9)), "new")
    assert tiercel("compare") == FAILED
    Path("eval.yaml").write_text("")
    assert tiercel("compare", "eval.yaml") == FAILED
    assert tiercel("compare", "runs/old") == PASSED
    assert tiercel("compare", "runs/old/run.json") == PASSED


def test_the_question_can_be_put_otherwise(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a point worse of 200: undecided at 1 point, fine at 10; and in one conversation there is no evidence."""
    items = items_of(200, metadata={"chat": "one"})
    run = lay(run_of({"deep": "+" * 200, "fast": "+" * 199 + "-"}, items, Analysis(margin=0.01)))
    assert tiercel("compare", run) == UNDECIDED
    assert tiercel("compare", run, "--margin", "0.1") == PASSED
    assert tiercel("compare", run, "--margin", "0.1", "--cluster", "chat") == UNDECIDED
    assert "only one independent item" in capsys.readouterr().out
    assert tiercel("compare", run, "--metric", "score", "--margin", "0.1", "--alpha", "0.1") == PASSED


def test_json_is_all_that_is_printed(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    assert tiercel("compare", lay(run_of(WORSE)), "--json") == FAILED
    assert json.loads(capsys.readouterr().out)["outcome"] == "failed"


def test_a_report_is_written_in_each_format_that_was_asked_for(
    lay: Lay, capsys: pytest.CaptureFixture[str]
) -> None:
    run = lay(run_of(WORSE))
    files = ["r.html", "r.md", "r.json", "r.csv", "r.xml"]
    assert tiercel("report", run, *(word for name in files for word in ("-o", name))) == PASSED
    begins = [Path(name).read_text("utf-8").lstrip()[:12] for name in files]
    assert begins == ["<!doctype ht", "# support an", '{\n  "version', "model,signal", "<?xml versio"]
    assert capsys.readouterr().out.splitlines() == [f"wrote {name}" for name in files]
    assert "tiercel eval report runs/a -o r.html" in Path("r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "nowhere"), "nowhere: no such run"),
        (("compare", "."), "no run lies there; `tiercel eval run` makes one"),
        (("compare", "a", "b", "c"), "3 runs were named"),
        (("report", "runs/a", "--cluster", "user"), "no item has 'user' in its metadata"),
        (("report", "runs/a", "-o", "missing/r.html"), "missing/r.html: cannot be written: No such file"),
        (("compare", "runs/a", "runs/other"), "have no candidate in common: deep, fast; and other"),
        (("compare", "runs/torn"), "results.jsonl, line 2: no result"),
    ],
)
def test_what_cannot_be_done_says_why(
    lay: Lay, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if any(word.startswith("runs") for word in words):
        lay(run_of(WORSE))
        lay(run_of({"other": "++"}), "other")
        torn = lay(run_of(WORSE), "torn") / RESULTS
        lines = torn.read_bytes().splitlines(keepends=True)
        torn.write_bytes(b"".join([lines[0], b"{nonsense}\n", *lines[2:]]))
    assert tiercel(*words) == USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("report", "-o", "r.pdf"), ("compare", "--margin", "3"), ("compare", "--alpha", "much")]
)
def test_wrong_arguments_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        tiercel(*words)
