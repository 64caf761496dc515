"""From the journal into the store: everything once, whatever happens in between."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.records.place import Place
from tests.records.samples import FULL, feedback, record, started
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import JournalEntry
from tiercel.domain.response import Usage
from tiercel.domain.settings import Storage
from tiercel.records.database import check_database, connect_to_write, database_path
from tiercel.records.ingest import Ingestor
from tiercel.records.journal import Journal
from tiercel.records.query import load_history
from tiercel.records.retention import Retention
from tiercel.records.segments import damaged_segments, frame, journal_folder, segments
from tiercel.records.store import Store, StoreError


@contextmanager
def process(folder: Path, storage: Storage | None = None) -> Iterator[tuple[Journal, Ingestor]]:
    """Journal and ingest as one server process has them; left as a killed one leaves them."""
    journal = Journal.open(folder, storage or Storage())
    ingestor = Ingestor(folder, journal)
    yield journal, ingestor
    journal.close()
    ingestor.stop(drain=False)


def outcomes(folder: Path) -> dict[str, str]:
    return {r.id: r.outcome for r in load_history(folder).records}


def stored(folder: Path) -> list[str]:
    """Ids that the database itself has, without the journal."""
    connection = connect_to_write(database_path(folder))
    rows = connection.execute("SELECT id FROM records ORDER BY id").fetchall()
    connection.close()
    return [row[0] for row in rows]


def write_segment(folder: Path, *entries: JournalEntry, number: int = 1, tail: bytes = b"") -> Path:
    """A segment that an earlier process left behind."""
    journal_folder(folder).mkdir(exist_ok=True)
    path = journal_folder(folder) / f"{number:010d}-abcd.journal"
    path.write_bytes(b"".join(frame(entry) for entry in entries) + tail)
    return path


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether it came true within ten seconds."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_a_record_is_stored_without_loss(place: Place) -> None:
    """Every field of a record and of its attempts comes back from the database equal."""
    with place.process() as (journal, ingestor):
        journal.append(FULL)
        ingestor.run_once()
    for path in segments(place.folder):
        path.unlink()
    assert place.history().records == (FULL,)


def test_reading_again_changes_nothing(place: Place) -> None:
    """Entries that were taken in before, from another segment too, are not taken in twice."""
    entries: list[JournalEntry] = [started("a"), record("a"), feedback("f", "a"), FULL]
    write_segment(place.folder, *entries, number=1)
    write_segment(place.folder, *entries, *entries, number=2)
    with place.process() as (journal, ingestor):
        for entry in entries:
            journal.append(entry)
        ingestor.run_once()
        ingestor.run_once()
    history = place.history()
    assert (place.stored(), [r.id for r in history.records]) == (["a", "rec_full"], ["a", "rec_full"])


def test_a_kill_between_store_and_segment_repeats_nothing(place: Place) -> None:
    """A process that died after its transaction and before deleting the segment costs no duplicate."""
    path = write_segment(place.folder, record("a"))
    store = place.store()
    store.insert([record("a")], path.name, path.stat().st_size)
    store.close()
    with place.process() as (_, ingestor):
        ingestor.run_once()
        assert ingestor.status().entries == 0
    assert place.stored() == ["a"]


def test_complete_segments_are_deleted_and_the_live_one_kept(place: Place) -> None:
    """What is stored needs no journal, except where it is still being written."""
    with place.process(Storage(segment_bytes=200)) as (journal, ingestor):
        for i in range(20):
            journal.append(record(f"r{i:02d}"))
        before = len(segments(place.folder))
        ingestor.run_once()
        live, _ = journal.position()
        assert (before > 3, segments(place.folder)) == (True, [live])
    assert place.stored() == [f"r{i:02d}" for i in range(20)]


def test_a_request_of_a_dead_process_was_interrupted(place: Place) -> None:
    """`Started` without a record, from an earlier process, becomes a record that says so."""
    write_segment(place.folder, started("done"), record("done"), started("lost", rung="claude-haiku-4-5@low"))
    with place.process() as (_, ingestor):
        ingestor.run_once()
        assert ingestor.status().interrupted == 1
    found = place.find("lost")
    assert found is not None
    assert (found.outcome, found.task, found.message) == (
        "interrupted",
        "coding",
        "the server stopped while claude-haiku-4-5@low was under way",
    )
    assert place.outcomes() == {"done": "passed", "lost": "interrupted"}


def test_a_request_under_way_is_not_interrupted(place: Place) -> None:
    """What this process began is only pending, also after its segment was read and deleted."""
    with place.process(Storage(segment_bytes=1)) as (journal, ingestor):
        journal.append(started("slow"))
        journal.append(record("other"))
        ingestor.run_once()
        assert place.outcomes() == {"other": "passed"}
        journal.append(record("slow"))
        ingestor.run_once()
    assert place.outcomes() == {"other": "passed", "slow": "passed"}


def test_an_interruption_outlives_the_segment_that_told_of_it(place: Place) -> None:
    """A start that was stored by one process is found interrupted by the next, with no journal left."""
    with place.process() as (journal, ingestor):
        journal.append(started("lost"))
        ingestor.run_once()
    for path in segments(place.folder):
        path.unlink()
    with place.process() as (_, ingestor):
        ingestor.run_once()
    assert place.outcomes() == {"lost": "interrupted"}


def test_a_real_record_replaces_an_interruption(place: Place) -> None:
    """Should the record turn up after all, it counts; and an interruption never replaces a record."""
    store = place.store()
    store.insert([started("a")], "one", 1)
    store.interrupt_pending()
    store.insert([record("a")], "two", 1)
    store.insert([record("a", outcome="interrupted")], "three", 1)
    store.close()
    assert place.outcomes() == {"a": "passed"}


def test_a_damaged_tail_is_set_aside(place: Place) -> None:
    """What stands before the damage is stored; the file is kept under another name and reported."""
    path = write_segment(place.folder, record("a"), record("b"), tail=b"\x10\x00\x00\x00torn")
    content = path.read_bytes()
    with place.process() as (_, ingestor):
        ingestor.run_once()
        assert ingestor.status().set_aside == (path.name + ".damaged",)
    assert place.stored() == ["a", "b"]
    assert [kept.read_bytes() for kept in damaged_segments(place.folder)] == [content]


def test_damage_in_the_live_segment_does_not_stop_later_records(place: Place) -> None:
    """Bytes that the disk changed under a running server cost one segment's rest, not all that follows."""
    with place.process() as (journal, ingestor):
        journal.append(record("a"))
        live, size = journal.position()
        journal.append(record("b"))
        with live.open("r+b") as file:
            file.seek(size + 10)
            file.write(b"\xff")
        ingestor.run_once()
        journal.append(record("c"))
        ingestor.run_once()
        assert ingestor.status().set_aside == (live.name + ".damaged",)
    assert place.stored() == ["a", "c"]


