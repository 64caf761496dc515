"""The report: all numbers of a set of records, together and by task, model, tier, effort or session."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.measure.climbing import Calls, Climbing, calls, calls_of, climbing, climbing_of
from tiercel.measure.cost import Cost, cost, cost_of
from tiercel.measure.latency import Speed, speed, speed_of
from tiercel.measure.quality import Quality, quality, quality_of
from tiercel.records.sketch import RELATIVE_ERROR
from tiercel.records.tally import Cell, Tally

SummedBy = Literal["task", "model", "tier", "effort"]
"""What sums are kept by."""
By = Literal["task", "model", "tier", "effort", "session"]
NOTHING_DELIVERED = "none"
"""The group of requests without a delivered answer, where groups are of the answer."""
NO_TIER = "no tier"
NO_EFFORT = "default"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of some requests, of which `called` reached a model, and `simulated` a simulated one.

    By model, tier or effort, `calls` are the calls to it, whatever was delivered in the end; everything else is of the
    requests that it answered, with all that was spent on the way.
    """

    name: str
    requests: int
    called: int
    simulated: int
    quality: Quality
    cost: Cost
    speed: Speed
    climbing: Climbing
    calls: Calls


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`total` over everything, `rows` by `by`: most requests first. `since` and `until` are the first and the last
    start, in Unix seconds, `None` without records. `percentile_error` is how far p50 and p95 may be off, as a share of
    them; everything else is exact."""

    by: By | None
    total: Group
    rows: tuple[Group, ...]
    since: float | None
    until: float | None
    percentile_error: float = 0.0


def summarise(
    records: Iterable[Record], feedback: Mapping[str, Feedback] | None = None, by: By | None = None
) -> Report:
    """The report of these records; `feedback` is the one that counts of each record, by its id."""
    every = list(records)
    said = feedback or {}
    starts = [record.started_at for record in every]
    return Report(
        by=by,
        total=_group("all", every, [a for record in every for a in record.attempts], said),
        rows=() if by is None else _rows(every, said, by),
        since=min(starts, default=None),
        until=max(starts, default=None),
    )


def summarise_tallies(tallies: Mapping[Cell, Tally], by: SummedBy | None = None) -> Report:
    """The same report from sums, which takes no longer for more records; its percentiles are those of sketches."""
    total = Tally()
    groups: defaultdict[str, Tally] = defaultdict(Tally)
    simulated: Counter[str] = Counter()
    for cell, tally in tallies.items():
        if any(tally.counts.values()):
            name = "" if by is None else _cell_name(cell, by)
            groups[name].merge(tally)
            total.merge(tally)
            simulated[name] += tally.counts["called"] if cell.simulated else 0
    rows = [] if by is None else [group_of(name, own, simulated[name]) for name, own in groups.items()]
    return Report(
        by=by,
        total=group_of("all", total, simulated.total()),
        rows=_in_order(rows),
        since=total.first_at,
        until=total.last_at,
        percentile_error=RELATIVE_ERROR,
    )


def group_of(name: str, tally: Tally, simulated: int) -> Group:
    """The numbers of the requests and calls that were tallied; so many reached a simulated model."""
    counts = tally.counts
    successes = counts["passed"] - counts["rejected_passed"]
    return Group(
        name=name,
        requests=counts["requests"],
        called=counts["called"],
        simulated=simulated,
        quality=quality_of(tally),
        cost=cost_of(counts["cost_nano"], counts["unpriced"], successes),
        speed=speed_of(tally),
        climbing=climbing_of(tally),
        calls=calls_of(tally),
    )


def _cell_name(cell: Cell, by: SummedBy) -> str:
    if by == "task":
        return cell.task
    if not cell.model:
        return NOTHING_DELIVERED
    match by:
        case "model":
            return cell.model
        case "tier":
            return cell.tier or NO_TIER
        case "effort":
            return cell.effort or NO_EFFORT


def _rows(records: Sequence[Record], feedback: Mapping[str, Feedback], by: By) -> tuple[Group, ...]:
    of_answer = _OF_ATTEMPT.get(by)
    requests: defaultdict[str, list[Record]] = defaultdict(list)
    attempts: defaultdict[str, list[AttemptRecord]] = defaultdict(list)
    for record in records:
        name = _name(record, by)
        requests[name].append(record)
        for attempt in record.attempts:
            attempts[of_answer(attempt) if of_answer else name].append(attempt)
    groups = [_group(name, requests[name], attempts[name], feedback) for name in {*requests, *attempts}]
    return _in_order(groups)


def _in_order(groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda group: (-group.requests, -group.calls.n, group.name)))


def _name(record: Record, by: By) -> str:
    if by == "task":
        return record.task
    if by == "session":
        return record.session or "no session"
    return NOTHING_DELIVERED if record.answer is None else _OF_ATTEMPT[by](record.answer)


_OF_ATTEMPT: dict[str, Callable[[AttemptRecord], str]] = {
    "model": lambda attempt: attempt.model,
    "tier": lambda attempt: attempt.tier or NO_TIER,
    "effort": lambda attempt: attempt.effort or NO_EFFORT,
}


def _group(
    name: str, records: Sequence[Record], attempts: Sequence[AttemptRecord], feedback: Mapping[str, Feedback]
) -> Group:
    own_quality = quality(records, feedback)
    return Group(
        name=name,
        requests=len(records),
        called=sum(bool(record.attempts) for record in records),
        simulated=sum(record.simulated and bool(record.attempts) for record in records),
        quality=own_quality,
        cost=cost(records, own_quality.success.count),
        speed=speed(records),
        climbing=climbing(records),
        calls=calls(attempts),
    )
