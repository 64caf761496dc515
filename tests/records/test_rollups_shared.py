"""Servers that share a PostgreSQL add to the same sums at the same time: nothing is lost or counted twice."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.records.place import Place
from tests.records.postgres_server import PostgresServer
from tests.records.test_rollups import assert_both_ways_agree, empty_sums, made_up
from tiercel.domain.record import Feedback, JournalEntry, Record

SERVERS = 3


def servers_of(place: Place) -> list[Place]:
    """Servers in folders of their own, on the place's database."""
    folders = [place.folder / f"server{i}" for i in range(SERVERS)]
    for folder in folders:
        folder.mkdir()
    return [Place(folder, place.url) for folder in folders]


def take_in(place: Place, entries: list[JournalEntry], at_once: int) -> None:
    store = place.store()
    for i in range(0, len(entries), at_once):
        store.insert(entries[i : i + at_once], "s.journal", i)
        store.fill_sums(at_once=40)
    while store.fill_sums(at_once=40):
        pass
    store.close()


def test_servers_that_write_at_once_make_the_same_sums(postgres: PostgresServer, tmp_path: Path) -> None:
    """Each has records of the same sessions and minutes, and feedback on the others' records, also before those come;
    what was there before them is summed up meanwhile."""
    place = Place(tmp_path, postgres.new_database())
    store = place.store()
    store.insert(made_up(20, 120), "s.journal", 1)
    store.close()
    empty_sums(place)
    own = [made_up(21 + i, 90) for i in range(SERVERS)]
    records = [[entry for entry in entries if isinstance(entry, Record)] for entries in own]
    said = [[entry for entry in entries if isinstance(entry, Feedback)] for entries in own]
    with ThreadPoolExecutor(SERVERS) as threads:
        # the feedback of each server is on the records of the next one
        done = [
            threads.submit(take_in, server, [*said[i - 1], *records[i]], 15)
            for i, server in enumerate(servers_of(place))
        ]
    for one in done:
        one.result()
    assert_both_ways_agree(place)
    store = place.store()
    store.count_feedback()
    store.close()
    assert place.ask("SELECT count(*) FROM feedback WHERE NOT counted") == [(0,)]
    assert_both_ways_agree(place)
