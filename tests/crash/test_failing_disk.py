"""A disk that fails under an open journal: what was written stays, what comes next finds another file, all is told.

The failures are the system's own: a descriptor that answers EIO, one that cannot be synced, limits on files.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.records.samples import record
from tests.records.test_journal import PRELUDE, ids, run
from tiercel.domain.settings import Storage
from tiercel.records.database import connect_to_write, database_path
from tiercel.records.journal import Journal
from tiercel.records.query import load_history
from tiercel.records.recorder import WAITING, Recorder
from tiercel.records.segments import segments

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are exchanged by way of /proc")

WAIT_SECONDS = 10.0


def put_under(path: Path, other: int) -> None:
    """Exchange what this process has open as `path` for another descriptor, which is closed here."""
    for name in os.listdir("/proc/self/fd"):
        link = Path("/proc/self/fd", name)
        if link.is_symlink() and link.readlink() == path:
            os.dup2(other, int(name), inheritable=False)
    os.close(other)


def put_failing_file_under(path: Path) -> None:
    """Nothing is mapped at address 0, so the kernel answers a write to it there with EIO."""
    put_under(path, os.open("/proc/self/mem", os.O_RDWR))


def comes(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


@pytest.mark.parametrize("before", [["a"], []])
def test_an_input_output_error_sends_the_entry_to_another_file(tmp_path: Path, before: list[str]) -> None:
    """Also where the failing segment was still empty; nobody who appends notices."""
    journal = Journal.open(tmp_path, Storage())
    for name in before:
        journal.append(record(name))
    failing, _ = journal.position()
    put_failing_file_under(failing)
    journal.append(record("b"))
    assert ids(tmp_path) == [*before, "b"]
    assert comes(lambda: journal.problem() is None)
    journal.append(record("c"))
    journal.close()
    assert ids(tmp_path) == [*before, "b", "c"]


def test_bytes_that_the_disk_does_not_keep_are_told(tmp_path: Path) -> None:
    """A pipe takes the bytes and cannot be synced: not ready until new bytes were synced, and never that file again."""
    journal = Journal.open(tmp_path, Storage())
    journal.append(record("a"))
    unsyncable, _ = journal.position()
    reader, writer = os.pipe()
    put_under(unsyncable, writer)
    journal.append(record("gone"))
    assert comes(lambda: journal.problem() is not None)
    assert (journal.problem() or "").startswith("the disk did not keep the journal: ")
    journal.append(record("b"))
    assert comes(journal.writable)
    journal.close()
    os.close(reader)
    assert ids(tmp_path) == ["a", "b"]


def test_a_disk_that_stays_full_collects_no_empty_files(tmp_path: Path) -> None:
    """However often it is tried."""
    script = """
    journal = Journal.open(folder, Storage())
    journal.append(record("before"))
    limit(0)
    for _ in range(20):
        try:
            journal.append(record("refused"))
        except StorageError:
            pass
    limit(hard)
    journal.append(record("after"))
    journal.close()
    """
    assert run(PRELUDE + script.replace("\n    ", "\n"), tmp_path) == ""
    assert (ids(tmp_path), len(segments(tmp_path))) == (["before", "after"], 2)


def test_without_a_free_descriptor_the_journal_goes_on(tmp_path: Path) -> None:
    """It needs none: neither to append, nor to sync, nor to rotate late; and to ask how it is raises nothing."""
    script = """
    entry = len(module.frame(record("r000")))
    journal = Journal.open(folder, Storage(segment_bytes=3 * entry, journal_limit_bytes=22 * entry))
    journal.append(record("r000"))
    time.sleep(0.3)  # the new segment's name is synced by now, which takes a descriptor
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    told = []
    for i in range(1, 18):
        journal.append(record(f"r{i:03d}"))
        told.append(journal.problem())
        time.sleep(0.02)
    print(told == [None] * 17)
    for i in range(18, 22):
        journal.append(record(f"r{i:03d}"))
    print(journal.problem())
    try:
        journal.append(record("over"))
    except StorageError as error:
        print(error.message.partition(" of")[0])
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    time.sleep(0.6)
    print(journal.problem().partition(" of")[0])
    journal.close()
    """
    printed = run(PRELUDE + script.replace("\n    ", "\n"), tmp_path).splitlines()
    assert printed == [
        "True",
        "cannot write the journal: Too many open files",
        "the journal is at its limit",
        "the journal is at its limit",
    ]
    assert ids(tmp_path) == [f"r{i:03d}" for i in range(22)]


def test_a_database_that_takes_nothing_is_told_and_stops_nobody(tmp_path: Path) -> None:
    """While another program blocks it, the server is ready and says what waits; let go, it catches up."""
    recorder = Recorder.open(Storage(folder=str(tmp_path)))
    recorder.finished(record("a"))
    assert comes(lambda: recorder.ingest_status().entries == 1)
    with closing(connect_to_write(database_path(tmp_path))) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        recorder.finished(record("b"))
        assert comes(lambda: recorder.ready() == (True, WAITING))
        stranger.execute("ROLLBACK")
    assert comes(lambda: recorder.ready() == (True, "records are being kept"))
    recorder.close()
    assert [found.id for found in load_history(tmp_path).records] == ["a", "b"]


def test_ingest_that_cannot_load_its_library_tries_again(tmp_path: Path) -> None:
    """The first look at the journal loads SQLAlchemy, and that takes files to be opened."""
    script = """
    import logging
    from tiercel.records.ingest import Ingestor
    from tests.crash.test_failing_disk import comes
    journal = Journal.open(folder, Storage())
    logging.disable()
    journal.append(record("a"))
    ingestor = Ingestor(folder, journal, poll_seconds=0.05)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    ingestor.start()
    print(comes(lambda: ingestor.problem is not None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(comes(lambda: ingestor.status().entries == 1))
    journal.close()
    ingestor.stop()
    """
    assert run(PRELUDE + script.replace("\n    ", "\n"), tmp_path).split() == ["True", "True"]
