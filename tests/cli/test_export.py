"""`tiercel export` and `tiercel forget`: what is written, for whom, and what is deleted."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.records.samples import FULL, feedback, record
from tiercel.cli.main import main
from tiercel.domain.settings import Storage
from tiercel.records.recorder import Recorder

OTHER = msgspec.structs.replace(record("plain", started_at=1_760_000_500.0), project="other")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two records of two projects, and feedback that was given twice on one."""
    recorder = Recorder.open(Storage(folder=str(tmp_path / "data")))
    recorder.finished(FULL)
    recorder.finished(OTHER)
    recorder.feedback(feedback("f1", FULL.id, at=1.0, comment="first"))
    recorder.feedback(feedback("f2", FULL.id, at=2.0, comment="second"))
    recorder.close()
    return tmp_path / "data"


def lines(text: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in map(json.loads, text.splitlines())}


def test_each_line_is_a_whole_record(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It can be read back into the noun; the feedback is the one that counts."""
    assert main(["export", "--data", str(folder)]) == 0
    found = lines(capsys.readouterr().out)
    said = found[FULL.id].pop("feedback")
    assert said["comment"] == "second"
    assert found["plain"]["feedback"] is None
    assert found["plain"]["session"] is None
    assert msgspec.convert(found[FULL.id] | {"type": "record"}, type(FULL)) == FULL


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (("--project", "other"), {"plain"}),
        (("--since", "2025-10-09T08:58:00"), {"plain"}),
        (("--project", "nobody"), set()),
    ],
)
def test_only_what_was_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str], chosen: tuple[str, ...], ids: set[str]
) -> None:
    main(["export", "--data", str(folder), *chosen])
    assert set(lines(capsys.readouterr().out)) == ids


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_file_is_for_its_owner_only(folder: Path, tmp_path: Path, form: str) -> None:
    target = tmp_path / "out"
    assert main(["export", "--data", str(folder), "--format", form, "--out", str(target)]) == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == ["out"]


def test_parquet_holds_what_the_lines_hold(folder: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    for form in ("jsonl", "parquet"):
        main(["export", "--data", str(folder), "--format", form, "--out", str(tmp_path / form)])
    rows = {row["id"]: row for row in parquet.read_table(tmp_path / "parquet").to_pylist()}
    assert rows == lines((tmp_path / "jsonl").read_text())


def test_without_the_library_it_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    script = "import sys; sys.modules['pyarrow'] = None; from tiercel.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            "export",
            "--data",
            folder,
            "--format",
            "parquet",
            "--out",
            tmp_path / "x",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'tiercel[evals]'" in done.stderr


def test_parquet_needs_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--data", str(folder), "--format", "parquet"]) == 2
    assert "--out FILE" in capsys.readouterr().err


def test_forget_deletes_only_when_told_to(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["forget", "--data", str(folder), "--before", "2026-01-01", "--project", "other"]
    assert main(command) == 0
    assert "1 record of project other would be deleted" in capsys.readouterr().out
    assert main([*command, "--yes"]) == 0
    assert "1 record of project other deleted" in capsys.readouterr().out
    main(["export", "--data", str(folder)])
    assert set(lines(capsys.readouterr().out)) == {FULL.id}


def test_forget_needs_a_folder_with_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forget", "--data", str(tmp_path / "none"), "--before", "1d", "--yes"]) == 2
    assert "nothing was recorded here" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
