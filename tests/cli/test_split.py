"""`tiercel split status`: what it prints of splits, and what it says where there is nothing or too little."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.evals.test_split_figures import rows
from tiercel.cli.main import main
from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.domain.response import Usage
from tiercel.records.split_row import SplitRow
from tiercel.records.store import Store


def record_of(row: SplitRow, **changes: Any) -> Record:
    call = AttemptRecord(
        number=1,
        why="first",
        rung="m",
        deployment="m",
        provider="p",
        model="m",
        usage=Usage(uncached=1, visible=1),
        cost_nano=row.cost_nano,
    )
    made = Record(
        id=row.id,
        started_at=row.started_at,
        seconds=row.seconds,
        outcome=row.outcome,
        rule=row.rule,
        attempts=(call,),
        split=row.split,
        arm=row.arm,
        propensity=row.propensity,
        split_unit=row.unit,
    )
    return msgspec.structs.replace(made, **changes)


def filled(folder: Path, *made: list[SplitRow], **changes: Any) -> list[str]:
    """A data folder with these requests, as the end of a command line."""
    entries: list[Record | Feedback] = []
    for row in (row for some in made for row in some):
        entries.append(record_of(row, **changes))
        if row.opinion is not None:
            said = Feedback(id=f"f{row.id}", record_id=row.id, at=row.started_at + 1, verdict=row.opinion)
            entries.append(said)
    folder.mkdir(exist_ok=True)
    store = Store(folder)
    store.insert(entries, "0000000001-abcd.journal", 1)
    store.close()
    return ["--data", str(folder)]


def test_arms_and_their_differences_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = filled(tmp_path, rows("flash", 80, seconds=2.0), rows("haiku", 80, nano=2_000))
    assert main(["split", "status", *data]) == 0
    printed = capsys.readouterr().out
    assert "Split trial, rule chat: 800 requests compared" in printed
    assert "haiku against flash" in printed
    assert ": higher" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.isascii()


def test_json_has_every_number_and_money_in_dollars(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = filled(tmp_path, rows("flash", 40), rows("haiku", 40))
    assert main(["split", "status", "--json", *data]) == 0
    (told,) = msgspec.json.decode(capsys.readouterr().out)["splits"]
    figures = told["arms"][0]["figures"]
    assert set(figures) == {"success", "accepted", "cost_per_success_usd", "latency_p95"}
    assert figures["success"]["clusters"] == 40
    assert (
        float(figures["cost_per_success_usd"]["low"]) < float(figures["cost_per_success_usd"]["value"]) < 1e-5
    )
    assert {contrast["metric"] for contrast in told["contrasts"]} == {
        "success",
        "accepted",
        "cost_per_success",
        "latency_p95",
    }


@pytest.mark.parametrize("asked", [[], ["another"], ["--rule", "coding"], ["--since", "1h"]])
def test_where_there_is_none_it_says_so(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside: dict[str, Any] = {} if asked else {"split": None}
    data = filled(tmp_path, rows("flash", 2), **outside)
    assert main(["split", "status", *asked, *data]) == 1
    assert "No request of a split" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [["trail"], ["--rule", "chatt"]])
def test_a_name_that_does_not_exist_is_answered_with_those_that_do(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = filled(tmp_path, rows("flash", 2))
    assert main(["split", "status", *asked, *data]) == 1
    said = capsys.readouterr().out
    assert repr(asked[-1]) in said
    assert "There is trial, rule chat." in said


def test_too_little_is_said_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = filled(tmp_path, rows("flash", 1), rows("haiku", 1))
    assert main(["split", "status", *data]) == 0
    printed = capsys.readouterr().out
    assert "A first impression" in printed
    assert "too little: flash: an interval takes 2 sessions" in printed
    assert "haiku, latency p95: 20 values are needed, and there are 5" in printed


def test_an_arm_that_does_not_exist_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = filled(tmp_path, rows("flash", 2), rows("haiku", 2))
    assert main(["split", "status", "--against", "hiaku", *data]) == 2
    assert "no arm of this name has requests; did you mean 'haiku'?" in capsys.readouterr().err


def test_the_latest_requests_are_looked_at_where_there_are_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = filled(tmp_path, rows("flash", 20), rows("haiku", 20))
    assert main(["split", "status", "--most", "50", *data]) == 0
    assert "only the latest 50 requests were looked at (--most)" in capsys.readouterr().out


def test_what_is_left_out_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = filled(tmp_path / "out", rows("flash", 20), arms_out=("haiku",))
    assert main(["split", "status", *data]) == 0
    assert "Left out: 100 requests for which an arm was out." in capsys.readouterr().out
    data = filled(tmp_path / "changed", rows("flash", 20), rows("haiku", 10, share=0.6))
    assert main(["split", "status", *data]) == 0
    assert "from before the shares last changed." in capsys.readouterr().out


def test_nothing_recorded_is_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["split", "status", "--data", str(tmp_path / "nowhere")]) == 2
    assert "nothing was recorded here yet" in capsys.readouterr().err


@pytest.mark.parametrize("most", ["0", "-1", "many"])
def test_a_number_of_requests_is_one(most: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["split", "status", "--most", most])
    assert "is no number of requests; write 1 or more" in capsys.readouterr().err
