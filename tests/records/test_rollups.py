"""Sums say what the records say: the report from both, over every span, after everything that changes either."""

import random
from typing import Any, Literal, get_args

import msgspec
import pytest

from tests.measure.samples import TABLE
from tests.records.place import Place
from tests.records.samples import FULL, record, started
from tiercel.domain.climb import Verdict, Why
from tiercel.domain.record import AttemptRecord, Feedback, JournalEntry, Outcome, Record
from tiercel.domain.response import Usage
from tiercel.measure.report import Report, SummedBy, summarise, summarise_tallies
from tiercel.records.query import load_history, load_tallies
from tiercel.records.rollups import DAY, HOUR, MINUTE
from tiercel.records.sketch import RELATIVE_ERROR

START = 1_785_542_400.0 + 23 * 3_600
"""An hour before midnight UTC, so that all spans have borders within a few hours."""
VERDICTS: tuple[Literal["accepted", "rejected"] | None, ...] = ("accepted", "rejected", None)
WAYS: tuple[SummedBy | None, ...] = (None, *get_args(SummedBy))


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
        usage=chance.choice((Usage(uncached=100, visible=chance.randrange(200), cached=7), None)),
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
                rule=chance.choice(("a", "b")),
                attempts=calls,
                delivered=len(calls) or None,
                verified=chance.random() < 0.5,
                ttft_seconds=chance.choice((0.3, None)),
                simulated=chance.random() < 0.2,
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


def assert_same(sums: Report, records: Report) -> None:
    found, right = msgspec.to_builtins(sums), msgspec.to_builtins(records)
    assert rounded(found) == rounded(right)
    for one, other in zip(percentiles_of(found), percentiles_of(right), strict=True):
        if one is None or other is None:
            assert one is other
        else:
            assert one == pytest.approx(other, rel=RELATIVE_ERROR * 1.0001)


def assert_both_ways_agree(place: Place, since: float | None = None) -> None:
    history = load_history(place.folder, since=since, database_url=place.url)
    tallies = load_tallies(place.folder, since=since, database_url=place.url)
    for by in WAYS:
        assert_same(summarise_tallies(tallies, by), summarise(history.records, history.feedback, by))


def fill(place: Place, entries: list[JournalEntry]) -> None:
    store = place.store()
    for i in range(0, len(entries), 50):
        store.insert(entries[i : i + 50], "0000000001-abcd.journal", i + 1)
    store.close()


@pytest.mark.parametrize(
    "after_seconds",
    [None, 0.0, 17.3, 60.0, 3_599.0, 3_600.0, 3_600.5, 2 * 3_600 - 0.001, 5_000.0, 20_000.0, -400_000.0],
)
def test_the_report_is_the_same_from_sums_and_from_records(place: Place, after_seconds: float | None) -> None:
    """Wherever `--since` cuts a minute, an hour or a day."""
    fill(place, made_up(1, 400))
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
    entries = made_up(5, 1_500)
    store = place.store()
    for i in range(0, len(entries), 3):
        store.insert(entries[i : i + 3], "0000000001-abcd.journal", i + 3)
    store.close()
    cells = len(load_tallies(place.folder, database_url=place.url))
    ((rows,),) = place.ask(f"SELECT count(*) FROM rollups WHERE span_seconds = {DAY}")
    assert rows < 3 * cells + 1_000
    assert_both_ways_agree(place)


@pytest.mark.parametrize("span", [MINUTE, HOUR, DAY])
def test_every_span_holds_everything(place: Place, span: int) -> None:
    fill(place, [*TABLE, *made_up(6, 100)])
    ((requests, calls),) = place.ask(
        f"SELECT CAST(sum(requests) AS INTEGER), CAST(sum(calls) AS INTEGER) FROM rollups WHERE span_seconds = {span}"
    )
    records = place.history().records
    assert (requests, calls) == (len(records), sum(len(one.attempts) for one in records))


def test_an_older_database_is_filled_once(place: Place) -> None:
    """The first to open it adds up what it has; the next ones add nothing."""
    fill(place, made_up(7, 120))
    place.ask("DELETE FROM rollups")
    place.ask("INSERT INTO meta (key, value) VALUES ('rollups', 'missing')")
    place.store().close()
    assert_both_ways_agree(place)
    place.store().close()
    assert_both_ways_agree(place)
