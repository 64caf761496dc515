"""Sums and pairs from before sessions belonged to keys: brought up, they tell sessions apart as new ones do."""

import msgspec
import pytest

from tests.records.older import back_to
from tests.records.place import Place
from tests.records.samples import record
from tests.records.test_pairs import pair
from tests.records.test_rollups import START, assert_both_ways_agree, fill, fill_up
from tiercel.domain.record import JournalEntry
from tiercel.measure.report import summarise, summarise_sessions
from tiercel.records.summed import load_sessions

OWN = (("a", "", ""), ("b", "search", "ada"), ("c", "search", "bob"), (None, "search", "ada"))
"""Sessions with their projects and keys; one without keys, one with no name."""
SHARED = (*OWN, ("b", "search", "bob"))


def requests(owners: tuple[tuple[str | None, str, str], ...]) -> list[JournalEntry]:
    """Ten of each, over some hours."""
    return [
        msgspec.structs.replace(
            record(f"r{i:03d}", started_at=START + i * 300), session=session, project=project, key_id=key_id
        )
        for i, (session, project, key_id) in enumerate(owners * 10)
    ]


def older(place: Place, owners: tuple[tuple[str | None, str, str], ...]) -> None:
    """A database as the version before left it, with these requests."""
    fill(place, requests(owners))
    back_to(place, "0011")


def test_where_no_session_is_shared_the_sums_are_whole_at_once(place: Place) -> None:
    older(place, OWN)
    place.store().close()
    assert place.ask("SELECT value FROM meta WHERE key = 'rollups'") == []
    assert set(place.ask("SELECT session, project, key_id FROM session_rollups")) == set(OWN[:3])
    assert_both_ways_agree(place)


def test_shared_sessions_are_told_apart_in_sums_made_anew(place: Place) -> None:
    """While they are made, and afterwards, reports are as exact as ever."""
    older(place, SHARED)
    place.store().close()
    assert place.ask("SELECT value FROM meta WHERE key = 'rollups'") == [("",)]
    assert_both_ways_agree(place)
    fill_up(place)
    assert_both_ways_agree(place)
    assert {("b", "ada"), ("b", "bob")} <= set(place.ask("SELECT session, key_id FROM session_rollups"))


def test_a_name_that_many_share_hides_no_busier_session(place: Place) -> None:
    """However few are asked for, also where a shared name alone has more requests than each of them."""
    shared = [("x", "search", key_id) for key_id in ("ada", "bob", "cay", "dan")] * 2
    fill(place, requests((*shared, *[("y", "search", "ada")] * 3, *[("w", "", "")] * 2)))
    history = place.history()
    for most in range(1, 7):
        sums = load_sessions(place.folder, most, database_url=place.url)
        found = summarise_sessions(sums.answers, sums.sessions, sums.groups)
        exact = summarise(history.records, history.feedback, "session", most)
        assert [(row.name, row.key_id, row.requests) for row in found.rows] == [
            (row.name, row.key_id, row.requests) for row in exact.rows
        ]
        assert (found.rows[0].name, found.groups) == ("y", 6)


@pytest.mark.parametrize(
    ("session", "project", "key_id", "cluster"),
    [
        ("run-1", "search", "ada", "search ada run-1"),
        ("run-1", "", "", "run-1"),
        (None, "search", "ada", "rec_1"),
    ],
)
def test_pairs_of_before_are_told_apart(
    place: Place, session: str | None, project: str, key_id: str, cluster: str
) -> None:
    before = pair("rec_1", session=session, project=project, key_id=key_id, cluster=session or "rec_1")
    fill(place, [before])
    back_to(place, "0011")
    place.store().close()
    assert place.ask("SELECT cluster FROM shadow_pairs") == [(cluster,)]
