"""`tiercel shadow status`, and what the report says of copies."""

from pathlib import Path

import msgspec
import pytest

from tests.records.samples import record
from tests.records.test_pairs import FULL
from tiercel.cli.main import main
from tiercel.domain.record import JournalEntry
from tiercel.records.store import Store

SETTINGS = """
version = 1
[providers.here]
base_url = "http://127.0.0.1:9/v1"
[models.little]
served_by = { here = "little" }
max_output = 100
prices = { input_usd_per_million = 1, output_usd_per_million = 2 }
"""
POLICY = """
version = 1
[tiers.fast]
members = ["little"]
[[rules]]
name = "chat"
ladder = ["fast"]
shadow = { candidates = ["little"], share = 0.05, budget_usd_per_day = 2.5 }
"""


def kept(folder: Path, *entries: JournalEntry) -> str:
    """A data folder with these entries in its database."""
    folder.mkdir(exist_ok=True)
    store = Store(folder)
    store.insert(entries, "segment", 1)
    store.close()
    return str(folder)


def test_both_sides_of_the_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for what was delivered, one for the candidate."""
    data = kept(tmp_path, record("rec_1"), FULL)
    assert main(["shadow", "status", "--data", data]) == 0
    shown = capsys.readouterr().out
    assert "1 pair; the copies cost" in shown
    assert "any (run_1)" in shown
    assert "candidate@low" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All numbers, money in dollars."""
    data = kept(tmp_path, record("rec_1"), FULL)
    assert main(["shadow", "status", "--json", "--data", data]) == 0
    (told,) = msgspec.json.decode(capsys.readouterr().out)["pairs"]
    assert (told["candidate"], told["pairs"], told["spent_usd"]) == ("candidate@low", 1, "0.0000007")


def test_validate_says_who_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whom, on how many requests, and for how much, before anything is spent."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiercel.toml").write_text(SETTINGS, "utf-8")
    (tmp_path / "policy.toml").write_text(POLICY, "utf-8")
    assert main(["validate"]) == 0
    shown = capsys.readouterr().out
    assert "calls:    [rules.chat] shadow: little on 5 % of the requests, for at most $2.5 a day\n" in shown


def test_a_record_is_retold_with_its_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After the climb, what the candidate did and what that cost."""
    passed = msgspec.structs.replace(FULL, run="", shadow=msgspec.structs.replace(FULL.live, seconds=0.4))
    data = kept(tmp_path, record("rec_1"), FULL, passed)
    assert main(["explain", "--record", "rec_1", "--data", data]) == 0
    told = capsys.readouterr().out
    assert (
        "Copy for candidate@low, after the answer: nobody answered (timeout); one call, 0.50 s, $0.0000007"
        in told
    )
    assert "every gate that calls no model passed; one call, 0.40 s" in told


def test_no_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What to do to have some."""
    assert main(["shadow", "status", "--data", kept(tmp_path, record("rec_1"))]) == 0
    assert "give a rule of policy.toml a `shadow` table" in capsys.readouterr().out


def test_nothing_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without records is told of, and the exit code says so."""
    assert main(["shadow", "status", "--data", str(tmp_path)]) == 2
    assert "nothing was recorded here yet" in capsys.readouterr().err


def test_the_report_leaves_copies_out_and_says_what_they_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Requests, success and cost are those of live traffic alone."""
    alone = tmp_path / "alone"
    assert main(["report", "--data", kept(alone, record("rec_1"))]) == 0
    before = capsys.readouterr().out
    assert main(["report", "--data", kept(tmp_path / "with", record("rec_1"), FULL)]) == 0
    after = capsys.readouterr().out
    (line,) = set(after.splitlines()) - set(before.splitlines())
    assert line.startswith("shadow: 1 pair with candidates cost ")
    assert set(before.splitlines()) <= set(after.splitlines())
