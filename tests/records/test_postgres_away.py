"""A PostgreSQL that is stopped, frozen or full: records wait in the journal, and none is lost or kept twice."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.records.place import Place
from tests.records.postgres_server import PASSWORD, PostgresServer, postgres_server, reason_for_none
from tests.records.samples import record, started
from tiercel.domain.settings import Storage
from tiercel.records.ingest import Ingestor
from tiercel.records.journal import Journal
from tiercel.records.recorder import WAITING, Recorder

pytestmark = pytest.mark.skipif(reason_for_none() is not None, reason=str(reason_for_none()))

DRAINED_WITHIN_SECONDS = 30.0
ROOM_BYTES = 2_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def away(server: PostgresServer, tmp_path: Path) -> Place:
    """A place whose database these tests take away."""
    return Place(tmp_path, server.new_database())


@contextmanager
def ingesting(place: Place) -> Iterator[tuple[Journal, Ingestor]]:
    journal = Journal.open(place.folder, Storage(folder=str(place.folder)))
    ingestor = Ingestor(place.folder, journal, database_url=place.url, answer_seconds=0.5, poll_seconds=0.02)
    ingestor.start()
    yield journal, ingestor
    journal.close()
    ingestor.stop()


def becomes(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DRAINED_WITHIN_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def is_drained(ingestor: Ingestor) -> Callable[[], bool]:
    return lambda: ingestor.status().behind_bytes == 0 and ingestor.problem is None


def test_stopped(server: PostgresServer, away: Place) -> None:
    """What comes meanwhile is spooled and told, without the password; all is there soon after it is back."""
    with ingesting(away) as (journal, ingestor):
        journal.append(record("a"))
        assert becomes(is_drained(ingestor))
        server.stop()
        for number in range(100):
            journal.append(record(f"b{number:02d}"))
        assert becomes(lambda: ingestor.status().state == "waiting")
        problem = ingestor.problem or ""
        server.start()
        assert becomes(is_drained(ingestor))
    assert problem.startswith("PostgreSQL at 127.0.0.1:")
    assert PASSWORD not in problem
    assert away.stored() == ["a", *(f"b{number:02d}" for number in range(100))]


def test_frozen(server: PostgresServer, away: Place) -> None:
    """A server that says nothing is cut off, again and again; thawed, it takes everything once."""
    with ingesting(away) as (journal, ingestor):
        journal.append(record("a"))
        assert becomes(is_drained(ingestor))
        server.freeze()
        for number in range(100):
            journal.append(record(f"b{number:02d}"))
        assert becomes(lambda: ingestor.status().state == "waiting")
        problem = ingestor.problem or ""
        server.thaw()
        assert becomes(is_drained(ingestor))
    assert "no answer within 0.5 seconds" in problem
    assert away.stored() == ["a", *(f"b{number:02d}" for number in range(100))]


def test_frozen_before_it_was_ever_asked(server: PostgresServer, away: Place) -> None:
    """Connecting has its limit too, and a server that stops meanwhile does not wait for it for ever."""
    server.freeze()
    began = time.monotonic()
    with ingesting(away) as (journal, ingestor):
        journal.append(record("a"))
        assert becomes(lambda: ingestor.status().state == "waiting")
    took = time.monotonic() - began
    server.thaw()
    assert took < DRAINED_WITHIN_SECONDS
    with ingesting(away) as (_, ingestor):
        assert becomes(is_drained(ingestor))
    assert away.stored() == ["a"]


def test_full(server: PostgresServer, away: Place) -> None:
    """Its files cannot grow: what did not fit waits, and comes in once there is room."""
    with ingesting(away) as (journal, ingestor):
        journal.append(record("a"))
        assert becomes(is_drained(ingestor))
        server.limit_files(ROOM_BYTES)
        for number in range(2_000):
            message = secrets.token_hex(750)
            journal.append(msgspec.structs.replace(record(f"b{number:04d}"), message=message))
        assert becomes(lambda: ingestor.status().state == "waiting")
        problem = ingestor.problem or ""
        server.limit_files("unlimited")
        assert becomes(is_drained(ingestor))
    assert "could not extend file" in problem
    assert away.stored() == ["a", *(f"b{number:04d}" for number in range(2_000))]


def test_a_gateway_starts_without_it(server: PostgresServer, away: Place) -> None:
    """It is ready, says that records wait, finds them all the same, and stores them when the database is there."""
    server.stop()
    recorder = Recorder.open(away.storage)
    recorder.finished(record("a"))
    assert becomes(lambda: recorder.ready() == (True, WAITING))
    assert recorder.find("a") == record("a")
    server.start()
    assert becomes(lambda: recorder.ingest_status().behind_bytes == 0)
    recorder.close()
    assert away.stored() == ["a"]


def test_servers_share_a_database(server: PostgresServer, tmp_path: Path) -> None:
    """Each ingests its own journal; one that starts anew ends what it left under way, and nothing of the other's."""
    url = server.new_database()
    one, two = Place(tmp_path / "one", url), Place(tmp_path / "two", url)
    with one.process() as (journal, ingestor), two.process() as (other_journal, other):
        journal.append(started("left by one"))
        other_journal.append(started("under way at two"))
        other_journal.append(record("of two"))
        ingestor.run_once()
        other.run_once()
    with one.process() as (_, ingestor):
        ingestor.run_once()
        assert ingestor.status().interrupted == 1
    assert one.outcomes() == {"left by one": "interrupted", "of two": "passed"}
    with two.process() as (other_journal, other):
        other_journal.append(record("under way at two"))
        other.run_once()
        assert other.status().interrupted == 1
    assert two.outcomes() == {"left by one": "interrupted", "of two": "passed", "under way at two": "passed"}
