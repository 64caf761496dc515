"""Requests found by what is known of them, newest first, a page at a time: in the store and while they still wait."""

from typing import Any

import msgspec
import pytest

from tests.records.place import Place
from tests.records.test_rollups import START, made_up
from tiercel.domain.record import Record
from tiercel.records.rollups import HOUR
from tiercel.records.search import Found, Search, find_requests, fits

SEARCHES: dict[str, dict[str, Any]] = {
    "all": {},
    "one project": {"project": "search"},
    "a task": {"task": "coding"},
    "a rule and an outcome": {"rule": "a", "outcome": "passed"},
    "a session": {"session": "s3"},
    "with an escalation": {"with_call": "escalation"},
    "slow ones": {"least_seconds": 2.0},
    "a later hour": {"since": START + HOUR, "until": START + 2 * HOUR},
    "a key nobody has": {"key_id": "nobody"},
}


def every_page(place: Place, wanted: Search) -> list[Record]:
    found: list[Record] = []
    while True:
        page: Found = find_requests(place.folder, wanted, database_url=place.url, looked_at=17)
        assert len(page.records) <= wanted.most
        found += page.records
        if page.more is None:
            return found
        wanted = msgspec.structs.replace(wanted, after=page.more)


@pytest.mark.parametrize("name", SEARCHES)
def test_pages_have_each_record_once_newest_first(place: Place, name: str) -> None:
    """Also where a page looks at few, so that some come back empty, and where half of the records still wait."""
    entries = [entry for entry in made_up(7, 90) if isinstance(entry, Record)]
    with place.process() as (journal, _):
        store = place.store()
        store.insert(entries[:60], "before.journal", 1)
        store.close()
        for entry in entries[60:]:
            journal.append(entry)
        wanted = Search(**({"since": START, "until": START + 4 * HOUR, "most": 8} | SEARCHES[name]))
        expected = sorted(
            (entry for entry in entries if fits(entry, wanted)),
            key=lambda record: (record.started_at, record.id),
            reverse=True,
        )
        if name == "all":
            assert len(expected) == 90
        assert [record.id for record in every_page(place, wanted)] == [record.id for record in expected]
