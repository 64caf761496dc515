"""What keys have spent: from the store and from what waits in the journal, each request once; in both databases."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.records.older import back_to
from tests.records.place import Place
from tests.records.postgres_server import PostgresServer
from tests.records.samples import FULL, started
from tiercel.domain.errors import ConfigError
from tiercel.domain.record import Record
from tiercel.domain.secret import Secret
from tiercel.records.spending import Span, Spent, read_spent

MONTH, DAY = 11_574 * 86_400.0, 11_590 * 86_400.0
NOW = DAY + 50_000.0
SPAN = Span(month=MONTH, day=DAY)


def of_key(record_id: str, at: float, key_id: str = "k", project: str = "team") -> Record:
    return msgspec.structs.replace(FULL, id=record_id, started_at=at, key_id=key_id, project=project)


COST = of_key("any", NOW).cost_nano
RECORDS = (
    of_key("last month", MONTH - 1),
    of_key("this month", MONTH),
    of_key("today", DAY),
    of_key("just now", NOW),
    of_key("another key's", DAY, key_id="other"),
    of_key("of no project", DAY, key_id="alone", project=""),
    of_key("nobody's", DAY, key_id="", project=""),
)
EXPECTED = [
    Spent(owner="key:alone", day_nano=COST, month_nano=COST),
    Spent(owner="key:k", day_nano=2 * COST, month_nano=3 * COST),
    Spent(owner="key:other", day_nano=COST, month_nano=COST),
    Spent(owner="project:team", day_nano=3 * COST, month_nano=4 * COST),
]


def spent(place: Place) -> list[Spent]:
    return read_spent(place.folder, SPAN, place.url)


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


def test_a_record_that_comes_twice_is_paid_once(place: Place) -> None:
    store = place.store()
    store.insert(RECORDS, "a", 1)
    store.insert(RECORDS, "b", 1)
    store.close()
    assert spent(place) == EXPECTED


def test_what_an_interrupted_request_cost_counts_once_its_record_is_found(place: Place) -> None:
    store = place.store()
    store.insert([started("today")], "a", 1)
    store.interrupt_pending()
    store.insert(RECORDS, "b", 1)
    store.close()
    assert spent(place) == EXPECTED


def test_forgetting_records_gives_no_money_back(place: Place) -> None:
    store = place.store()
    store.insert(RECORDS, "a", 1)
    assert store.forget_before(NOW + 86_400) == len(RECORDS)
    store.close()
    assert spent(place) == EXPECTED


def test_an_older_databases_sums_are_made_from_its_records(place: Place) -> None:
    """And before that, where one file is one server's, the records themselves are counted."""
    store = place.store()
    store.insert(RECORDS, "a", 1)
    store.close()
    back_to(place, "0004")
    if place.url is None:
        assert spent(place) == EXPECTED
    place.store().close()
    found = place.ask("SELECT owner, day_at, cost_nano FROM spendings")
    months = Counter({one.owner: 0 for one in EXPECTED})
    for owner, day, cost in found:
        months[owner] += cost if day >= MONTH else 0
    assert months == {one.owner: one.month_nano for one in EXPECTED}


def test_each_server_of_a_database_begins_with_what_came_through_it(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    mine, other = Place(tmp_path / "mine", url), Place(tmp_path / "other", url)
    for place, records in ((mine, RECORDS), (other, [of_key("elsewhere", NOW)])):
        place.folder.mkdir()
        store = place.store()
        store.insert(records, "a", 1)
        store.close()
    assert spent(mine) == EXPECTED
    assert [one.day_nano for one in spent(other)] == [COST, COST]


def test_before_anything_was_recorded_nothing_was_spent(place: Place) -> None:
    assert spent(place) == []


def test_a_database_that_is_away_is_an_error_and_not_nothing(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(ConfigError, match="cannot read what keys have spent"):
        read_spent(tmp_path, SPAN, Secret("postgresql://nobody:secret-word@127.0.0.1:1/none"))
