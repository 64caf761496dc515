"""Shared budgets as arithmetic, and in a real PostgreSQL: never held twice, free again when a gateway is dead."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records.place import Place
from tests.records.postgres_server import PASSWORD, PostgresServer
from tests.records.samples import FULL
from tiercel.domain.secret import Secret
from tiercel.records.slices import Grant, SlicesAwayError, SliceStore, Wish, ceiling_for

DAY = int(time.time() // 86_400) * 86_400
LONG_SECONDS = 600.0
LIMIT = 1_000


def wish(used: int = 0, need: int = 0, ahead: int = 0, *, unit: int = 1, limit: int = LIMIT) -> Wish:
    return Wish(
        owner="key:k",
        period="day",
        start_at=DAY,
        end_at=DAY + 86_400,
        limit=limit,
        used=used,
        need=need,
        ahead=ahead,
        unit=unit,
    )


moves = st.tuples(
    st.integers(0, 2),  # which gateway
    st.integers(0, 400),  # what it needs
    st.integers(0, 400),  # what it would like to have beyond
    st.integers(1, 100),  # in pieces of
    st.integers(0, 100),  # which part of its room it spends then, in percent
    st.booleans(),  # whether the records of that are taken in at once
)


@given(limit=st.integers(0, 2_000), steps=st.lists(moves, max_size=40))
def test_whatever_is_asked_for_nobody_can_spend_beyond_the_limit(
    limit: int, steps: list[tuple[int, int, int, int, int, bool]]
) -> None:
    ceilings, used, recorded = [0] * 3, [0] * 3, [0] * 3
    for number, need, ahead, unit, percent, is_taken_in in steps:
        asked = wish(used[number], need, ahead, unit=unit, limit=limit)
        # as `gateway/slices.py` does, before it is told
        ceilings[number] = min(ceilings[number], asked.target)
        elsewhere = sum(max(recorded[i], ceilings[i]) for i in range(3) if i != number)
        ceilings[number] = ceiling_for(asked, elsewhere=elsewhere, held=ceilings[number])
        used[number] += (ceilings[number] - used[number]) * percent // 100
        if is_taken_in:
            recorded[number] = used[number]
        assert sum(max(*pair) for pair in zip(recorded, ceilings, strict=True)) <= limit
    assert sum(used) <= limit


@pytest.mark.parametrize(
    ("asked", "elsewhere", "held", "ceiling"),
    [
        (wish(0, need=100), 0, 0, 100),
        (wish(500, need=100), 0, 500, 600),
        (wish(0, need=100), 950, 0, 50),
        (wish(0, need=100), 1_000, 0, 0),
        (wish(0, need=100, ahead=400), 0, 0, 100 + 900 // 4),
        (wish(0, need=100, ahead=400, unit=100), 0, 0, 300),
        (wish(10), 0, 300, 10),
        (wish(10, ahead=50), 990, 40, 40),
        (wish(60), 990, 40, 60),
        (wish(0, need=100, limit=50), 0, 80, 80),
    ],
    ids=[
        "what is needed",
        "on top of what is spent",
        "what the others leave",
        "nothing where they leave nothing",
        "in advance no more than a quarter of the rest",
        "in whole pieces",
        "what is not wanted goes back",
        "what is held is kept while it is wanted",
        "what was spent already stands, whatever others hold",
        "a limit that was lowered takes nothing away that may be in use",
    ],
)
def test_a_wish_gets(asked: Wish, elsewhere: int, held: int, ceiling: int) -> None:
    assert ceiling_for(asked, elsewhere=elsewhere, held=held) == ceiling


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> Secret:
    made = postgres.new_database()
    Place(tmp_path, made).store().close()
    return made


class Gateways:
    """Those of one database."""

    def __init__(self, url: Secret) -> None:
        self.url = url
        self._made: list[SliceStore] = []

    def __call__(self, name: str, *, lease_seconds: float = LONG_SECONDS) -> SliceStore:
        made = SliceStore(self.url, name, lease_seconds=lease_seconds)
        self._made.append(made)
        return made

    def close(self) -> None:
        for store in self._made:
            store.close()


@pytest.fixture
def gateway(url: Secret) -> Iterator[Gateways]:
    found = Gateways(url)
    yield found
    found.close()


def grant(store: SliceStore, asked: Wish) -> Grant:
    (found,) = store.settle([asked]).grants
    return found


def spend(url: Secret, folder: Path, record_id: str, nano: int) -> None:
    """A record of the server of this folder, which cost this much."""
    folder.mkdir(exist_ok=True)
    attempt = msgspec.structs.replace(FULL.attempts[0], cost_nano=nano)
    one = msgspec.structs.replace(
        FULL, id=record_id, started_at=DAY + 60.0, key_id="k", attempts=(attempt,), delivered=None
    )
    store = Place(folder, url).store()
    store.insert([one], record_id, 1)
    store.close()


def test_gateways_that_ask_at_once_get_no_more_than_there_is(gateway: Gateways) -> None:
    with ThreadPoolExecutor(8) as pool:
        grants = list(pool.map(lambda i: grant(gateway(f"g{i}"), wish(need=300)), range(8)))
    assert sum(one.ceiling for one in grants) == LIMIT


def test_what_one_gives_back_another_gets(gateway: Gateways) -> None:
    first, second = gateway("a"), gateway("b")
    assert grant(first, wish(need=1_000)).ceiling == 1_000
    assert grant(second, wish(need=100)).ceiling == 0
    assert grant(first, wish(used=200)).ceiling == 200
    assert grant(second, wish(need=100)) == Grant(ceiling=100, spent=0, elsewhere=200, elsewhere_spent=0)


def test_what_was_spent_is_held_once_though_records_tell_it_too(gateway: Gateways, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    spend(gateway.url, folder, "r1", 300)
    name = (folder / "instance").read_text().strip()
    first, second = gateway(name), gateway("b")
    assert grant(first, wish(used=300, need=100)).ceiling == 400
    expected = Grant(ceiling=600, spent=0, elsewhere=400, elsewhere_spent=300)
    assert grant(second, wish(need=1_000)) == expected


def test_a_gateway_that_does_not_know_what_it_spent_is_told(gateway: Gateways, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    spend(gateway.url, folder, "r1", 300)
    name = (folder / "instance").read_text().strip()
    assert grant(gateway(name), wish(need=100)) == Grant(
        ceiling=400, spent=300, elsewhere=0, elsewhere_spent=0
    )


def test_a_gateway_that_leaves_gives_all_back(gateway: Gateways) -> None:
    first, second = gateway("a"), gateway("b")
    grant(first, wish(need=1_000))
    first.give_back()
    assert grant(second, wish(need=1_000)).ceiling == 1_000


def test_a_gateway_that_starts_anew_has_nothing_of_what_its_predecessor_held(gateway: Gateways) -> None:
    grant(gateway("a"), wish(need=1_000))
    grant(gateway("a"), wish(need=100))
    assert grant(gateway("b"), wish(need=1_000)).ceiling == 900


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_what_a_gateway_held_when_it_was_ended_by_kill_is_free_after_its_lease(
    url: Secret, gateway: Gateways
) -> None:
    script = """
    import sys
    from tiercel.domain.secret import Secret
    from tiercel.records.slices import SliceStore
    from tests.records.test_slices import wish
    SliceStore(Secret(sys.argv[1]), "killed", lease_seconds=2.0).settle([wish(need=1_000)])
    print("held", flush=True)
    sys.stdin.read()
    """
    script = "\n".join(line.strip() for line in script.splitlines())
    command = [sys.executable, "-c", script, url.reveal()]
    other = gateway("other")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        child.kill()
        child.wait(30)
    began = time.monotonic()
    while grant(other, wish(need=1_000)).ceiling < 1_000:
        assert time.monotonic() - began < 30.0
        time.sleep(0.05)


def test_what_a_dead_gateway_had_spent_stays_spent(gateway: Gateways, tmp_path: Path) -> None:
    folder = tmp_path / "dead"
    spend(gateway.url, folder, "r1", 300)
    name = (folder / "instance").read_text().strip()
    grant(gateway(name, lease_seconds=0.0), wish(used=300, need=700))
    assert grant(gateway("b"), wish(need=1_000)).ceiling == 700


def test_a_gateway_that_was_away_too_long_is_told_that_it_holds_nothing_any_more(gateway: Gateways) -> None:
    store = gateway("a", lease_seconds=0.0)
    assert store.settle([wish(need=100)]).lapsed
    assert store.settle([]).lapsed
    kept = gateway("b")
    kept.settle([])
    assert not kept.settle([]).lapsed


def test_days_and_months_are_limits_of_their_own(gateway: Gateways) -> None:
    store = gateway("a")
    month = msgspec.structs.replace(wish(need=500), period="month", end_at=DAY + 30 * 86_400, limit=400)
    found = store.settle([wish(need=500), month]).grants
    assert [one.ceiling for one in found] == [500, 400]


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    away = SliceStore(Secret(f"postgresql://nobody:{PASSWORD}@127.0.0.1:1/none"), "a", lease_seconds=1.0)
    with pytest.raises(SlicesAwayError) as caught:
        away.settle([wish(need=1)])
    with pytest.raises(SlicesAwayError):
        away.give_back()
    assert PASSWORD not in str(caught.value)
