"""What keys have spent: from the store and from what waits in the journal, each request once; in both databases."""

from pathlib import Path

import msgspec
import pytest

from tests.records.place import Place
from tests.records.samples import FULL
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Record
from tiercel.domain.secret import Secret
from tiercel.records.spending import Span, Spent, read_spent

MONTH, DAY, NOW = 1_000_000.0, 1_500_000.0, 1_550_000.0
SPAN = Span(month=MONTH, day=DAY, before=NOW)


def of_key(record_id: str, at: float, key_id: str = "k", project: str = "team") -> Record:
    return msgspec.structs.replace(FULL, id=record_id, started_at=at, key_id=key_id, project=project)


COST = of_key("any", NOW).cost_nano
RECORDS = (
    of_key("last month", MONTH - 1),
    of_key("this month", MONTH),
    of_key("today", DAY),
    of_key("just now", NOW - 1),
    of_key("of this process", NOW),
    of_key("another key's", DAY, key_id="other"),
    of_key("nobody's", DAY, key_id="", project=""),
)
EXPECTED = [
    Spent(key_id="k", project="team", day_nano=2 * COST, month_nano=3 * COST),
    Spent(key_id="other", project="team", day_nano=COST, month_nano=COST),
]


def spent(place: Place) -> list[Spent]:
    return sorted(read_spent(place.folder, SPAN, place.url), key=lambda one: one.key_id)


@pytest.mark.parametrize("ingested", range(len(RECORDS) + 1))
def test_each_request_counts_once_wherever_it_is(place: Place, ingested: int) -> None:
    with place.process() as (journal, ingestor):
        for one in RECORDS[:ingested]:
            journal.append(one)
        ingestor.run_once()
        for one in RECORDS[ingested:]:
            journal.append(one)
        assert spent(place) == EXPECTED


def test_a_journal_that_was_taken_in_and_not_noted_counts_once(place: Place) -> None:
    """As while ingest is at work, which moves them from one to the other."""
    with place.process() as (journal, _):
        for one in RECORDS:
            journal.append(one)
        store = place.store()
        store.insert(RECORDS, "some-other-segment", 1)
        assert spent(place) == EXPECTED
        store.close()


def test_before_anything_was_recorded_nothing_was_spent(place: Place) -> None:
    assert spent(place) == []


def test_a_database_that_is_away_is_an_error_and_not_nothing(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(ConfigError, match="cannot read what keys have spent"):
        read_spent(tmp_path, SPAN, Secret("postgresql://nobody:secret-word@127.0.0.1:1/none"))
