"""The requests of splits, as both databases and the journal have them."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from tests.records.place import Place
from tests.records.samples import FULL, feedback, record
from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.domain.response import Usage
from tiercel.records.split_row import SplitRow, row_of
from tiercel.records.splits import SplitRows, load_split_rows

T = 1_760_000_000.0
USED = Usage(uncached=10, visible=10)


def call(number: int = 1, *, cost_nano: int | None = 500) -> AttemptRecord:
    return AttemptRecord(
        number=number,
        why="first",
        rung="m",
        deployment="m",
        provider="p",
        model="m",
        usage=USED,
        cost_nano=cost_nano,
    )


def in_split(name: str, at: float = T, **changes: object) -> Record:
    plain = replace(record(name, started_at=at), rule="chat", attempts=(call(),), delivered=1)
    return replace(
        plain, **{"split": "trial", "arm": "a", "propensity": 0.5, "split_unit": f"unit-{name}", **changes}
    )


SAMPLES = (
    in_split("plain"),
    in_split("dear", T + 1, attempts=(call(), call(2, cost_nano=700)), outcome="marked"),
    in_split("unpriced", T + 2, attempts=(call(), call(2, cost_nano=None))),
    in_split("alone", T + 3, split_unit=None, propensity=1 / 3),
    in_split("session", T + 4, split_unit=None, session="s-1", project="p", key_id="k"),
    in_split("incomplete", T + 5, arms_out=("b", "c"), propensity=1.0),
    in_split("none", T + 6, arm=None, propensity=None, arms_out=("a", "b"), split_unit=None, attempts=()),
    in_split("other", T + 7, split="another", rule="coding"),
    replace(FULL, id="full", started_at=T + 8),
    record("outside", started_at=T + 9),
)
SAID = (
    feedback("f1", "plain"),
    Feedback(id="f2", record_id="dear", at=T + 20, verdict="rejected"),
    Feedback(id="f3", record_id="dear", at=T + 30, verdict="accepted"),
    Feedback(id="f4", record_id="alone", at=T + 30, score=0.5),
)


def expected(among: Sequence[Record] = SAMPLES) -> list[SplitRow]:
    latest = {entry.record_id: entry for entry in SAID}
    rows = [row_of(one, latest.get(one.id)) for one in among if one.split is not None]
    return sorted(rows, key=lambda row: -row.started_at)


def loaded(place: Place, most: int = 100, **only: Any) -> SplitRows:
    return load_split_rows(place.folder, most, database_url=place.url, **only)


def test_rows_are_those_of_the_records_themselves(place: Place) -> None:
    """What the database's columns say is what the nouns say, in the store and in the journal; the latest first."""
    with place.process() as (journal, ingestor):
        for entry in (*SAMPLES[:6], *SAID[:2]):
            journal.append(entry)
        ingestor.run_once()
        for entry in (*SAMPLES[6:], *SAID[2:]):
            journal.append(entry)
        assert loaded(place) == SplitRows(expected(), False)
        ingestor.run_once()
        assert loaded(place) == SplitRows(expected(), False)


def test_only_what_is_asked_for_is_read(place: Place) -> None:
    store = place.store()
    store.insert([*SAMPLES, *SAID], "0000000001-abcd.journal", 1)
    store.close()
    assert [row.id for row in loaded(place, split="another").rows] == ["other"]
    assert [row.id for row in loaded(place, rule="coding").rows] == ["other"]
    assert [row.id for row in loaded(place, since=T + 6).rows] == ["full", "other", "none"]
    assert loaded(place, split="nothing") == SplitRows([], False)


def test_the_latest_are_read_where_there_are_more(place: Place) -> None:
    store = place.store()
    store.insert(list(SAMPLES), "0000000001-abcd.journal", 1)
    store.close()
    found = loaded(place, 3)
    assert ([row.id for row in found.rows], found.is_cut) == (["full", "other", "none"], True)


def test_requests_that_stand_alone_are_clusters_of_their_own() -> None:
    clusters = {row.id: row.cluster for row in expected()}
    assert clusters["plain"] == "unit-plain"
    assert clusters["alone"] == "alone"
    assert clusters["session"] == "p k s-1"
