"""The report: all numbers of a set of records, together and by task, model, tier, effort or session."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from tiercel.domain.record import AttemptRecord, Feedback, Record
from tiercel.measure.climbing import Calls, Climbing, calls, calls_of, climbing, climbing_of
from tiercel.measure.cost import Cost, cost, cost_of
from tiercel.measure.latency import Speed, speed, speed_of
from tiercel.measure.quality import Quality, quality, quality_of
from tiercel.records.sketch import RELATIVE_ERROR
from tiercel.records.tally import NO_SESSION, Cell, RequestTally, SessionCell, session_of

SummedBy = Literal["task", "model", "tier", "effort"]
"""What sums are kept by."""
By = Literal["task", "model", "tier", "effort", "session"]
NOTHING_DELIVERED = "none"
"""The group of requests without a delivered answer, where groups are of the answer."""
NO_TIER = "no tier"
NO_EFFORT = "default"
WITHOUT_SESSION = "no session"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of some requests, of which `called` reached a model, and `simulated` a simulated one.

    By model, tier or effort, `calls` are the calls to it, whatever was delivered in the end; everything else is of the
    requests that it answered, with all that was spent on the way. `first_at` and `last_at` are the first and the last
    start in Unix seconds, `wall_seconds` from that first start to the end of what ended last; `None` without requests.
    By session, `project` and `key_id` say who calls it so.
    """

    name: str
    project: str | None = None
    key_id: str | None = None
    first_at: float | None = None
    last_at: float | None = None
    wall_seconds: float | None = None
    requests: int
    called: int
    simulated: int
    quality: Quality
    cost: Cost
    speed: Speed
    climbing: Climbing
    calls: Calls


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`total` over everything, `rows` by `by`: most requests first, of `groups` that there are. `since` and `until` are
    the first and the last start, in Unix seconds, `None` without records. `percentile_error` is how far p50 and p95 may
    be off, as a share of them; everything else is exact."""

    by: By | None
    total: Group
    rows: tuple[Group, ...]
    groups: int
    since: float | None
    until: float | None
    percentile_error: float = 0.0
    shadow_copies: int = 0
    """Copies for candidates in this time; neither they nor what they cost are in any other number."""
    shadow_nano: int = 0


def summarise(
    records: Iterable[Record],
    feedback: Mapping[str, Feedback] | None = None,
    by: By | None = None,
    most: int | None = None,
) -> Report:
    """The report of these records; `feedback` is the one that counts of each record, by its id. There are `most` rows
    at the most."""
    every = list(records)
    said = feedback or {}
    rows: tuple[Group, ...] = ()
    if by is not None:
        rows = _session_rows(every, said) if by == "session" else _rows(every, said, by)
    total = _group("all", every, [a for record in every for a in record.attempts], said)
    return Report(
        by=by, total=total, rows=rows[:most], groups=len(rows), since=total.first_at, until=total.last_at
    )


def summarise_tallies(tallies: Mapping[Cell, RequestTally], by: SummedBy | None = None) -> Report:
    """The same report from sums, which takes no longer for more records; its percentiles are those of sketches."""
    total, groups = RequestTally(), defaultdict[str, RequestTally](RequestTally)
    for cell, tally in tallies.items():
        if any(tally.counts.values()):
            if by is not None:
                groups[_cell_name(cell, by)].merge(tally)
            total.merge(tally)
    rows = _in_order(group_of(name, own) for name, own in groups.items())
    return _of_tallies(total, rows, by, len(groups))


def summarise_sessions(
    tallies: Mapping[Cell, RequestTally], sessions: Mapping[SessionCell, RequestTally], groups: int
) -> Report:
    """The same by session: of so many `groups` these `sessions`."""
    total = RequestTally()
    for tally in tallies.values():
        if any(tally.counts.values()):
            total.merge(tally)
    rows = _sessions_in_order((cell, group_of(cell.session, own)) for cell, own in sessions.items())
    return _of_tallies(total, rows, "session", groups)


def _of_tallies(total: RequestTally, rows: tuple[Group, ...], by: By | None, n: int) -> Report:
    return Report(
        by=by,
        total=group_of("all", total),
        rows=rows,
        groups=n,
        since=total.edges.get("first_at"),
        until=total.edges.get("last_at"),
        percentile_error=RELATIVE_ERROR,
    )


def group_of(name: str, tally: RequestTally) -> Group:
    """The numbers of the requests and calls that were tallied."""
    counts, edges = tally.counts, tally.edges
    successes = counts["passed"] - counts["rejected_passed"]
    return Group(
        name=name,
        first_at=edges.get("first_at"),
        last_at=edges.get("last_at"),
        wall_seconds=edges["ended_at"] - edges["first_at"] if edges else None,
        requests=counts["requests"],
        called=counts["called"],
        simulated=counts["simulated_called"],
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


def _session_rows(records: Sequence[Record], feedback: Mapping[str, Feedback]) -> tuple[Group, ...]:
    requests: defaultdict[SessionCell, list[Record]] = defaultdict(list)
    for record in records:
        requests[session_of(record) or NO_SESSION].append(record)
    return _sessions_in_order(
        (cell, _group(cell.session, own, [a for record in own for a in record.attempts], feedback))
        for cell, own in requests.items()
    )


def _sessions_in_order(groups: Iterable[tuple[SessionCell, Group]]) -> tuple[Group, ...]:
    in_order = sorted(groups, key=lambda entry: (-entry[1].requests, entry[0]))
    return tuple(
        msgspec.structs.replace(group, name=WITHOUT_SESSION)
        if cell == NO_SESSION
        else msgspec.structs.replace(group, project=cell.project, key_id=cell.key_id)
        for cell, group in in_order
    )


def _rows(records: Sequence[Record], feedback: Mapping[str, Feedback], by: SummedBy) -> tuple[Group, ...]:
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


def _name(record: Record, by: SummedBy) -> str:
    if by == "task":
        return record.task
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
    starts = [record.started_at for record in records]
    ends = [record.started_at + record.seconds for record in records]
    return Group(
        name=name,
        first_at=min(starts, default=None),
        last_at=max(starts, default=None),
        wall_seconds=max(ends) - min(starts) if starts else None,
        requests=len(records),
        called=sum(bool(record.attempts) for record in records),
        simulated=sum(record.simulated and bool(record.attempts) for record in records),
        quality=own_quality,
        cost=cost(records, own_quality.success.count),
        speed=speed(records),
        climbing=climbing(records),
        calls=calls(attempts),
    )