def test_numbers_beyond_sql_are_bounded(place: Place) -> None:
    """What a provider claims to have counted cannot stop the ingest of everything after it."""
    attempt = msgspec.structs.replace(FULL.attempts[0], usage=Usage(uncached=10**30), cost_nano=10**40)
    huge = msgspec.structs.replace(FULL, attempts=(attempt,))
    with place.process() as (journal, ingestor):
        journal.append(huge)
        journal.append(record("after"))
        ingestor.run_once()
    assert place.stored() == ["after", "rec_full"]


def test_the_thread_takes_in_what_comes(place: Place) -> None:
    """Started in the background it reads by itself; `stop` reads the rest and leaves no segment."""
    journal = Journal.open(place.folder, Storage())
    ingestor = Ingestor(place.folder, journal, database_url=place.url, poll_seconds=0.01)
    ingestor.start()
    journal.append(record("a"))
    assert wait_until(lambda: ingestor.status().entries == 1)
    journal.append(record("b"))
    journal.close()
    ingestor.stop()
    assert (place.stored(), segments(place.folder), ingestor.status().state) == (["a", "b"], [], "stopped")


def test_paused_ingest_leaves_everything_in_the_journal(tmp_path: Path) -> None:
    """While paused nothing is stored, and it is still found by a reader; `resume` catches up."""
    journal = Journal.open(tmp_path, Storage())
    ingestor = Ingestor(tmp_path, journal, poll_seconds=0.01)
    ingestor.pause()
    ingestor.start()
    journal.append(record("a"))
    assert (ingestor.status().state, ingestor.status().behind_bytes) == ("paused", len(frame(record("a"))))
    assert (database_path(tmp_path).exists(), outcomes(tmp_path)) == (False, {"a": "passed"})
    ingestor.resume()
    assert wait_until(lambda: ingestor.status().behind_bytes == 0)
    journal.close()
    ingestor.stop()


