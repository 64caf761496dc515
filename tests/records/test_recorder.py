"""The facade that the gateway uses: told, found, counted, ready, closed."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.records.samples import FULL, feedback, record, started
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import ConfigError
from tiercel.domain.settings import Storage
from tiercel.records.journal import StorageError
from tiercel.records.query import load_history
from tiercel.records.recorder import REMEMBERED, Recorder
from tiercel.records.segments import frame, segments


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    opened = Recorder.open(Storage(folder=str(tmp_path)))
    yield opened
    opened.close()


def test_a_record_is_found_at_once(recorder: Recorder) -> None:
    """No waiting for ingest between the answer and `find`."""
    recorder.finished(FULL)
    assert recorder.find("rec_full") == FULL


@pytest.mark.parametrize("ingest", ["paused", "running"])
def test_a_record_is_found_after_it_left_memory(tmp_path: Path, ingest: str) -> None:
    """Old records come from the store, or from the journal while ingest is behind."""
    recorder = Recorder.open(Storage(folder=str(tmp_path)))
    if ingest == "paused":
        recorder.pause_ingest()
    recorder.finished(FULL)
    recorder.feedback(feedback("f", "rec_full"))
    for i in range(REMEMBERED):
        recorder.finished(record(f"r{i}"))
        recorder.feedback(feedback(f"f{i}", f"r{i}"))
    assert recorder.find("rec_full") == FULL
    assert recorder.find_feedback("rec_full") == feedback("f", "rec_full")
    recorder.close()


def test_an_unknown_record_is_not_found(recorder: Recorder) -> None:
    """Neither in memory nor on the disk: `None`, no error, also before anything was stored."""
    assert (recorder.find("nobody"), recorder.find_feedback("nobody")) == (None, None)


def test_closing_stores_everything(tmp_path: Path) -> None:
    """After `close` the store has it all, the journal is empty and the folder is free."""
    recorder = Recorder.open(Storage(folder=str(tmp_path)))
    recorder.started(started("a"))
    recorder.finished(record("a"))
    recorder.close()
    recorder.close()
    assert segments(tmp_path) == []
    assert [r.id for r in load_history(tmp_path).records] == ["a"]
    Recorder.open(Storage(folder=str(tmp_path))).close()


def test_a_second_server_is_refused(recorder: Recorder, tmp_path: Path) -> None:
    """Two recorders never share a folder."""
    with pytest.raises(ConfigError, match="another tiercel server"):
        Recorder.open(Storage(folder=str(tmp_path)))


def test_a_failed_opening_lets_go_of_the_folder(tmp_path: Path) -> None:
    """What could not be opened holds no lock: once repaired, the next start works."""
    (tmp_path / "journal").write_text("in the way")
    with pytest.raises(StorageError):
        Recorder.open(Storage(folder=str(tmp_path)))
    (tmp_path / "journal").unlink()
    Recorder.open(Storage(folder=str(tmp_path))).close()


def test_what_verdicts_quote_of_an_answer_is_not_kept(recorder: Recorder, tmp_path: Path) -> None:
    """A repaired text and the complaint to the model are taken out; score, reason and repairs stay."""
    quoting = Verdict(check="json_schema", score=1.0, reason="valid", repaired="SECRET", message="not SECRET")
    attempt = msgspec.structs.replace(FULL.attempts[1], verdicts=(quoting,))
    recorder.finished(msgspec.structs.replace(FULL, attempts=(attempt,)))
    kept = recorder.find("rec_full")
    assert kept is not None
    assert kept.attempts[0].verdicts == (Verdict(check="json_schema", score=1.0, reason="valid"),)
    assert [
        path.name for path in tmp_path.rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()
    ] == []


def test_counts_are_folded_from_records(recorder: Recorder) -> None:
    """Requests and attempts are counted by what happened to them."""
    recorder.started(started("rec_full"))
    recorder.finished(FULL)
    recorder.finished(record("x", outcome="failed"))
    recorder.feedback(feedback("f", "rec_full"))
    counts = recorder.counts()
    assert msgspec.to_builtins(counts) == {
        "started": 1,
        "requests": 2,
        "requests_by_outcome": {"passed": 1, "failed": 1},
        "requests_by_task": {"extraction": 1, "unknown": 1},
        "requests_by_tier": {"fast": 1, "none": 1},
        "requests_by_model": {"claude-haiku-4-5": 1, "none": 1},
        "attempts": 2,
        "attempts_by_why": {"first": 1, "fallback": 1},
        "attempts_by_model": {"gemini-3.5-flash": 1, "claude-haiku-4-5": 1},
        "failures_by_kind": {"empty_length": 1},
        "input_tokens": 2_400,
        "output_tokens": 364,
        "cost_nano": 2_076_000,
        "feedback_by_verdict": {"accepted": 1},
        "unrecorded": 0,
    }


def test_a_record_that_cannot_be_written_is_told_and_counted(tmp_path: Path) -> None:
    """At the journal's limit `ready` says why, `finished` raises, and the record is still found."""
    recorder = Recorder.open(Storage(folder=str(tmp_path), journal_limit_bytes=300))
    recorder.pause_ingest()
    with pytest.raises(StorageError, match="at its limit"):
        recorder.finished(FULL)
    assert (recorder.counts().unrecorded, recorder.find("rec_full")) == (1, FULL)
    recorder.close()


def test_ready_says_why_not(tmp_path: Path) -> None:
    """A journal near its limit is not ready, with the reason and what to do."""
    limit = 2 * len(frame(record("a"))) + 5
    recorder = Recorder.open(Storage(folder=str(tmp_path), journal_limit_bytes=limit))
    recorder.pause_ingest()
    assert recorder.ready() == (True, "records are being kept")
    recorder.finished(record("a"))
    recorder.finished(record("b"))
    ready, reason = recorder.ready()
    assert (ready, "raise [storage] journal_limit_mb" in reason) == (False, True)
    assert recorder.problem() == reason
    recorder.close()
