"""Pages of what users said: of each record what was said last, the newest first, each once."""

import msgspec
import pytest

from tests.records.place import Place
from tests.records.samples import record
from tiercel.domain.record import Feedback, JournalEntry
from tiercel.records.opinions import OpinionSearch, find_opinions

OWN, OTHER = "search", "support"


def asked(at: int, project: str = OWN) -> JournalEntry:
    return msgspec.structs.replace(record(f"rec_{at:03}"), project=project)


def said(number: int, about: int, **changes: object) -> Feedback:
    made = Feedback(id=f"said_{number:03}", record_id=f"rec_{about:03}", at=1_000.0 + number)
    return msgspec.structs.replace(made, **changes)


def pages(place: Place, search: OpinionSearch) -> list[list[str]]:
    found = find_opinions(place.folder, search, database_url=place.url)
    shown = [[one.said.id for one in found.opinions]]
    return shown + (
        [] if found.more is None else pages(place, msgspec.structs.replace(search, after=found.more))
    )


def kept(place: Place, *entries: JournalEntry, waiting: tuple[JournalEntry, ...] = ()) -> None:
    """In the store; what is `waiting` is only in the journal."""
    with place.process() as (journal, ingestor):
        for entry in entries:
            journal.append(entry)
        ingestor.run_once()
        for entry in waiting:
            journal.append(entry)


def test_pages_have_what_counts_of_each_record_once(place: Place) -> None:
    """Stored or not yet: what was said of a record before is on no page."""
    kept(
        place,
        *(asked(at) for at in range(8)),
        *(said(at, at) for at in range(8)),
        said(10, 1, verdict="rejected"),
        waiting=(said(11, 4), said(12, 6)),
    )
    found = pages(place, OpinionSearch(most=2))
    wanted = ["said_012", "said_011", "said_010", "said_007", "said_005", "said_003", "said_002", "said_000"]
    assert [one for page in found for one in page] == wanted
    assert all(len(page) == 2 for page in found)


def test_what_waits_counts_less_than_what_was_said_later(place: Place) -> None:
    kept(place, asked(1), said(5, 1, at=9_000.0), waiting=(said(6, 1),))
    assert pages(place, OpinionSearch()) == [["said_005"]]


@pytest.mark.parametrize("project", [OWN, None])
def test_a_rare_project_is_found_however_far_back(place: Place, project: str | None) -> None:
    """A page that looked at enough says so, and the next one goes on from there."""
    own = (1, 14)
    kept(
        place,
        *(asked(at, OWN if at in own else OTHER) for at in range(20)),
        *(said(at, at) for at in range(20)),
    )
    search = OpinionSearch(project=project, most=3, looked_at=4)
    first = find_opinions(place.folder, search, database_url=place.url)
    assert first.is_cut == (project is not None)
    found = [one for page in pages(place, search) for one in page]
    wanted = sorted(own if project else range(20), reverse=True)
    assert found == [f"said_{at:03}" for at in wanted]


def test_feedback_on_what_is_gone_is_not_shown(place: Place) -> None:
    kept(place, asked(1), said(1, 1), said(2, 9))
    assert pages(place, OpinionSearch()) == [["said_001"]]
