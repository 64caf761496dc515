"""What checks did is the same from sums as from the records, over every span, in both databases."""

import msgspec

from tests.records.climbs import START, made_up
from tests.records.older import back_to
from tests.records.place import Place
from tests.records.samples import started
from tests.records.test_rollups import fill
from tiercel.measure.checks_account import Account, account_of
from tiercel.records.check_tally import tally_checks
from tiercel.records.query import load_history
from tiercel.records.summed import load_check_tallies


def from_records(place: Place, since: float | None = None) -> Account:
    return account_of(tally_checks(load_history(place.folder, since=since, database_url=place.url).records))


def from_sums(place: Place, since: float | None = None) -> Account:
    return account_of(load_check_tallies(place.folder, since=since, database_url=place.url))


CUTS = (None, START, START + 17.3, START + 60, START + 3_599, START + 3_600, START + 5_000, START + 20_000)


def test_the_account_is_the_same_from_sums_and_from_records(place: Place) -> None:
    """Wherever `--since` cuts a minute, an hour or a day; to the last nano-dollar and microsecond."""
    fill(place, made_up(1, 300))
    for since in CUTS:
        assert from_sums(place, since) == from_records(place, since), since


def test_what_the_store_has_not_taken_in_yet_counts_once(place: Place) -> None:
    """Records that wait in the journal, one that is in both, and one of a request that was taken for interrupted."""
    stored, waiting = made_up(2, 60), made_up(3, 60)
    store = place.store()
    late = msgspec.structs.replace(stored[0], id="late")
    store.insert([started("late")], "0000000001-abcd.journal", 1)
    store.interrupt_pending()
    store.close()
    fill(place, stored)
    with place.process() as (journal, _):
        for entry in (*waiting, stored[0], late):
            journal.append(entry)
        assert from_sums(place) == from_records(place)
        assert from_sums(place, START + 4_000) == from_records(place, START + 4_000)


def test_forgotten_records_leave_the_account(place: Place) -> None:
    """Those of one project, and then all before some minute."""
    fill(place, made_up(4, 200))
    store = place.store()
    store.forget_before(START + 3_000, project="search")
    assert from_sums(place) == from_records(place)
    store.forget_before(START + 7_000)
    store.close()
    assert from_sums(place) == from_records(place)


def test_a_database_of_the_version_before_is_summed_up(place: Place) -> None:
    """As far as its records say what checks did: who asked for an opinion is not known of them."""
    fill(place, made_up(5, 80))
    back_to(place, "0006")
    place.store().close()
    found = from_sums(place)
    assert found == from_records(place)
    assert found.checks
    assert sum(line.caused.asked for line in found.checks) == 0
