"""Pairs of answers in the journal and in both databases."""

import msgspec
import pytest

from tests.records.place import Place
from tests.records.samples import record
from tiercel.domain.climb import Verdict
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import AttemptRecord, Block, PairedAnswer, ShadowPair
from tiercel.domain.response import Usage
from tiercel.records.instance import instance_of
from tiercel.records.pairs import ShadowSpent, each_pair, read_shadow_spent

CALLED = AttemptRecord(
    number=1,
    why="shadow",
    rung="candidate@low",
    deployment="candidate",
    provider="lab",
    model="candidate",
    effort="low",
    seconds=0.5,
    usage=Usage(uncached=10, visible=5),
    cost_nano=700,
    finish_reason="stop",
    verdicts=(Verdict(check="finished", score=1.0, reason="it ended by itself"),),
)
FULL = ShadowPair(
    record_id="rec_1",
    candidate="candidate@low",
    received_at=1_000.0,
    rule="any",
    task="coding",
    propensity=0.05,
    cluster="session-1",
    session="session-1",
    run="run_1",
    project="search",
    key_id="key_1",
    live=PairedAnswer(
        rung="live@high",
        model="live",
        passed=True,
        score=0.9,
        worst="language",
        finish="stop",
        seconds=1.5,
        ttft_seconds=0.2,
        cost_nano=4_000,
        output_tokens=12,
        said=Block(place="answer", key="aa", bytes=4, text='"ab"'),
    ),
    shadow=PairedAnswer(failure="timeout", seconds=0.5, cost_nano=700),
    attempts=(CALLED,),
)


def pair(record_id: str, **changes: object) -> ShadowPair:
    return msgspec.structs.replace(FULL, record_id=record_id, **changes)


def put(place: Place, *pairs: ShadowPair) -> None:
    """Into the database, as ingest does."""
    store = place.store()
    store.insert(pairs, "segment", 1)
    store.close()


def read(place: Place, **wanted: object) -> list[ShadowPair]:
    return list(each_pair(place.folder, database_url=place.url, **wanted))  # type: ignore[arg-type]  # each test's own


def test_comes_back_whole(place: Place) -> None:
    """Every field of a pair is in the database, and is read from it again."""
    put(place, FULL)
    assert read(place) == [FULL]


def test_waiting_in_the_journal(place: Place) -> None:
    """A pair that ingest has not seen yet is read too, once."""
    with place.process() as (journal, ingestor):
        journal.append(FULL)
        ingestor.run_once()
        journal.append(pair("rec_2"))
        assert [one.record_id for one in read(place)] == ["rec_1", "rec_2"]


def test_twice_is_once(place: Place) -> None:
    """What ingest reads a second time is not stored a second time."""
    put(place, FULL)
    put(place, FULL, pair("rec_1", candidate="other"))
    assert [one.candidate for one in read(place)] == ["candidate@low", "other"]


def test_found_by_run_rule_and_time(place: Place) -> None:
    """Of one run, of one rule, from a moment on."""
    put(place, FULL, pair("rec_2", run=""), pair("rec_3", rule="other"), pair("rec_4", received_at=2_000.0))
    assert [one.record_id for one in read(place, run="")] == ["rec_2"]
    assert [one.record_id for one in read(place, rule="other")] == ["rec_3"]
    assert [one.record_id for one in read(place, since=1_500.0)] == ["rec_4"]


def test_what_copies_cost(place: Place) -> None:
    """By run and rule, from a moment on, what waits in the journal included."""
    with place.process() as (journal, ingestor):
        journal.append(FULL)
        journal.append(pair("rec_2", run="", received_at=2_000.0))
        ingestor.run_once()
        journal.append(pair("rec_3", run="", received_at=3_000.0))
        here = instance_of(place.folder)
        assert read_shadow_spent(place.folder, database_url=place.url) == [
            ShadowSpent(run="", rule="any", instance="", pairs=1, nano=700),
            ShadowSpent(run="", rule="any", instance=here, pairs=1, nano=700),
            ShadowSpent(run="run_1", rule="any", instance=here, pairs=1, nano=700),
        ]
        late = read_shadow_spent(place.folder, since=2_500.0, run="", rule="any", database_url=place.url)
        assert late == [ShadowSpent(run="", rule="any", instance="", pairs=1, nano=700)]


def test_forgotten_with_the_record(place: Place) -> None:
    """A pair goes with its record, and one whose record was lost goes when its time has come."""
    store = place.store()
    old, new = record("rec_1", started_at=1_000.0), record("rec_2", started_at=9_000.0)
    store.insert([old, new, FULL, pair("rec_2", received_at=9_000.0), pair("lost")], "segment", 1)
    store.forget_before(6_000.0)
    store.close()
    assert [one.record_id for one in read(place)] == ["rec_2"]


def test_nothing_recorded(place: Place) -> None:
    """A folder without records says so, as for every other report."""
    if place.url is None:
        with pytest.raises(ConfigError, match="nothing was recorded here yet"):
            read(place)
