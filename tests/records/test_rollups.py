"""Sums say what the records say: the report from both, over every span, after everything that changes either."""

import random
import subprocess
import sys
import textwrap
from typing import Any, Literal, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.measure.audit_by_records import audit_records
from tests.measure.samples import TABLE
from tests.records.place import Place
from tests.records.samples import FULL, record, started
from tiercel.domain.catalog import Capabilities, Catalog, Deployment, Model, Prices, Provider
from tiercel.domain.climb import Verdict, Why
from tiercel.domain.record import AttemptRecord, Feedback, JournalEntry, Outcome, Record
from tiercel.domain.response import Usage
from tiercel.measure.audit import audit_sums, price_borders
from tiercel.measure.checks_account import account_of
from tiercel.measure.models import measured_by_model, measured_by_tallies
from tiercel.measure.report import SummedBy, summarise, summarise_sessions, summarise_tallies
from tiercel.records.check_tally import tally_checks
from tiercel.records.query import History
from tiercel.records.rollups import DAY, HOUR, MINUTE
from tiercel.records.sketch import RELATIVE_ERROR
from tiercel.records.summed import load_audit, load_check_tallies, load_sessions, load_tallies

START = 1_785_542_400.0 + 23 * 3_600
"""An hour before midnight UTC, so that all spans have borders within a few hours."""
YES: Literal["accepted"] = "accepted"
NO: Literal["rejected"] = "rejected"
VERDICTS: tuple[Literal["accepted", "rejected"] | None, ...] = (YES, NO, None)
CHANGING: tuple[Literal["accepted", "rejected"], ...] = (YES, NO, NO, YES)
WAYS: tuple[SummedBy | None, ...] = (None, *get_args(SummedBy))
DEAR = Prices(input=4 * 10**9, output=10**10)


def catalog(border: int) -> Catalog:
    """Models that cost more for large requests, or cannot see, or are somewhere."""
    long = Prices(input=9 * 10**9, output=10**10)
    models = (
        Model(name="haiku", prices=Prices(input=10**9, output=5 * 10**9, long_from=border, long=long)),
        Model(name="sonnet", prices=DEAR, capabilities=Capabilities(modalities=("text", "image"))),
        Model(name="gemini", prices=Prices(input=10**8, output=10**8), capabilities=Capabilities(window=300)),
        Model(
            name="seeing",
            prices=Prices(input=3 * 10**6, output=7 * 10**6),
            capabilities=Capabilities(modalities=("text", "image")),
        ),
    )
    here = Provider(name="here", format="openai_chat", base_url="http://127.0.0.1:1", residency=("eu",))
    served = [Deployment(name=m.name, model=m, provider=here, upstream_name=m.name) for m in models[:3]]
    return Catalog(models={m.name: m for m in models}, deployments={one.name: one for one in served})


CATALOG = catalog(200_000)
ODD_CATALOG = catalog(150)
"""With a border of prices that sums are not told apart at."""


def call(chance: random.Random, number: int) -> AttemptRecord:
    model = chance.choice(("haiku", "sonnet", "gemini"))
    verdict = Verdict(
        check=chance.choice(("json_schema", "finished")), score=chance.choice((1.0, 0.0)), reason=""
    )
    seconds = chance.lognormvariate(0, 1)
    return AttemptRecord(
        number=number,
        why=chance.choice(get_args(Why)),
        rung=model,
        deployment=model,
        provider="p",
        model=model,
        tier=chance.choice(("fast", "balanced", None)),
        effort=chance.choice(("low", None)),
        state=chance.choice(("answered", "answered", "failed", "cancelled")),
        seconds=seconds,
        ttft_seconds=chance.choice((seconds / 3, None)),
        usage=chance.choice(
            (Usage(uncached=chance.choice((100, 210_000)), visible=chance.randrange(200), cached=7), None)
        ),
        cost_nano=chance.choice((1_000_000, 2_000_000, None)),
        finish_reason=chance.choice(("stop", "length", None)),
        verdicts=(verdict,),
        empty=chance.random() < 0.1,
    )


