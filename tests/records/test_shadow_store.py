"""Registered comparisons in both databases."""

from pathlib import Path

import msgspec
import pytest

from tests.records.place import Place
from tests.records.postgres_server import PostgresServer
from tiercel.domain.errors import ConfigError
from tiercel.domain.shadow import ShadowRun, ShadowTerms
from tiercel.records.shadow_store import FILE_NAME, ShadowStore, copy_runs

RUN = ShadowRun(
    id="run_1",
    rule="any",
    candidate="candidate@low",
    share=0.2,
    margin=0.02,
    alpha=0.05,
    budget_nano=2_000_000_000,
    until=5_000.0,
    started_at=1_000.0,
    project="search",
    terms=ShadowTerms(guardrails=("p95_seconds<=1.2x",), window_seconds=60.0, leader="fast", rivals=2),
)


def test_reads_what_was_written(place: Place) -> None:
    """Every field of a run comes back, to another process too."""
    store, other = ShadowStore(place.folder, place.url), ShadowStore(place.folder, place.url)
    store.start(RUN)
    assert other.runs() == other.open_runs() == (RUN,)
    store.close()
    other.close()


def test_nothing_was_ever_registered(place: Place) -> None:
    """Looking makes no file and no table."""
    store = ShadowStore(place.folder, place.url)
    assert store.open_runs() == ()
    store.close()
    assert not (place.folder / FILE_NAME).exists()


def test_stops_once(place: Place) -> None:
    """Only the end is written, and the first end stays."""
    store = ShadowStore(place.folder, place.url)
    store.start(RUN)
    ended = store.stop("run_1", at=2_000.0, reason="by hand")
    assert ended == msgspec.structs.replace(RUN, stopped_at=2_000.0, stop_reason="by hand")
    assert store.stop("run_1", at=3_000.0, reason="again") == ended
    assert store.open_runs() == ()
    store.close()


def test_ids_are_used_once(place: Place) -> None:
    """A run is never written over, and one that is not there cannot be stopped."""
    store = ShadowStore(place.folder, place.url)
    store.start(RUN)
    with pytest.raises(ConfigError, match="run_1: there is a shadow run of this id already"):
        store.start(RUN)
    with pytest.raises(ConfigError, match="run_2: there is no shadow run of this id"):
        store.stop("run_2", at=2_000.0, reason="by hand")
    store.close()


@pytest.mark.parametrize(
    ("rule", "key_id", "project", "at", "wanted"),
    [
        ("any", "key_1", "search", 2_000.0, True),
        ("other", "key_1", "search", 2_000.0, False),
        ("any", "key_1", "other", 2_000.0, False),
        ("any", "key_1", "search", 999.0, False),
        ("any", "key_1", "search", 5_000.0, False),
    ],
)
def test_which_requests_it_wants(rule: str, key_id: str, project: str, at: float, wanted: bool) -> None:
    """Those of its rule, key and project, from its start to its end."""
    assert RUN.wants(rule, key_id, project, at, "fast") is wanted
    assert not RUN.wants(rule, key_id, project, at, "deep"), "its leader does not begin this ladder"
    assert not msgspec.structs.replace(RUN, stopped_at=1_500.0).wants(rule, key_id, project, at, "fast")


def test_a_registration_that_was_edited_is_known(place: Place) -> None:
    """Its id follows from what was registered; only the end may be written later."""
    run = msgspec.structs.replace(RUN, id=RUN.registered_id)
    store = ShadowStore(place.folder, place.url)
    store.start(run)
    (back,) = store.runs()
    assert back.is_as_registered
    assert store.stop(run.id, at=2_000.0, reason="by hand").is_as_registered
    assert not msgspec.structs.replace(back, margin=0.1).is_as_registered
    store.close()


def test_damaged_file(place: Place) -> None:
    """A file that is no database is told of, with its place."""
    if place.url is None:
        place.folder.mkdir(exist_ok=True)
        (place.folder / FILE_NAME).write_bytes(b"not a database, and longer than its header would have to be")
        with pytest.raises(ConfigError, match="file is not a database"):
            ShadowStore(place.folder).runs()


def test_copied_runs_are_there_as_they_were_registered(tmp_path: Path, postgres: PostgresServer) -> None:
    """Copied again they are what they were, and one that was stopped in the meantime is stopped there."""
    url = postgres.new_database()
    source, target = ShadowStore(tmp_path), ShadowStore(tmp_path, url)
    second = msgspec.structs.replace(RUN, id="run_2", stopped_at=1_500.0, stop_reason="money")
    source.start(RUN)
    source.start(second)
    assert (copy_runs(tmp_path, url), target.runs()) == (2, (RUN, second))
    stopped = source.stop(RUN.id, at=2_000.0, reason="by hand")
    assert (copy_runs(tmp_path, url), target.runs()) == (2, (stopped, second))
    assert copy_runs(tmp_path, url) == 2
    source.close()
    target.close()
