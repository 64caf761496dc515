"""The journal's writer: nothing acknowledged is lost, limits hold, and it recovers by itself."""

import os
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from tests.records.samples import record
from tiercel.domain.record import Content, ShadowPair
from tiercel.domain.settings import Storage
from tiercel.records.journal import Journal, StorageError
from tiercel.records.segments import frame, read_entries, segments

ENTRY_BYTES = len(frame(record("r000")))
needs_limits = pytest.mark.skipif(os.name == "nt", reason="Windows has no RLIMIT_FSIZE")


def ids(folder: Path) -> list[str]:
    entries = [entry for path in segments(folder) for entry in read_entries(path).entries]
    return [entry.id for entry in entries if not isinstance(entry, Content | ShadowPair)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_entry_can_be_read_as_soon_as_append_returns(tmp_path: Path) -> None:
    """No buffer of ours stands between `append` and the file."""
    journal = Journal.open(tmp_path, Storage())
    journal.append(record("a"))
    assert ids(tmp_path) == ["a"]
    journal.close()


def test_files_belong_to_their_owner_alone(tmp_path: Path) -> None:
    """Folders are made with mode 0700, segments with 0600."""
    journal = Journal.open(tmp_path / "data", Storage())
    journal.close()
    found = [
        mode(p) for p in (tmp_path / "data", tmp_path / "data" / "journal", *segments(tmp_path / "data"))
    ]
    assert found == [0o700, 0o700, 0o600]


def test_a_full_segment_is_followed_by_another(tmp_path: Path) -> None:
    """Segments are rotated at `segment_bytes`, and order is kept across them."""
    journal = Journal.open(tmp_path, Storage(segment_bytes=3 * ENTRY_BYTES))
    wanted = [f"r{i:03d}" for i in range(10)]
    for name in wanted:
        journal.append(record(name))
    journal.close()
    assert (len(segments(tmp_path)), ids(tmp_path)) == (4, wanted)


def test_a_new_process_leaves_old_segments_alone(tmp_path: Path) -> None:
    """Opening again begins a new segment; what was there, damaged or not, keeps its bytes."""
    Journal.open(tmp_path, Storage()).close()
    (old,) = segments(tmp_path)
    old.write_bytes(b"torn")
    journal = Journal.open(tmp_path, Storage())
    journal.append(record("a"))
    journal.close()
    assert (old.read_bytes(), ids(tmp_path)) == (b"torn", ["a"])


def test_the_limit_refuses_new_requests_first(tmp_path: Path) -> None:
    """`writable` turns false a little before `append` refuses, so answers under way can still be recorded."""
    limit = 40 * ENTRY_BYTES
    journal = Journal.open(tmp_path, Storage(journal_limit_bytes=limit))
    writable = []
    for _ in range(40):
        writable.append(journal.writable())
        journal.append(record("r000"))
    with pytest.raises(StorageError, match="at its limit"):
        journal.append(record("r000"))
    journal.close()
    assert writable == [True] * 38 + [False] * 2


def test_room_that_others_make_is_noticed(tmp_path: Path) -> None:
    """A journal at its limit goes on as soon as segments are gone, without a restart."""
    storage = Storage(segment_bytes=ENTRY_BYTES, journal_limit_bytes=4 * ENTRY_BYTES)
    journal = Journal.open(tmp_path, storage)
    for _ in range(4):
        journal.append(record("r000"))
    with pytest.raises(StorageError):
        journal.append(record("r000"))
    segments(tmp_path)[0].unlink()
    journal.append(record("r001"))
    journal.close()
    assert ids(tmp_path)[-1] == "r001"


def test_several_threads_write_whole_entries(tmp_path: Path) -> None:
    """Entries of threads that append at once do not mix, also across rotations."""
    journal = Journal.open(tmp_path, Storage(segment_bytes=20 * ENTRY_BYTES))

    def write(letter: str) -> None:
        for i in range(100):
            journal.append(record(f"{letter}{i:03d}"))

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert sorted(ids(tmp_path)) == sorted(f"{letter}{i:03d}" for letter in "abcd" for i in range(100))


def test_a_closed_journal_refuses(tmp_path: Path) -> None:
    """Closing twice does no harm, and nothing is accepted after."""
    journal = Journal.open(tmp_path, Storage())
    journal.close()
    journal.close()
    with pytest.raises(StorageError, match="closed"):
        journal.append(record("a"))


def test_a_place_that_cannot_hold_a_journal_is_said(tmp_path: Path) -> None:
    """A file where the folder should be is a clear error, at opening."""
    (tmp_path / "data").write_text("")
    with pytest.raises(StorageError, match="cannot keep a journal here"):
        Journal.open(tmp_path / "data", Storage())


def run(script: str, folder: Path) -> str:
    """The output of a process of its own, so that limits and kills touch nobody else."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return done.stdout + done.stderr


PRELUDE = """
import os, resource, sys, time
from pathlib import Path
from tests.records.samples import record
from tiercel.domain.settings import Storage
from tiercel.records import journal as module
from tiercel.records.journal import Journal, StorageError
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
folder = Path(sys.argv[1])
"""


@needs_limits
def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    """When not even a new file takes an entry, `append` says so; freed, it goes on; no part of an entry is left."""
    script = """
    journal = Journal.open(folder, Storage())
    journal.append(record("before"))
    limit(10)
    for _ in range(3):
        try:
            journal.append(record("refused"))
        except StorageError as error:
            print(error.kind, journal.writable())
    limit(hard)
    deadline = time.monotonic() + 10
    while not journal.writable() and time.monotonic() < deadline:
        time.sleep(0.05)
    journal.append(record("after"))
    print(journal.writable())
    journal.close()
    """
    printed = run(PRELUDE + textwrap.dedent(script), tmp_path)
    assert printed.split() == ["storage_unavailable", "False"] * 3 + ["True"]
    assert ids(tmp_path) == ["before", "after"]
    assert [read_entries(path).problem for path in segments(tmp_path)] == [None] * len(segments(tmp_path))


@needs_limits
def test_a_file_that_fails_is_left_for_a_new_one(tmp_path: Path) -> None:
    """Where only the present segment cannot grow, the entry goes into the next one and nobody notices."""
    script = """
    journal = Journal.open(folder, Storage())
    limit(2000)
    for i in range(20):
        journal.append(record(f"r{i:03d}"))
    journal.close()
    """
    assert run(PRELUDE + textwrap.dedent(script), tmp_path) == ""
    assert ids(tmp_path) == [f"r{i:03d}" for i in range(20)]


@needs_limits
def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """After SIGKILL every entry whose `append` returned is in the journal, and nothing else but at most one more."""
    script = """
    import signal, threading
    journal = Journal.open(folder, Storage(segment_bytes=20_000))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
    i = 0
    while True:
        journal.append(record(f"r{i:06d}"))
        os.write(1, b"%06d\\n" % i)
        i += 1
    """
    acknowledged = run(PRELUDE + textwrap.dedent(script), tmp_path).split()
    found = ids(tmp_path)
    assert found[: len(acknowledged)] == [f"r{number}" for number in acknowledged]
    assert 0 < len(acknowledged) <= len(found) <= len(acknowledged) + 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is read-only for the superuser")
def test_a_read_only_folder_is_refused_at_opening(tmp_path: Path) -> None:
    """A folder without write permission is a clear error, before any request is taken."""
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal").chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        Journal.open(tmp_path, Storage())


def test_the_journal_does_not_load_sqlalchemy() -> None:
    """The server starts without waiting for the database library, also through the recorder."""
    script = "import sys, tiercel.records.recorder; print('sqlalchemy' in sys.modules)"
    assert run(script, Path()).strip() == "False"