def made_up(seed: int, n: int) -> list[JournalEntry]:
    """Requests of some hours around midnight, and what was said about some of them, twice about a few."""
    chance = random.Random(seed)
    entries: list[JournalEntry] = []
    for i in range(n):
        calls = tuple(call(chance, number) for number in range(1, chance.randrange(4) + 1))
        name = f"{seed}-{i:04d}"
        entries.append(
            Record(
                id=name,
                started_at=START + chance.random() * 3 * HOUR,
                seconds=chance.lognormvariate(0, 1),
                outcome=chance.choice(get_args(Outcome)),
                task=chance.choice(("coding", "extraction")),
                project=chance.choice(("", "search")),
                key_id=chance.choice(("", "ada", "bob")),
                rule=chance.choice(("a", "b")),
                attempts=calls,
                delivered=len(calls) or None,
                verified=chance.random() < 0.5,
                ttft_seconds=chance.choice((0.3, None)),
                simulated=chance.random() < 0.2,
                session=chance.choice((None, *(f"s{chance.randrange(9)}" for _ in range(3)))),
                residency=chance.choice((None, None, "eu")),
                modalities=chance.choice((("text",), ("text", "image"))),
            )
        )
        for k in range(chance.choice((0, 0, 0, 1, 2))):
            verdict = chance.choice(VERDICTS)
            entries.append(Feedback(id=f"f{name}{k}", record_id=name, at=START + k, verdict=verdict))
    return entries


def rounded(value: Any) -> Any:
    """Without the percentiles, which only sketches differ in; how many values they are of stays."""
    if isinstance(value, dict):
        return {
            key: rounded(item) for key, item in value.items() if key not in ("p50", "p95", "percentile_error")
        }
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def percentiles_of(value: Any) -> list[float | None]:
    if isinstance(value, dict):
        own = [value[name] for name in ("p50", "p95") if name in value]
        return own + [one for item in value.values() for one in percentiles_of(item)]
    return [one for item in value for one in percentiles_of(item)] if isinstance(value, list | tuple) else []


def assert_same(sums: object, records: object) -> None:
    found, right = msgspec.to_builtins(sums), msgspec.to_builtins(records)
    assert rounded(found) == rounded(right)
    for one, other in zip(percentiles_of(found), percentiles_of(right), strict=True):
        if one is None or other is None:
            assert one is other
        else:
            assert one == pytest.approx(other, rel=RELATIVE_ERROR * 1.0001)


def assert_both_ways_agree(place: Place, since: float | None = None) -> None:
    history = place.history(since=since)
    every, said = history.records, history.feedback
    tallies = load_tallies(place.folder, since=since, database_url=place.url)
    for by in WAYS:
        assert_same(summarise_tallies(tallies, by), summarise(every, said, by))
    for most in (3, 1_000):
        sums = load_sessions(place.folder, most, since=since, database_url=place.url)
        found = summarise_sessions(sums.answers, sums.sessions, sums.groups)
        assert_same(found, summarise(every, said, "session", most))
    assert_same(measured_by_tallies(tallies), measured_by_model(every, said))
    assert_audits_agree(place, CATALOG, since, history)
    checks = load_check_tallies(place.folder, since=since, database_url=place.url)
    assert account_of(checks) == account_of(tally_checks(every))


def assert_audits_agree(
    place: Place, known: Catalog, since: float | None, history: History | None = None
) -> None:
    answers, uses = load_audit(place.folder, price_borders(known), since=since, database_url=place.url)
    history = history or place.history(since=since)
    right = audit_records(history.records, history.feedback, known)
    assert audit_sums(answers, uses, (), {}, known) == right


def fill(place: Place, entries: list[JournalEntry]) -> None:
    store = place.store()
    for i in range(0, len(entries), 50):
        store.insert(entries[i : i + 50], "0000000001-abcd.journal", i + 1)
    store.close()


CUTS = (None, 0.0, 17.3, 60.0, 3_599.0, 3_600.0, 3_600.5, 2 * 3_600 - 0.001, 5_000.0, 20_000.0, -400_000.0)


def test_reports_are_the_same_from_sums_and_from_records(place: Place) -> None:
    """All of them, wherever `--since` cuts a minute, an hour or a day."""
    fill(place, made_up(1, 300))
    for after_seconds in CUTS:
        assert_both_ways_agree(place, None if after_seconds is None else START + after_seconds)


