"""Reading beside a running server, from another process's point of view."""

import threading
from pathlib import Path

import msgspec
import pytest

from tests.records.place import Place
from tests.records.samples import FULL, feedback, record, started
from tiercel.domain.errors import ConfigError
from tiercel.records.dimensions import plan_row, rung_row
from tiercel.records.query import find_feedback, load_history
from tiercel.records.recorder import Recorder
from tiercel.records.rows import (
    ATTEMPT_COLUMNS,
    RECORD_COLUMNS,
    attempt_values,
    record_from,
    record_values,
)
from tiercel.records.store import Store


def test_what_is_not_ingested_yet_is_read_too(place: Place) -> None:
    """Store and journal together give each record once, in the order in which they started."""
    recorder = Recorder.open(place.storage)
    recorder.finished(record("second", started_at=2.0))
    recorder.close()
    recorder = Recorder.open(place.storage)
    recorder.pause_ingest()
    recorder.started(started("under way"))
    recorder.finished(record("first", started_at=1.0))
    assert [r.id for r in place.history().records] == ["first", "second"]
    recorder.close()


def test_since_leaves_out_what_started_before(place: Place) -> None:
    """Also their attempts and feedback."""
    store = place.store()
    young = record("young", started_at=FULL.started_at + 1)
    store.insert([FULL, young, feedback("f", FULL.id), feedback("g", "young")], "one", 1)
    store.close()
    history = place.history(since=young.started_at)
    assert (history.records, list(history.feedback)) == ((young,), ["young"])


def test_attempts_go_to_their_own_record(place: Place) -> None:
    """Records with and without attempts, in any order of ids, come back equal."""
    records = [record("a"), FULL, record("z")]
    store = place.store()
    store.insert(records, "one", 1)
    store.close()
    assert {r.id: r for r in place.history().records} == {r.id: r for r in records}


def test_the_latest_feedback_counts(place: Place) -> None:
    """A user may change their mind; earlier feedback that arrives later does not count."""
    early, late = feedback("x", "a", at=1.0), feedback("y", "a", at=2.0)
    store = place.store()
    store.insert([record("a"), late, early], "one", 1)
    store.close()
    assert (place.history().feedback, find_feedback(place.folder, "a", database_url=place.url)) == (
        {"a": late},
        late,
    )


@pytest.mark.parametrize("folder", ["missing", "."])
def test_nothing_recorded_yet_says_what_to_do(tmp_path: Path, folder: str) -> None:
    """A folder without records is no crash and no empty table, but the next step."""
    with pytest.raises(ConfigError, match="nothing was recorded here yet; start `tiercel serve`"):
        load_history(tmp_path / folder)


def test_reading_changes_no_file(tmp_path: Path) -> None:
    """A reader leaves a stopped server's files as they are (SQLite may put empty side files beside them)."""
    store = Store(tmp_path)
    store.insert([FULL], "one", 1)
    store.close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    load_history(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert (tmp_path / "records.sqlite-wal").stat().st_size == 0


def test_reading_while_records_come_sees_a_prefix(place: Place) -> None:
    """However reads fall between appends, ingest and deletion of segments: no gap, no duplicate, no error."""
    recorder = Recorder.open(msgspec.structs.replace(place.storage, segment_bytes=2_000))
    done = threading.Event()

    def write() -> None:
        for i in range(400):
            recorder.finished(record(f"{i:04d}", started_at=float(i)))
            if i % 40 == 0:
                recorder.resume_ingest()  # wakes it
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        seen.append([r.id for r in place.history().records])
    writer.join()
    recorder.close()
    assert all(ids == [f"{i:04d}" for i in range(len(ids))] for ids in seen)
    assert len(place.history().records) == 400


def test_rows_lose_nothing() -> None:
    """A record, as rows and back, is the same record."""
    attempts = [
        dict(rung_row(attempt)) | dict(zip(ATTEMPT_COLUMNS, values, strict=True))
        for values, attempt in zip(attempt_values(FULL), FULL.attempts, strict=True)
    ]
    row = dict(zip(RECORD_COLUMNS, record_values(FULL), strict=True))
    assert record_from(row | dict(plan_row(FULL)), attempts) == FULL