def test_a_database_that_cannot_be_written_waits(tmp_path: Path) -> None:
    """While another process blocks the database, records wait in the journal, visibly; freed, they are stored."""
    with process(tmp_path) as (journal, ingestor):
        journal.append(record("a"))
        ingestor.run_once()
        blocker = connect_to_write(database_path(tmp_path))
        blocker.execute("BEGIN IMMEDIATE")
        journal.append(record("b"))
        with pytest.raises(StoreError, match="locked"):
            ingestor.run_once()
        assert outcomes(tmp_path) == {"a": "passed", "b": "passed"}
        blocker.execute("ROLLBACK")
        blocker.close()
        ingestor.run_once()
    assert stored(tmp_path) == ["a", "b"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no RLIMIT_FSIZE")
def test_a_full_disk_keeps_records_in_the_journal(tmp_path: Path) -> None:
    """The database cannot grow: ingest reports it and goes on by itself when there is room again."""
    script = """
    import resource, sys
    from pathlib import Path
    from tests.records.samples import record
    from tests.records.test_ingest import wait_until
    from tiercel.domain.settings import Storage
    from tiercel.records.ingest import Ingestor
    from tiercel.records.journal import Journal
    folder = Path(sys.argv[1])
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    journal = Journal.open(folder, Storage())
    ingestor = Ingestor(folder, journal, poll_seconds=0.02)
    for i in range(50):
        journal.append(record(f"r{i:02d}"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, hard))
    ingestor.start()
    print(wait_until(lambda: ingestor.status().state == "waiting"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    print(wait_until(lambda: ingestor.status().state == "running"))
    print(ingestor.status().entries, ingestor.status().problem)
    journal.close()
    ingestor.stop()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.split() == ["True", "True", "50", "None"]
    assert stored(tmp_path) == [f"r{i:02d}" for i in range(50)]


def test_old_records_are_forgotten_with_all_that_belongs_to_them(place: Place) -> None:
    """`retention_days` deletes records that are older, their attempts and feedback, and no others."""
    old = FULL
    young = record("young", started_at=time.time())
    journal = Journal.open(place.folder, Storage())
    ingestor = Ingestor(place.folder, journal, database_url=place.url, retention=Retention(days=30))
    for entry in (old, feedback("f", old.id), young, feedback("g", "young")):
        journal.append(entry)
    ingestor.run_once()
    journal.close()
    ingestor.stop()
    left = [place.ask(f"SELECT count(*) FROM {table}")[0][0] for table in ("attempts", "feedback")]
    assert (place.stored(), left) == (["young"], [0, 1])


def test_many_old_records_are_forgotten(place: Place) -> None:
    """However many portions they take."""
    store = place.store()
    store.insert([record(f"{number:04d}", started_at=float(number)) for number in range(2_500)], "one", 1)
    assert store.forget_before(2_280.0) == 2_280
    store.close()
    assert len(place.stored()) == 220


def test_opening_the_database_loads_no_alembic(tmp_path: Path) -> None:
    """Nor PostgreSQL's driver: an idle server has room for neither."""
    script = """
    import sys
    from pathlib import Path
    from tiercel.records.store import Store
    for _ in range(2):
        Store(Path(sys.argv[1])).close()
    print({"alembic", "mako", "psycopg"} & sys.modules.keys())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_the_database_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    """Database and write-ahead log have mode 0600."""
    store = Store(tmp_path)
    found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("records.sqlite*")}
    store.close()
    assert found == {name: 0o600 for name in ("records.sqlite", "records.sqlite-wal", "records.sqlite-shm")}


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A damaged database is said at start, with the ways out."""
    database_path(tmp_path).write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigError, match=r"cannot be read as a database.*restore it from a backup"):
        check_database(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_kills_at_any_moment_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Killed again and again while it writes, rotates, ingests and deletes: what was acknowledged is there once, and
    what was only begun is interrupted."""
    script = """
    import os, signal, sys, threading
    from pathlib import Path
    from tests.records.samples import record, started
    from tiercel.domain.settings import Storage
    from tiercel.records.ingest import Ingestor
    from tiercel.records.journal import Journal
    folder, turn, milliseconds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    journal = Journal.open(folder, Storage(segment_bytes=3_000))
    ingestor = Ingestor(folder, journal, poll_seconds=0.001)
    ingestor.run_once()
    ingestor.start()
    threading.Timer(milliseconds / 1000, os.kill, (os.getpid(), signal.SIGKILL)).start()
    i = 0
    while True:
        name = f"{turn}-{i:06d}"
        journal.append(started(name))
        os.write(1, f"+{name}\\n".encode())
        journal.append(record(name))
        os.write(1, f"={name}\\n".encode())
        i += 1
    """
    begun: set[str] = set()
    done: set[str] = set()
    for turn, milliseconds in enumerate((20, 90, 45, 130)):
        killed = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), str(turn), str(milliseconds)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert (killed.returncode, killed.stderr) == (-9, "")
        begun |= {line[1:] for line in killed.stdout.splitlines() if line[0] == "+"}
        done |= {line[1:] for line in killed.stdout.splitlines() if line[0] == "="}
    with process(tmp_path) as (_, ingestor):
        ingestor.run_once()
        assert ingestor.status().set_aside == ()
    found = outcomes(tmp_path)
    assert len(done) > 100
    assert {name: found.get(name) for name in done} == dict.fromkeys(done, "passed")
    assert {found.get(name) for name in begun - done} <= {"passed", "interrupted"}
    assert len(done) <= len(found) <= len(begun) + 4


def test_a_running_server_sums_up_what_was_there_before_it(place: Place) -> None:
    """While it takes in what comes; nobody has to ask for it."""
    store = place.store()
    store.insert([record(f"old{i}") for i in range(300)], "s.journal", 1)
    store.close()
    for table in ("rollups", "session_rollups", "use_rollups", "check_rollups"):
        place.ask(f"DELETE FROM {table}")
    place.ask("INSERT INTO meta (key, value) VALUES ('rollups', '')")
    with place.process() as (journal, ingestor):
        ingestor.start()
        journal.append(record("new"))
        assert wait_until(
            lambda: place.ask("SELECT sum(requests) FROM rollups WHERE span_seconds = 60") == [(301,)]
        )
    assert place.ask("SELECT value FROM meta WHERE key = 'rollups'") == []