def test_prices_that_begin_elsewhere_are_reckoned_record_by_record(place: Place) -> None:
    """Where a price list has a border of input tokens that sums are not told apart at."""
    fill(place, made_up(1, 200))
    for since in (None, START + 3_601):
        assert_audits_agree(place, ODD_CATALOG, since)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    stored=st.integers(0, 60),
    waiting=st.integers(0, 20),
    after_seconds=st.none() | st.floats(-100.0, 12_000.0),
)
def test_any_records_make_the_same_reports_both_ways(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    stored: int,
    waiting: int,
    after_seconds: float | None,
) -> None:
    place = Place(tmp_path_factory.mktemp("any"))
    fill(place, made_up(seed, stored))
    with place.process() as (journal, _):
        for entry in made_up(seed + 1, waiting + 1):
            journal.append(entry)
        assert_both_ways_agree(place, None if after_seconds is None else START + after_seconds)


def test_what_the_store_has_not_taken_in_yet_counts(place: Place) -> None:
    """Records and feedback that wait in the journal, also about records that do not, and one that is in both."""
    stored, waiting = made_up(2, 100), made_up(3, 100)
    fill(place, stored)
    with place.process() as (journal, _):
        for entry in (
            *waiting,
            stored[0],
            Feedback(id="z", record_id="2-0003", at=START + 9, verdict="rejected"),
        ):
            journal.append(entry)
        assert_both_ways_agree(place)
        assert_both_ways_agree(place, START + 4_000)


def test_a_record_that_comes_twice_counts_once(place: Place) -> None:
    entries = made_up(4, 50)
    fill(place, entries + entries)
    fill(place, entries)
    assert_both_ways_agree(place)


def test_an_interrupted_request_whose_record_comes_late_counts_once(place: Place) -> None:
    """Whether its record is in the store by now, or waits in the journal."""
    store = place.store()
    names = (FULL.id, "waits")
    store.insert([started(name) for name in names], "0000000001-abcd.journal", 1)
    assert store.interrupt_pending() == 2
    store.insert([FULL], "0000000001-abcd.journal", 2)
    store.close()
    with place.process() as (journal, _):
        journal.append(record("waits"))
        assert_both_ways_agree(place)


def test_many_small_batches_are_put_together(place: Place) -> None:
    """The day has about as many rows as there are cells, however many batches wrote them."""
    entries = made_up(5, 400)
    store = place.store()
    for i in range(0, len(entries), 3):
        store.insert(entries[i : i + 3], "0000000001-abcd.journal", i + 3)
    store.close()
    cells = len(load_tallies(place.folder, database_url=place.url))
    ((rows,),) = place.ask(f"SELECT count(*) FROM rollups WHERE span_seconds = {DAY}")
    assert rows < 3 * cells + 300
    assert_both_ways_agree(place)


@pytest.mark.parametrize("span", [MINUTE, HOUR, DAY])
def test_every_span_holds_everything(place: Place, span: int) -> None:
    fill(place, [*TABLE, *made_up(6, 100)])
    ((requests, calls),) = place.ask(
        f"SELECT CAST(sum(requests) AS INTEGER), CAST(sum(calls) AS INTEGER) FROM rollups WHERE span_seconds = {span}"
    )
    records = place.history().records
    assert (requests, calls) == (len(records), sum(len(one.attempts) for one in records))


def empty_sums(place: Place) -> None:
    """As a migration leaves them: to be made anew."""
    for table in ("rollups", "session_rollups", "use_rollups", "check_rollups"):
        place.ask(f"DELETE FROM {table}")
    place.ask("UPDATE feedback SET counted = false")
    place.ask("INSERT INTO meta (key, value) VALUES ('rollups', '')")


def fill_up(place: Place) -> None:
    """What ingest does until there is nothing left to be taken into the sums."""
    store = place.store()
    while store.fill_sums():
        pass
    store.close()


def test_an_older_database_is_filled_once(place: Place) -> None:
    """Whoever opens it adds up what it has; the next ones add nothing."""
    fill(place, made_up(7, 120))
    empty_sums(place)
    fill_up(place)
    assert_both_ways_agree(place)
    fill_up(place)
    assert_both_ways_agree(place)


