"""A period whole and by steps says the same as its records one by one."""

import msgspec
import pytest

from tests.records.place import Place
from tests.records.test_rollups import START, made_up
from tiercel.domain.record import DELIVERED, Record
from tiercel.records.rollups import DAY, HOUR, MINUTE, ceil_to, spans_between
from tiercel.records.series import CHARTED, Wanted, load_answers, load_period

FIRST = int(START // HOUR) * HOUR
"""A whole hour, which the steps need."""


@pytest.mark.parametrize("step", [MINUTE, 5 * MINUTE, HOUR, 4 * HOUR])
@pytest.mark.parametrize("project", [None, "search"])
def test_steps_and_the_whole_add_up_to_the_records(place: Place, step: int, project: str | None) -> None:
    """Some of them are stored, some wait in the journal, some lie outside."""
    entries = made_up(11, 80)
    records = [entry for entry in entries if isinstance(entry, Record)]
    with place.process() as (journal, _):
        store = place.store()
        store.insert(entries[:90], "before.journal", 1)
        store.close()
        for entry in entries[90:]:
            journal.append(entry)
        wanted = Wanted(
            since=FIRST, until=FIRST + 2 * HOUR + 7 * MINUTE, step_seconds=step, by="task", project=project
        )
        period = load_period(place.folder, wanted, database_url=place.url)
    own = [
        record
        for record in records
        if wanted.since <= record.started_at < wanted.until and project in (None, record.project)
    ]
    assert own, "there is something to add up"
    assert sum(tally.counts["requests"] for tally in period.answers.values()) == len(own)
    assert sum(tally.counts["cost_nano"] for tally in period.answers.values()) == sum(
        r.cost_nano for r in own
    )
    for begin in period.steps:
        within = [r for r in own if begin.start_at <= r.started_at < begin.start_at + step]
        assert sum(counts["requests"] for counts in begin.counts.values()) == len(within)
        assert begin.latency.n == sum(record.outcome in DELIVERED for record in within)
    for name in CHARTED:
        of_steps = sum(counts[name] for begin in period.steps for counts in begin.counts.values())
        assert of_steps == sum(tally.counts[name] for tally in period.answers.values())


@pytest.mark.parametrize("project", [None, "search"])
@pytest.mark.parametrize("percentiles", [True, False])
def test_answers_without_steps_are_those_of_the_whole(
    place: Place, project: str | None, percentiles: bool
) -> None:
    """All of them or those of one model, with percentiles or without."""
    entries = made_up(11, 80)
    since, until = FIRST, FIRST + 2 * HOUR + 7 * MINUTE
    with place.process() as (journal, _):
        store = place.store()
        store.insert(entries[:90], "before.journal", 1)
        store.close()
        for entry in entries[90:]:
            journal.append(entry)
        wanted = Wanted(since=since, until=until, step_seconds=until - since, project=project)
        whole = load_period(place.folder, wanted, database_url=place.url).answers
        models = {cell.model for cell in whole}
        for model in (None, *models):
            found = load_answers(
                place.folder,
                since=since,
                until=until,
                project=project,
                model=model,
                percentiles=percentiles,
                database_url=place.url,
            )
            own = {cell: tally for cell, tally in whole.items() if model in (None, cell.model)}
            assert {cell: tally.counts for cell, tally in found.items()} == {
                cell: tally.counts for cell, tally in own.items()
            }
            if percentiles:
                assert {cell: tally.sketch("latency_seconds").n for cell, tally in found.items()} == {
                    cell: tally.sketch("latency_seconds").n for cell, tally in own.items()
                }
    assert len(models) > 1


@pytest.mark.parametrize("step", [MINUTE, HOUR, 4 * HOUR])
def test_up_to_now_is_the_same_from_fewer_rows(place: Place, step: int) -> None:
    """The sums of the hour and the day under way have nothing of later."""
    entries = made_up(11, 80)
    with place.process():
        store = place.store()
        store.insert(entries, "before.journal", 1)
        store.close()
    last = max(entry.started_at for entry in entries if isinstance(entry, Record))
    closed = Wanted(since=FIRST, until=ceil_to(MINUTE, last + 1), step_seconds=step)
    opened = msgspec.structs.replace(closed, is_open=True)
    whole, found = (load_period(place.folder, one, database_url=place.url) for one in (closed, opened))
    assert {cell: tally.counts for cell, tally in found.answers.items()} == {
        cell: tally.counts for cell, tally in whole.answers.items()
    }
    assert [step.counts for step in found.steps] == [step.counts for step in whole.steps]
    assert [step.latency.n for step in found.steps] == [step.latency.n for step in whole.steps]


@pytest.mark.parametrize(
    ("since", "until"),
    [(0, MINUTE), (0, HOUR), (MINUTE, DAY), (HOUR, 3 * DAY), (59 * MINUTE, 2 * DAY + 61 * MINUTE), (5, 5)],
)
def test_spans_hold_exactly_the_period(since: int, until: int) -> None:
    at = since
    for length, first, end in spans_between((MINUTE, HOUR, DAY), since, until):
        assert first == at
        assert end is not None
        assert first % length == end % length == 0
        at = end
    assert at == until
