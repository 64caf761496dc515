"""Pages of pairs: newest first, each pair once, those that differ unless all are asked for."""

import msgspec
import pytest

from tests.records.place import Place
from tests.records.test_pairs import FULL, put
from tiercel.domain.record import ShadowPair
from tiercel.records.pair_search import PairSearch, find_pairs

PASSED = msgspec.structs.replace(FULL.live, passed=True)
MISSED = msgspec.structs.replace(FULL.live, passed=False)


def pair(at: int, *, differs: bool = True, **changes: object) -> ShadowPair:
    made = msgspec.structs.replace(
        FULL,
        record_id=f"rec_{at:03}",
        received_at=1_000.0 + at // 2,
        live=PASSED,
        shadow=MISSED if differs else PASSED,
    )
    return msgspec.structs.replace(made, **changes)


def pages(place: Place, search: PairSearch) -> list[list[str]]:
    found = find_pairs(place.folder, search, database_url=place.url)
    shown = [[one.record_id for one in found.pairs]]
    if found.more is None:
        return shown
    return shown + pages(place, msgspec.structs.replace(search, after=found.more))


@pytest.mark.parametrize("differing", [True, False])
def test_pages_have_each_pair_once_the_newest_first(place: Place, differing: bool) -> None:
    """Also of those that came at the same moment, and those that only the journal has."""
    with place.process() as (journal, ingestor):
        for at in range(7):
            journal.append(pair(at, differs=at % 3 != 0))
        ingestor.run_once()
        journal.append(pair(7))
        found = pages(place, PairSearch(run="run_1", differing=differing, most=2))
    wanted = [f"rec_{at:03}" for at in range(7, -1, -1) if not differing or at % 3 != 0]
    assert [name for page in found for name in page] == wanted
    assert all(len(page) == 2 for page in found[:-1])


def test_only_of_the_run_that_is_asked_for(place: Place) -> None:
    put(place, pair(1), pair(2, run=""), pair(3, run="run_2"))
    assert pages(place, PairSearch(run="")) == [["rec_002"]]


def test_a_page_that_looked_at_enough_says_where_it_stopped(place: Place) -> None:
    """However rare pairs are that differ: the next page goes on from there."""
    put(place, *(pair(at, differs=at in (1, 8)) for at in range(10)))
    search = PairSearch(run="run_1", most=2, looked_at=3)
    first = find_pairs(place.folder, search, database_url=place.url)
    assert ([one.record_id for one in first.pairs], first.is_cut) == (["rec_008"], True)
    assert [name for page in pages(place, search) for name in page] == ["rec_008", "rec_001"]