def test_while_older_records_are_taken_into_sums_every_report_is_whole(place: Place) -> None:
    """After each portion, while records come that are older and newer than those that the sums have, one of them was
    known as interrupted, and feedback comes on any of them."""
    store = place.store()
    store.insert([started("7-9990")], "s.journal", 0)
    store.interrupt_pending()
    store.close()
    fill(place, made_up(7, 100))
    empty_sums(place)
    store = place.store()
    for i in range(3):
        assert_both_ways_agree(place, None if i else START + 4_000)
        more = [*made_up(8, 30), record("7-9990"), *made_up(6, 40)][i::3]
        late = Feedback(id=f"late{i}", record_id=f"7-00{i:02d}", at=START + 99, verdict="rejected")
        store.insert([*more, late], "s.journal", i + 1)
        assert_both_ways_agree(place)
        store.fill_sums(at_once=60)
    assert not store.fill_sums()
    store.close()
    assert place.ask("SELECT count(*) FROM feedback WHERE NOT counted") == [(0,)]
    assert_both_ways_agree(place)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("after_seconds", [0.02, 0.2])
def test_filling_that_is_killed_goes_on_where_it_was(place: Place, after_seconds: float) -> None:
    """Wherever the process dies, with kill -9: what was taken in counts once, and the rest follows."""
    fill(place, made_up(9, 400))
    empty_sums(place)
    script = """
    import os, signal, sys, threading
    from pathlib import Path
    from tiercel.domain.secret import Secret
    from tiercel.records.store import Store
    store = Store(Path(sys.argv[1]), Secret(sys.argv[2]) if sys.argv[2] else None)
    threading.Timer(float(sys.argv[3]), os.kill, (os.getpid(), signal.SIGKILL)).start()
    while store.fill_sums(at_once=8):
        pass
    threading.Event().wait()
    """
    url = place.url.reveal() if place.url else ""
    command = [sys.executable, "-c", textwrap.dedent(script), str(place.folder), url, str(after_seconds)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    assert_both_ways_agree(place)
    fill_up(place)
    assert_both_ways_agree(place)


def test_opinions_that_change_count_once(place: Place) -> None:
    """Each of many, in an order of their own, also about records that come later."""
    store = place.store()
    said = [
        Feedback(id=f"o{k}", record_id="late", at=START + at, verdict=verdict)
        for k, (at, verdict) in enumerate(zip((5, 3, 9, 7), CHANGING, strict=True))
    ]
    for k, one in enumerate(said):
        store.insert([one], "s.journal", k)
        if k == 1:
            store.insert([record("late", started_at=START)], "s.journal", k)
        assert_both_ways_agree(place)
    store.close()
    assert place.ask("SELECT count(*) FROM feedback WHERE NOT counted") == [(0,)]
    ((requests, opinions, rejected),) = place.ask(
        f"SELECT sum(requests), sum(opinions), sum(rejected_passed) FROM rollups WHERE span_seconds = {DAY}"
    )
    assert (requests, opinions, rejected) == (1, 1, 1)


def test_a_session_has_one_row_an_hour_and_a_day(place: Place) -> None:
    """However many batches brought its requests."""
    store = place.store()
    for i in range(20):
        one = msgspec.structs.replace(record(f"r{i}", started_at=START + i), session="s", project="p")
        store.insert([one], "s.journal", i)
    store.close()
    rows = place.ask("SELECT span_seconds, session, requests FROM session_rollups ORDER BY 1")
    assert rows == [(HOUR, "s", 20), (DAY, "s", 20)]


def test_the_busiest_sessions_come_first_and_all_are_counted(place: Place) -> None:
    requests = {"b": 3, "a": 3, "few": 1, "many": 5, "": 4}
    names = [name for name, n in requests.items() for _ in range(n)]
    made = [record(f"r{i:02d}", started_at=START + i) for i in range(len(names))]
    fill(place, [msgspec.structs.replace(r, session=n or None) for r, n in zip(made, names, strict=True)])
    found = load_sessions(place.folder, 3, database_url=place.url)
    report = summarise_sessions(found.answers, found.sessions, found.groups)
    assert [(row.name, row.requests) for row in report.rows] == [("many", 5), ("no session", 4), ("a", 3)]
    assert (report.groups, report.total.requests) == (5, 16)
