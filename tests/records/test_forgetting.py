"""Deleting records by age and project: what goes, what stays, and that sums follow."""

import shutil
from pathlib import Path

import msgspec
import pytest

from tests.records.place import Place
from tests.records.samples import record
from tests.records.test_rollups import START, assert_both_ways_agree, fill, made_up
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Feedback, Record
from tiercel.domain.settings import Storage
from tiercel.records.forgetting import forget
from tiercel.records.lock import FolderLock
from tiercel.records.retention import Retention, apply

DAY = 86_400.0
ENTRIES = made_up(8, 200)


def of(project: str, name: str, at: float) -> Record:
    return msgspec.structs.replace(record(name, started_at=at), project=project)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Has the entries; made once, because that takes longer than to forget them."""
    folder = tmp_path_factory.mktemp("original")
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgres" else None
    place = Place(folder, url)
    fill(place, ENTRIES)
    return place


@pytest.fixture
def filled(request: pytest.FixtureRequest, original: Place, tmp_path: Path) -> Place:
    """A copy of it."""
    folder = shutil.copytree(original.folder, tmp_path / "data")
    if original.url is None:
        return Place(folder)
    return Place(folder, request.getfixturevalue("postgres").new_database(like=original.url))


@pytest.mark.parametrize("after_seconds", [0.0, 61.0, 3_600.0, 5_000.0, 7_300.0, 100_000.0])
@pytest.mark.parametrize("project", [None, "search"])
def test_what_is_forgotten_is_in_no_sum(filled: Place, after_seconds: float, project: str | None) -> None:
    """Wherever the border cuts an hour or a day; others and later ones stay."""
    before = (START + after_seconds) // 60 * 60
    store = filled.store()
    gone = store.forget_before(START + after_seconds, project=project)
    store.close()
    every = [entry for entry in ENTRIES if isinstance(entry, Record)]
    kept = [one for one in every if one.started_at >= before or project not in (None, one.project)]
    assert filled.stored() == sorted(one.id for one in kept)
    assert gone == len(every) - len(kept)
    assert_both_ways_agree(filled)
    assert_both_ways_agree(filled, START + 3_000)


def test_attempts_and_feedback_go_with_their_record(place: Place) -> None:
    fill(place, [of("a", "old", START), Feedback(id="f", record_id="old", at=START, comment="a secret")])
    store = place.store()
    store.forget_before(START + 60, project="a")
    store.close()
    for table in ("records", "attempts", "feedback", "rollups", "check_rollups"):
        assert place.ask(f"SELECT count(*) FROM {table}") == [(0,)]


def test_projects_have_days_of_their_own(place: Place) -> None:
    """Longer or shorter than the others'; without any days records are kept for ever."""
    now = START
    ages = {"brief": 5, "long": 50, "": 20}
    fill(place, [of(project, f"{project}{d}", now - d * DAY) for project in ages for d in (4, 15, 40, 60)])
    store = place.store()
    assert apply(Retention(), store, now=now) == 0
    retention = Retention(days=20, projects=(("brief", 5), ("long", 50)))
    apply(retention, store, now=now + 60)
    store.close()
    assert place.stored() == ["15", "4", "brief4", "long15", "long4", "long40"]


def test_what_waits_in_the_journal_is_forgotten_too(place: Place) -> None:
    with place.process() as (journal, _):
        journal.append(of("a", "old", START))
        journal.append(of("a", "new", START + DAY))
    assert forget(place.storage, START + 60, "a") == 1
    assert place.outcomes() == {"new": "passed"}


def test_while_a_server_has_the_folder_nothing_is_deleted(tmp_path: Path) -> None:
    lock = FolderLock.acquire(tmp_path)
    with pytest.raises(ConfigError, match="another tiercel server"):
        forget(Storage(folder=str(tmp_path)), START, None)
    lock.release()
